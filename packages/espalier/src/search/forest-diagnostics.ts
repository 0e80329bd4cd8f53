import { logSumExp } from '../tensor/log-sum-exp.ts'
import type { IslandRun } from './island.ts'
import { logTilt, softmax } from './log-weights.ts'

/** How far a weighted population can be trusted. All is told from families: leaves with the same first row. */
export interface ForestDiagnostics {
  /**
   * `(sum_j F_j)^2 / sum_j F_j^2` over the weights F of all families: how many independent samples the leaves are worth
   * (what is missed altogether it cannot know).
   */
  readonly familyEss: number
  /** Estimated standard error of `logZ`: the relative error of Z, from the spread of the families. */
  readonly logZError: number
  /** One sentence where the numbers should not be trusted. */
  readonly warning?: string
  /** Expected number of repeats among so many draws from the leaves. */
  repeats(draws: number): number
}

/** Below this many effective families an estimate is luck. */
const FEW = 10

export function forestDiagnostics<S, X>(islands: readonly IslandRun<S, X>[], lambda = 1): ForestDiagnostics {
  const logWeights: number[] = []
  const families: number[] = []
  let n = 0
  for (const island of islands) {
    const roots = rootsOf(island)
    island.leaves?.forEach(({ reward, logWeight }, k) => {
      logWeights.push(logWeight + logTilt(lambda, reward))
      families.push(n + roots[k])
    })
    n += island.populations[0].parents.length
  }
  const weights = softmax(logWeights)
  const shares = new Float64Array(n)
  weights.forEach((weight, i) => {
    shares[families[i]] += weight
  })
  const squares = shares.reduce((sum, share) => sum + share * share, 0)
  const familyEss = n === 0 ? 0 : 1 / squares
  return {
    familyEss,
    // For plain rollouts this is the usual error of a mean, relative to it.
    logZError: n > 1 ? Math.sqrt(Math.max(0, squares - 1 / n) * (n / (n - 1))) : Number.NaN,
    warning:
      familyEss < FEW
        ? `the samples go back to ${familyEss.toFixed(1)} independent ones in effect, fewer than ${FEW}: give more budget, or take ` +
          'them as good samples and not as a picture of the target'
        : undefined,
    repeats: (draws) => weights.reduce((left, weight) => left - (1 - (1 - weight) ** draws), draws),
  }
}

/** The first row that each final row goes back to. */
function rootsOf<S, X>({ populations }: IslandRun<S, X>): Int32Array {
  let roots = Int32Array.from(populations[0].parents, (_, k) => k)
  for (const { parents } of populations.slice(1)) {
    const above = roots
    roots = parents.map((k) => above[k])
  }
  return roots
}

/**
 * Estimates of the soft values `V(x) = (1/lambda) log E[exp(lambda r(x_0)) | x]` of the states of a finished island,
 * one array a population: `(1/lambda) log(weights of the leaves below / own weight)`. `exp(lambda V)` is unbiased, so a
 * state that got no copies has -Infinity: it is the mean over many that means something.
 * @param lambda above 0
 */
export function nodeValues<S, X>({ populations, leaves }: IslandRun<S, X>, lambda = 1): Float64Array[] {
  if (!(lambda > 0)) throw new Error(`node values need lambda > 0, got ${lambda}`)
  if (!leaves) throw new Error('the island has not come to its end yet, so nothing is known of its values')
  const values: Float64Array[] = []
  let below = Float64Array.from(leaves, ({ reward, logWeight }) => logWeight + logTilt(lambda, reward))
  for (let p = populations.length - 1; p >= 0; p--) {
    const { logWeights, parents } = populations[p]
    values.unshift(below.map((sum, k) => (sum - logWeights[k]) / lambda))
    if (p === 0) break
    const children: number[][] = Array.from(populations[p - 1].parents, () => [])
    parents.forEach((parent, k) => {
      children[parent].push(below[k])
    })
    below = Float64Array.from(children, (logs) => logSumExp(logs))
  }
  return values
}
