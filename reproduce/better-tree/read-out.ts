/** Two hundred samples of a finished forest: drawn from its leaves, or grown further. */

import { forest, regrow, type SearchResult } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import type { Method } from './methods.ts'

const count = 200
const measured = ['samples', 'distinct'] as const

/** Samples that all weigh the same. */
const even = (samples: readonly Tensor[], rewards: ArrayLike<number>): SearchResult<Tensor>['candidates'] =>
  samples.map((sample, i) => ({ sample, reward: rewards[i], weight: 1 / samples.length }))

export const readOuts: readonly Method[] = [
  {
    ...{ method: 'forest', setting: '200 draws from the leaves', measured },
    async run({ chains, reward }, seed, budget) {
      const { candidates, draw, ...rest } = await forest({ chain: chains.fine, reward, seed, budget, guard: false })
      const drawn = draw(count).map((i) => candidates[i])
      return {
        ...rest,
        logZ: undefined,
        best: 0,
        candidates: even(
          drawn.map((c) => c.sample),
          drawn.map((c) => c.reward),
        ),
      }
    },
  },
  ...[0.02, 0.1].map(
    (share): Method => ({
      ...{ method: 'forest', setting: `200 further samples, the last ${100 * share}% of the steps anew`, measured },
      async run({ chains, reward }, seed, budget) {
        const result = await forest({ chain: chains.fine, reward, seed, budget, guard: false })
        const more = await regrow(result.islands, { chain: chains.fine, reward, count, seed, share })
        return {
          ...{ ...result, logZ: undefined, best: 0, candidates: even(more.samples, more.rewards) },
          nfe: result.nfe + more.nfe,
          rewardEvaluations: result.rewardEvaluations + more.rewardEvaluations,
        }
      },
    }),
  ),
]
