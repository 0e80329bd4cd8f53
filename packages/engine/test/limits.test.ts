import { describe, expect, it } from 'vitest'
import { localEngine, memorySource } from '../src/index.ts'
import { bytesKept } from '../src/limits.ts'
import { prepareWalk } from '../src/prepare.ts'
import { allEvents, config, toldIn, world } from './support/conformance.ts'

const source = memorySource(new Map([['world', { card: world }]]))
const runtime = { name: 'none', load: () => Promise.reject(new Error('a world loads no graph')), close: async () => {} }
/** What a state of the plane is reckoned with: two numbers, and what is beside them. */
const STATE = 2 * 4 + 400

describe('the memory of a run', () => {
  it.each([
    'dts(alpha=0.5)',
    'dts(alpha=0.9)',
    'dts(rollout=finish)',
    'dts-star',
    'best-of-n',
    'smc',
    'svdd(candidates=3)',
    'greedy',
    'forest',
  ])('is reckoned before it begins, and is no more than that: %s', async (method) => {
    const given = { ...config, method, budget: 4000, steps: 8 }
    const reckoned = bytesKept(given, await prepareWalk(given, { source, runtime }))
    const engine = await localEngine({ runtime, source })
    const id = await engine.start(given)
    const events = await allEvents(engine, id)
    const { parents, leaves } = toldIn(events)
    const samples = events.reduce((sum, event) => sum + (event.type === 'samples' ? event.rewards.length : 0), 0)
    const states = parents.length || samples
    expect(states).toBeGreaterThan(10)
    expect(leaves.length > 0).toBe(method.startsWith('dts'))
    expect(states * STATE).toBeLessThanOrEqual(reckoned)
    await engine.close()

    const small = await localEngine({ runtime, source, limits: { memory: reckoned - 1 } })
    await expect(small.start(given)).rejects.toThrow(
      /^budget: the states of 4000 NFE take about [\d.e-]+ GiB of memory, [\d.e-]+ GiB are allowed here; ask for less$/,
    )
    await small.close()
  })

  it('counts the steps from an origin on alone', async () => {
    const engine = await localEngine({ runtime, source })
    const id = await engine.start({ ...config, method: 'dts', budget: 400, steps: 8 })
    const { parents, leaves } = toldIn(await allEvents(engine, id))
    const given = { ...config, method: 'dts', steps: 8, budget: 4000, origin: { run: id, node: parents[leaves[0]] } }
    const archive = await engine.archive(id)
    await engine.close()
    // From noise it would be allowed; from the last node of a path on it finds many more.
    const memory = 1.01 * bytesKept(given, await prepareWalk(given, { source, runtime }))
    const small = await localEngine({ runtime, source, limits: { memory } })
    const run = await small.restore(archive)
    await expect(small.start({ ...given, origin: { ...given.origin, run } })).rejects.toThrow(/^budget: the states of/)
    const { origin: _, ...whole } = given
    expect(await small.start(whole)).toMatch(/./)
    await small.close()
  })
})
