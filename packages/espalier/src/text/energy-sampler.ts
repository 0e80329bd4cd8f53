import { purpose, uniform } from '../tensor/random.ts'
import { checkDrafts, chooseDrafts, type DraftOptions } from './energy.ts'
import { maskOf } from './process.ts'
import { checkTimes, evenTimes, freePositions, startStates, stepStream, type TokenSolver } from './sampler.ts'

export interface EnergySamplerOptions extends DraftOptions {
  /** Steps of a grid from 1 to 0. */
  readonly steps?: number
  /** The times themselves, instead of `steps`; they end at 0. */
  readonly times?: readonly number[]
}

/**
 * The sampler of EDLM (Xu et al. 2024) on a masked process: at every step of the grid one of k drafts of
 * the whole sequence is kept by its energy, and each mask is lifted to that draft's token with the probability
 * `(alpha_s - alpha_t) / (1 - alpha_t)`.
 *
 * Which masks fall is drawn first, since that does not depend on the tokens: a row in which none does asks neither
 * network nor energy. (The paper keeps a draft until something changes, to the same end; the law is the same.)
 */
export function energySampler(options: EnergySamplerOptions): TokenSolver {
  checkDrafts(options)
  return (task) => {
    const { process } = task
    const { kind, schedule } = process
    if (kind !== 'masked') throw new Error('the energy sampler is for masked processes, this one is uniform')
    const times = checkTimes(options.times ?? evenTimes(options.steps ?? Number.NaN))
    if (schedule.noised(times.at(-1) as number) !== 0) {
      throw new Error(`the energy sampler's times end at ${times.at(-1)}, where masks are left; let them end at 0`)
    }
    const free = freePositions(task)
    const mask = maskOf(process)
    return {
      name: `energy(${options.energy.name}, ${options.drafts ?? 2})`,
      steps: times.length - 1,
      cost: () => 1,
      time: (_, step) => times[step],
      noised: (step) => schedule.noised(times[step]),
      asksHere: () => true,
      remembers: false,
      start: (keys) => startStates(task, keys),
      async step(states, step, keys, ask) {
        const [t, s] = [times[step], times[step + 1]]
        const stays = schedule.noised(s) / schedule.noised(t)
        const streams = keys.map((key) => stepStream(key, step))
        const lifted = states.map(({ tokens }, i) => {
          const draws = new Float64Array(tokens.length)
          uniform(purpose(streams[i], 'move'), draws)
          return free.filter((p) => tokens[p] === mask && draws[p] >= stays)
        })
        const rows = [...states.keys()].filter((i) => lifted[i].length > 0)
        if (rows.length === 0) return [...states]
        const asked = rows.map((i) => states[i])
        const at = new Float64Array(rows.length).fill(t)
        const answers = await ask(asked, at)
        const own = rows.map((i) => streams[i])
        const chosen = await chooseDrafts(process, options, asked, answers, at, own)
        const next = [...states]
        rows.forEach((i, k) => {
          const tokens = states[i].tokens.slice()
          for (const p of lifted[i]) tokens[p] = chosen[k][p]
          next[i] = { tokens, time: states[i].time }
        })
        return next
      },
    }
  }
}
