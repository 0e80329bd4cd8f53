import { advance } from './coupled-walk.ts'
import { softmaxAt } from './denoiser.ts'
import { type PairOptions, Pairs } from './distil-pairs.ts'
import { ancestral, normalise } from './kernel.ts'
import { transition } from './process.ts'
import { evenTimes, type TokenState } from './sampler.ts'

/** Against predictions that rule out what the next one finds. */
const TINY = 1e-12

/** Nats that are rounding. */
const NOTHING = 1e-9

export type JumpOptions = Omit<PairOptions, 'kernel' | 'variant' | 'coupled' | 'relax' | 'metric'>

export interface JumpedTimes {
  readonly times: readonly number[]
  /** Network evaluations of the fit: those of the fine runs. */
  readonly nfe: number
}

/**
 * Jump Your Steps (Park et al. 2024, arXiv 2410.07761): the times of a sampler of few steps as a subset of a fine even
 * grid. Steps are split level by level, 1 -> 2 -> 4 ..., each where asking the network again is worth most: where the KL
 * divergence of two steps `t -> u -> s` from one `t -> s`, the bound that the paper minimises, is largest. Of a number of
 * steps that is no power of two the last level splits those that are worth most.
 *
 * Three things are ours. States come from runs on the fine grid, not of the coarse sampler; all fine times are tried,
 * as the runs have asked there, instead of a golden-section search; and both steps are exact in time, so that the
 * measure sees what the network has learnt since, not how a kernel discretises time. Only positions that have not moved
 * by u count: a step moves each once.
 */
export async function jumpYourSteps(options: JumpOptions): Promise<JumpedTimes> {
  const pairs = new Pairs(options)
  const { timeFree } = pairs.task
  const grid = evenTimes(pairs.teacherSteps, pairs.end)
  const walks = pairs.start().map(({ teacher }) => teacher)
  const states: TokenState[][] = []
  for (let j = 0; j < pairs.teacherSteps; j++) {
    // What is asked of a state is remembered at one time, so each time has states of its own.
    if (!timeFree) for (const walk of walks) walk.state = { ...walk.state }
    states.push(walks.map(({ state }) => state))
    await advance(walks, pairs.teacher, grid[j], grid[j + 1], { interval: j, first: 0, shares: [1] }, pairs.ask)
  }
  const worth = splitWorth(pairs, grid, states)
  let chosen = [0, pairs.teacherSteps]
  while (chosen.length - 1 < pairs.steps) {
    const splits: { readonly at: number; readonly worth: number }[] = []
    for (let i = 0; i + 1 < chosen.length; i++) {
      const [from, to] = [chosen[i], chosen[i + 1]]
      if (to - from < 2) continue
      // Where nothing is worth anything, halves.
      const middle = (from + to) >> 1
      let best = { at: middle, worth: await worth(from, middle, to) }
      for (let u = from + 1; u < to; u++) {
        const value = await worth(from, u, to)
        if (value > best.worth) best = { at: u, worth: value }
      }
      splits.push(best)
    }
    splits.sort((a, b) => b.worth - a.worth)
    const room = pairs.steps - (chosen.length - 1)
    chosen = [...chosen, ...splits.slice(0, room).map(({ at }) => at)].sort((a, b) => a - b)
  }
  return { times: chosen.map((j) => grid[j]), nfe: pairs.nfe }
}

/** `E sum KL(law of u -> s by the prediction at u || law of u -> s by that at t)`, over positions that have not moved. */
function splitWorth(pairs: Pairs, grid: readonly number[], states: readonly TokenState[][]) {
  const { process, free } = pairs
  const { vocabulary } = process
  const [stage] = ancestral(process).stages
  const [stale, fresh] = [new Float64Array(vocabulary), new Float64Array(vocabulary)]
  const [p, q] = [new Float64Array(vocabulary + 1), new Float64Array(vocabulary + 1)]
  return async (from: number, at: number, to: number): Promise<number> => {
    const [t, u, s] = [grid[from], grid[at], grid[to]]
    const before = await pairs.ask(states[from], t)
    const now = await pairs.ask(states[at], u)
    let total = 0
    for (let i = 0; i < now.length; i++) {
      for (const l of free) {
        const token = states[at][i].tokens[l]
        if (token !== states[from][i].tokens[l] || stage.stay(token, u, s) === 1) continue
        softmaxAt(before[i], l * vocabulary, vocabulary, stale)
        softmaxAt(now[i], l * vocabulary, vocabulary, fresh)
        // The old prediction, given that the token is still what it was.
        for (let v = 0; v < vocabulary; v++)
          stale[v] *= transition(process, v, token, u) / transition(process, v, token, t)
        normalise(stale)
        stage.law([token], [fresh], u, s, p)
        stage.law([token], [stale], u, s, q)
        for (let v = 0; v <= vocabulary; v++) if (p[v] > 0) total += p[v] * Math.log(p[v] / Math.max(q[v], TINY))
      }
    }
    return total > NOTHING * now.length ? total : 0
  }
}
