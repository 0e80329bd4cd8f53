/** After many runs the server has what it had after a few: memory, files, handles, clients. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { serverEngine } from '@espalier/engine'
import { expect, it } from 'vitest'
import { longConfig } from '../../engine/test/support/conformance.ts'
import { open, raw, scratch } from './support/server.ts'

const CYCLES = 300
/**
 * Bytes of the heap that a cycle may leave behind, at most. V8 compiles more and more, which alone is some 10 KB a cycle
 * here; a search that is kept would be a hundred.
 */
const LEFT = 20_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function used(): number {
  collect()
  return process.memoryUsage().heapUsed
}

const handles = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0)

it('starts and cancels runs for as long as it likes', { timeout: 120_000 }, async () => {
  const folder = scratch()
  const server = await open(folder.path, { snapshotEvery: 0 })
  const engine = serverEngine({ url: server.url })
  const cycle = async (n: number) => {
    const id = await engine.start({ ...longConfig, seed: n })
    const gone = new AbortController()
    // Some are met on their way, some while they wait; some clients just vanish.
    if (n % 3 > 0) {
      for await (const { event } of engine.events(id, 0, gone.signal)) {
        if (event.type === (n % 3 === 1 ? 'leaves' : 'started')) break
      }
    }
    gone.abort()
    await engine.stop(id)
    expect((await engine.run(id)).status).toBe('stopped')
    await engine.remove(id)
  }
  try {
    let n = 0
    for (; n < CYCLES / 3; n++) await cycle(n)
    const [before, open] = [used(), handles()]
    for (; n < CYCLES; n++) await cycle(n)
    const [after, then] = [used(), handles()]
    expect((after - before) / (CYCLES - CYCLES / 3)).toBeLessThan(LEFT)
    // Other tests of this process have handles too; one a cycle would be more.
    expect(then).toBeLessThan(open + CYCLES / 3)
    expect(readdirSync(join(folder.path, 'runs'))).toEqual(['_models'])
    const { text } = await raw(`${server.url}/metrics`)
    for (let i = 0; i < 100 && !/^espalier_event_clients 0$/m.test((await raw(`${server.url}/metrics`)).text); i++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect((await raw(`${server.url}/metrics`)).text).toMatch(/^espalier_event_clients 0$/m)
    expect(text).toMatch(/^espalier_runs\{status="running"\} 0$/m)
  } finally {
    await server.close()
    folder.remove()
  }
})
