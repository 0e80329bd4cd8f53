/** A stop is heard between two network calls, by every method, whatever the network is of. */

import { nodeRuntime } from 'espalier/node'
import { searchCatalogue, searchFrom } from 'espalier/search'
import { afterAll, describe, expect, it } from 'vitest'
import { localEngine, memorySource, type RunConfig } from '../src/index.ts'
import { allEvents, config, textConfig } from './support/conformance.ts'
import { letters } from './support/letters.ts'
import { counting, plane, sides } from './support/plane.ts'

const node = nodeRuntime({ workers: 0 })
afterAll(() => node.close())

async function open() {
  const counted = counting(node)
  const engine = await localEngine({ runtime: counted.runtime, source: memorySource(new Map()), snapshotEvery: 0 })
  for (const model of [plane(), sides(), letters]) await engine.addModel(model)
  return { counted, engine }
}

/**
 * Stops a run as its n-th network call begins.
 * @returns the calls that began behind the stop, and the run; nothing where it ended before
 */
async function stoppedAt(n: number, wanted: RunConfig) {
  const { counted, engine } = await open()
  let stopping: Promise<void> | undefined
  let begun = 0
  const heard = new Promise<void>((resolve) => {
    counted.onCall = (call) => {
      if (call !== n) return
      begun = call
      stopping = engine.stop(id)
      resolve()
    }
  })
  const id = await engine.start(wanted)
  await Promise.race([heard, allEvents(engine, id)])
  if (!stopping) {
    const { error, status } = await engine.run(id)
    expect([status, error]).toEqual(['finished', undefined])
    return undefined
  }
  await stopping
  const after = counted.calls - begun
  await new Promise((resolve) => setTimeout(resolve, 20))
  const run = await engine.run(id)
  const later = counted.calls - begun
  await engine.close()
  return { after, later, run }
}

function check(n: number, stopped: Awaited<ReturnType<typeof stoppedAt>>) {
  if (!stopped) return
  const { after, later, run } = stopped
  expect(run.status, `call ${n}, ${run.error ?? ''}`).toBe('stopped')
  expect(after, `call ${n}`).toBeLessThanOrEqual(1)
  expect(later, `call ${n}`).toBe(after)
}

const { solver: _, ...plain } = config

describe.each(searchCatalogue.map(({ name }) => name))('%s', (method) => {
  const { chain } = searchFrom(method)

  it('stops within one call, in its searches, its gradients and its rewards', { timeout: 20_000 }, async () => {
    const wanted = { ...plain, model: 'plane', method, budget: 100_000 } as RunConfig
    for (const n of [1, 2, 7, 30]) {
      for (const reward of ['sum(class:right,0.5*prob:left,odds:right)', 'near:1,1']) {
        check(n, await stoppedAt(n, { ...wanted, reward }))
      }
    }
  })

  // RBF cannot end over these: the last candidates cost no call once their states were looked at.
  const ofText = chain !== 'guided' && chain !== 'deterministic' && method !== 'rbf'
  it.runIf(ofText)('stops within one call of a text', async () => {
    for (const n of [1, 2, 9]) check(n, await stoppedAt(n, { ...textConfig, method, budget: 100_000 }))
  })
})
