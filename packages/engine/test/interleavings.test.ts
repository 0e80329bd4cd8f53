/** Pauses, resumptions, steps and stops at random moments: whatever is done to runs, each ends as it should. */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { endings, localEngine, memorySource, type RunConfig, type RunStatus } from '../src/index.ts'
import { allEvents, config, toldIn, world } from './support/conformance.ts'

const runtime = {
  name: 'none',
  load: async () => {
    throw new Error('a world loads no graph')
  },
  close: async () => {},
}
const open = () => localEngine({ runtime, source: memorySource(new Map([['world', { card: world }]])) })

/** What may follow a status. */
const after: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ['running', 'paused', 'stopped'],
  running: ['paused', 'finished', 'stopped'],
  // What was under way may have been its last call.
  paused: ['queued', 'stopped', 'finished'],
  interrupted: ['queued', 'stopped'],
  finished: [],
  stopped: [],
  failed: [],
}

it('runs that are disturbed end as those that are left alone', { timeout: 30_000 }, async () => {
  const wanted: RunConfig[] = [
    { ...config, budget: 1500 },
    { ...config, budget: 400, method: 'best-of-n' },
    { ...config, budget: 800, method: 'dts-star(alpha=0.5)' },
  ]
  const alone = await open()
  const expected: object[] = []
  for (const each of wanted) {
    const { statuses: _, ...found } = toldIn(await allEvents(alone, await alone.start(each)))
    expected.push(found)
  }
  const act = fc.record({
    what: fc.constantFrom('pause', 'pause', 'resume', 'resume', 'resume', 'step', 'step', 'stop'),
    run: fc.nat(2),
    // Milliseconds before it; 0 is at the same moment as the one before.
    wait: fc.constantFrom(0, 0, 1, 5),
    awaited: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
      const engine = await open()
      const ids: string[] = []
      for (const each of wanted) ids.push(await engine.start(each))
      const doing: Promise<void>[] = []
      for (const { what, run, wait, awaited } of acts) {
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
        const done = engine[what](ids[run])
        doing.push(done)
        if (awaited) await done
      }
      await Promise.all(doing)
      const stopped = new Set(acts.filter(({ what }) => what === 'stop').map(({ run }) => run))
      for (const [i, id] of ids.entries()) {
        await engine.resume(id)
        const { statuses, ...found } = toldIn(await allEvents(engine, id))
        statuses.slice(1).forEach((status, k) => {
          expect(after[statuses[k]]).toContain(status)
        })
        const { status } = await engine.run(id)
        expect(status).toBe(statuses.at(-1))
        expect(endings.has(status)).toBe(true)
        if (!stopped.has(i)) expect(status).toBe('finished')
        if (status === 'finished') expect(found).toEqual(expected[i])
      }
      await engine.close()
    }),
    { numRuns: 20, seed: 6 },
  )
})
