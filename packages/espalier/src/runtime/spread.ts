import type { Session } from './runtime.ts'

/**
 * Sessions of one and the same graph as one session: each run goes to the one with the fewest under way, the first of
 * equals. For a small network, whose one run cannot keep several cores busy, as many batches are computed at once as
 * there are sessions: `nodeRuntime({ workers: 2 })` loads each into a thread of its own.
 * @throws where there is none
 */
export function spread(sessions: readonly Session[]): Session {
  if (sessions.length === 0) throw new Error('spread() needs at least one session')
  const underWay = sessions.map(() => 0)
  return {
    inputs: sessions[0].inputs,
    outputs: sessions[0].outputs,
    async run(feeds, fetches, into) {
      const least = underWay.indexOf(Math.min(...underWay))
      underWay[least]++
      try {
        return await sessions[least].run(feeds, fetches, into)
      } finally {
        underWay[least]--
      }
    },
    async release() {
      await Promise.all(sessions.map((session) => session.release()))
    },
  }
}
