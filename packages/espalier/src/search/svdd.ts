import { categorical, categoricalFromLog, type Stream } from '../tensor/random.ts'
import type { IslandRule, Population, Selection } from './island.ts'
import { type IslandOptions, type IslandResult, runIslands } from './islands.ts'
import { softmax } from './log-weights.ts'
import { argmax } from './rollouts.ts'
import { oneOf } from './search.ts'
import { populationsOf } from './smc.ts'

export interface SvddOptions<S, X> extends IslandOptions<S, X> {
  /** Candidates of every step, M. Default 5 (the paper: 20 for images, 10 elsewhere). */
  readonly candidates?: number
  /** Samples that are made side by side, N. Default: as many as the budget pays. */
  readonly samples?: number
  /** The best candidate (as in the released code: alpha = 0), or a draw from `softmax(lambda v)`. Default `argmax`. */
  readonly selection?: 'argmax' | 'softmax'
  /** Whether the first noise is chosen among M too, as the paper's loop has it. Default false. */
  readonly selectStart?: boolean
  /** SVDD-R (Algorithm 2): the share of worst samples that is replaced by better ones at every stop. Default 0. */
  readonly replace?: number
  /**
   * Carries the weight that the selection leaves out, the product of `mean_m exp(lambda v_m) / exp(lambda v_chosen)`
   * (ours): then the samples converge to the tilted law. Needs `softmax` and no replacement. Default false.
   */
  readonly weighted?: boolean
}

/**
 * Soft value-based decoding (Li et al. 2024, arXiv 2408.08252, Algorithm 1): from every state M candidates are drawn
 * from the model, and one is kept by its value. With the default values, `r(E[x_0 | x])`, this is SVDD-PM; with learned
 * ones (`values`) it is SVDD-MC. Samples do not interact. At M -> infinity and with the exact soft values it samples
 * the tilted law; at finite M it tilts too little, posterior means tilt too much, and argmax collapses to the mode.
 */
export function svdd<S, X>(options: SvddOptions<S, X>): Promise<IslandResult<S, X>> {
  const { candidates = 5, samples, selectStart = false, replace = 0, weighted = false } = options
  const selection = oneOf('selection', options.selection ?? 'argmax', ['argmax', 'softmax'])
  if (!(Number.isInteger(candidates) && candidates >= 1)) {
    throw new Error(`svdd keeps one of ${candidates} candidates, expected an integer from 1 on`)
  }
  if (!(replace >= 0 && replace < 1))
    throw new Error(`replace is ${replace}, expected a share of the samples in [0, 1)`)
  if (weighted && (selection === 'argmax' || replace > 0)) {
    throw new Error("weighted svdd needs selection 'softmax' and no replacement: other choices have no weight")
  }
  const rule = (n: number): IslandRule<S> => ({
    starts: selectStart ? n * candidates : n,
    copies: selectStart ? 1 : candidates,
    families: n,
    looks: (stop) => stop > 0 || selectStart,
    select(population, { last, draws }) {
      if (population.stop === 0 && !selectStart) return undefined
      const kept = keepOnes(population, candidates, selection, draws)
      const better = replace > 0 ? replaceWorst(kept, population.scores, replace, draws) : kept
      return repeated(better, last ? 1 : candidates, weighted)
    },
  })
  const settings = { candidates, samples, selection, selectStart, replace, weighted }
  return runIslands(populationsOf('svdd', samples, rule, { settings, weighted, readOut: 'best' }), options)
}

/**
 * One row of each group of M, `argmax` or by `softmax` of the scores, with the weight `w exp(mean - its own score)`.
 */
function keepOnes(
  { scores, logWeights }: Population<unknown>,
  m: number,
  selection: 'argmax' | 'softmax',
  draws: Stream,
): Selection {
  const n = scores.length / m
  const ancestors = new Int32Array(n)
  const weights = new Float64Array(n)
  for (let group = 0; group < n; group++) {
    const own = scores.subarray(group * m, (group + 1) * m)
    const pick = selection === 'argmax' ? argmax(own) : categoricalFromLog(draws.uniform(), own)
    ancestors[group] = group * m + pick
    weights[group] = logWeights[ancestors[group]] - Math.log(m * softmax(own)[pick])
  }
  return { ancestors, logWeights: weights }
}

/** Drops the worst share of the samples; each is replaced by a draw from all of them by `softmax` of the scores. */
function replaceWorst(
  { ancestors, logWeights }: Selection,
  scores: Float64Array,
  share: number,
  draws: Stream,
): Selection {
  const values = Array.from(ancestors, (k) => scores[k])
  const worst = values.map((_, i) => i).sort((i, j) => values[i] - values[j] || j - i)
  const P = softmax(values)
  const next = ancestors.slice()
  for (const i of worst.slice(0, Math.floor(share * values.length)))
    next[i] = ancestors[categorical(draws.uniform(), P)]
  return { ancestors: next, logWeights }
}

function repeated({ ancestors, logWeights }: Selection, copies: number, weighted: boolean): Selection {
  const n = ancestors.length * copies
  return {
    ancestors: Int32Array.from({ length: n }, (_, i) => ancestors[Math.floor(i / copies)]),
    logWeights: Float64Array.from({ length: n }, (_, i) => (weighted ? logWeights[Math.floor(i / copies)] : 0)),
  }
}
