import type { Chain } from '../chain/chain.ts'
import { costFrom, edgesOf } from './edges.ts'
import { type ForestDiagnostics, forestDiagnostics } from './forest-diagnostics.ts'
import type { IslandRule, IslandRun, Population } from './island.ts'
import { type IslandOptions, type IslandResult, runIslands, type Voyage } from './islands.ts'
import { effectiveSampleSize, softmax } from './log-weights.ts'
import { rankCorrelation } from './rank-correlation.ts'
import { resample } from './resampling.ts'
import { finiteScores, temper } from './tempering.ts'

/** One member of the branching score: a share of all copies, and how far it may narrow the population. */
export interface Member {
  /** In (0, 1]; the shares of all members sum to 1. */
  readonly share: number
  /** Effective sample size down to which the scores are trusted, as a share of the rows, in (0, 1]. */
  readonly ess: number
}

export interface ForestOptions<S, X> extends IslandOptions<S, X> {
  /** Rows of an island, at least. Default 32. */
  readonly particles?: number
  /**
   * An island has this share of all the rows before it, where that is more. Default 0.3; at 0 all islands are small.
   */
  readonly grow?: number
  /** Default: 0.8 down to an effective sample size of 0.8, 0.2 down to 0.3. */
  readonly mixture?: readonly Member[]
  /** Branch where the effective sample size of the copies falls below this share of the rows. Default 0.9. */
  readonly trigger?: number
  /**
   * Whether the first island is a pilot: plain rollouts, which switch the look-ahead off at every stop where its ranks
   * do not go with those of the final rewards. Where a look-ahead costs NFE of its own, that decides how many rows
   * follow, and Z is unbiased but for this. Default: where the budget pays 200 rollouts.
   */
  readonly guard?: boolean
}

export interface ForestResult<S, X> extends IslandResult<S, X>, ForestDiagnostics {
  /** Largest exponent at each stop 1, 2, ... before the end: 0 where the pilot found the look-ahead useless, else 1. */
  readonly caps: readonly number[]
}

const defaultMixture: readonly Member[] = [
  { share: 0.8, ess: 0.8 },
  { share: 0.2, ess: 0.3 },
]

/**
 * Tempered forest (ours; the branching lemma is that of "go with the winners", Grassberger, and of the particle
 * cascade, Paige et al. 2014). Islands of K rows walk down the chain. At every stop rows with a better look-ahead `s =
 * lambda v(x)` get more copies, on average `K P_k`, with P a mixture of tempered weights
 *
 *     P = sum_i share_i softmax(lw + beta_i s),       beta_i <= 1 the largest with ESS >= ess_i K,
 *
 * and every copy takes the weight `w / (K P_k)` along. The look-ahead decides the number of copies alone and never
 * enters a weight, so `Z = mean exp(lw + lambda r)` is unbiased and the samples converge to the tilted law whatever it
 * is. Tempering finds its scale (little at high noise, where its numbers are large and mean little), and the mixture
 * bounds the loss where one member is wrong.
 */
export async function forest<S, X>(options: ForestOptions<S, X>): Promise<ForestResult<S, X>> {
  const { particles = 32, grow = 0.3, mixture = defaultMixture, trigger = 0.9, budget, resume, width = 64 } = options
  const edges = edgesOf(options.chain as Chain<S, X>)
  check({ particles, grow, mixture, trigger })
  const affordable = budget / costFrom(edges, 0)
  const guard = options.guard ?? (resume ? resume.settings.guard === true : affordable >= 200)
  const open = edges.map(() => 1)
  /** No exponent at the start, where all rows are alike, and none at the end, where only the reward counts. */
  const rule = (rows: number, caps: readonly number[] | 'pilot'): IslandRule<S> => ({
    starts: rows,
    copies: 1,
    looks: (stop) => stop > 0 && (caps === 'pilot' || caps[stop] > 0),
    select(population, { last, draws }) {
      const cap = caps === 'pilot' ? 0 : caps[population.stop]
      if (last || population.stop === 0 || cap === 0) return undefined
      const P = branching(population, mixture, cap)
      if (!(effectiveSampleSize(P) < trigger * rows)) return undefined
      const ancestors = resample('systematic', P, rows, draws)
      const { logWeights } = population
      return { ancestors, logWeights: Float64Array.from(ancestors, (k) => logWeights[k] - Math.log(rows * P[k])) }
    },
  })

  const voyage: Voyage<S, X> = {
    method: 'forest',
    settings: { particles, grow, mixture, trigger, guard },
    weighted: true,
    readOut: 'draw',
    next(done, left, cost) {
      const first = done.length === 0
      const caps = guard ? (first ? 'pilot' : capsOf(done[0])) : open
      const rollout = cost({ rule: rule(1, caps) })
      let n = done.reduce((sum, { leaves }) => sum + (leaves?.length ?? 0), 0)
      let rest = Math.floor(left / rollout)
      const plans = []
      // Islands know each other's sizes alone, so as many may sail together as fill a batch; all wait for the pilot.
      for (let wave = 0; wave < width && rest >= (n === 0 ? 1 : 4); ) {
        // A resumed island keeps its size, though another budget would end with another one.
        const saved = resume?.islands[done.length + plans.length]?.populations[0].parents.length
        const rows = Math.min(rest, saved ?? islandRows(n, rest, particles, grow))
        plans.push({ rule: rule(rows, caps) })
        n += rows
        rest -= rows
        wave += rows
        if (guard && first) break
      }
      return plans
    },
  }
  const result = await runIslands(voyage, options)
  const caps = guard && result.islands.length > 0 ? capsOf(result.islands[0]) : open
  return { ...result, caps: caps.slice(1), ...forestDiagnostics(result.islands, options.lambda) }
}

/** Rows of the next island: a share of those before it, and the last island takes what is left. */
function islandRows(before: number, rest: number, least: number, grow: number): number {
  const rows = Math.max(least, Math.floor(grow * before))
  return rows + least > rest ? rest : rows
}

/**
 * The probabilities P of the copies. They are positive wherever the weight is (else what is lost could never be made up
 * for): where one underflows, a millionth of all copies is spread evenly.
 */
export function branching(
  population: Pick<Population<unknown>, 'logWeights' | 'scores'>,
  mixture: readonly Member[],
  cap: number,
): Float64Array {
  const { logWeights } = population
  const scores = finiteScores(population.scores)
  const n = scores.length
  const P = new Float64Array(n)
  for (const { share, ess } of mixture) {
    const beta = temper(logWeights, scores, ess * n, cap)
    const member = softmax(logWeights.map((weight, k) => weight + beta * scores[k]))
    for (let k = 0; k < n; k++) P[k] += share * member[k]
  }
  const lost = P.some((p, k) => p === 0 && logWeights[k] > -Infinity)
  return lost ? P.map((p) => (1 - 1e-6) * p + 1e-6 / n) : P
}

/**
 * What the pilot found: 1 at each stop where the ranks of the look-aheads go with those of the final scores, else 0.
 */
function capsOf<S, X>({ populations }: IslandRun<S, X>): number[] {
  const ends = populations[populations.length - 1].scores
  // A pilot does not branch: row k is the same path in every population.
  return populations.slice(0, -1).map(({ stop, scores }) => (stop > 0 && rankCorrelation(scores, ends) > 0 ? 1 : 0))
}

function check({
  particles,
  grow,
  mixture,
  trigger,
}: Required<Pick<ForestOptions<unknown, unknown>, 'particles' | 'grow' | 'mixture' | 'trigger'>>): void {
  if (!(Number.isInteger(particles) && particles >= 2)) {
    throw new Error(`an island of ${particles} rows cannot branch, expected an integer from 2 on`)
  }
  if (!(grow >= 0 && grow <= 1)) throw new Error(`grow is ${grow}, expected a share of the rows before in [0, 1]`)
  if (!(trigger >= 0 && trigger <= 1))
    throw new Error(`the trigger is ${trigger}, expected a share of the rows in [0, 1]`)
  const odd = mixture.find(({ share, ess }) => !(share > 0 && share <= 1 && ess > 0 && ess <= 1))
  if (odd) throw new Error(`a member of the mixture is ${JSON.stringify(odd)}, expected share and ess in (0, 1]`)
  const total = mixture.reduce((sum, { share }) => sum + share, 0)
  if (!(Math.abs(total - 1) < 1e-9)) throw new Error(`the shares of the mixture sum to ${total}, expected 1`)
}
