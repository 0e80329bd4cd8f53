/** The ancestral step as it was published: every mask draws among all values and itself, at every step. */

import { fold, purpose, uniform } from 'espalier/tensor'
import { maskOf, type TokenSolver } from 'espalier/text'
import { softmax } from './draws.ts'

/**
 * One exact Gumbel for each value of each mask and step: `N L V` draws a sequence, most of which decide that nothing moves
 * (MDLM, Sahoo et al. 2024). The law is that of `ancestral`; this is here for its cost.
 */
export function publishedAncestral(steps: number): TokenSolver {
  return ({ process, prompt }) => {
    const { vocabulary, schedule } = process
    const mask = maskOf(process)
    const noise = new Float64Array(vocabulary + 1)
    return {
      name: 'published-ancestral',
      steps,
      cost: () => 1,
      time: (_, step) => 1 - step / steps,
      noised: (step) => schedule.noised(1 - step / steps),
      asksHere: () => true,
      remembers: false,
      start: (keys) => keys.map(() => ({ tokens: prompt.slice(), time: 1 })),
      async step(states, step, keys, ask) {
        const [t, s] = [1 - step / steps, 1 - (step + 1) / steps]
        const lift = 1 - schedule.noised(s) / schedule.noised(t)
        const answers = await ask(states, new Float64Array(states.length).fill(t))
        return states.map((state, i) => {
          let next: Int32Array | undefined
          for (let p = 0; p < state.tokens.length; p++) {
            if (state.tokens[p] !== mask) continue
            const clean = softmax(answers[i].subarray(p * vocabulary, (p + 1) * vocabulary))
            uniform(purpose(fold(keys[i], step * state.tokens.length + p), 'gumbels'), noise)
            let best = mask
            let bestScore = (1 - lift) / -Math.log(noise[vocabulary])
            for (let v = 0; v < vocabulary; v++) {
              const score = (lift * clean[v]) / -Math.log(noise[v])
              if (score > bestScore) {
                best = v
                bestScore = score
              }
            }
            if (best === mask) continue
            next ??= state.tokens.slice()
            next[p] = best
          }
          return next ? { tokens: next, time: s } : state
        })
      },
    }
  }
}
