import type { Chain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import type { Reward } from '../reward/reward.ts'
import { fold, type Key } from '../tensor/random.ts'
import { costFrom, type Edge, edgesOf, rootKey, walk } from './edges.ts'
import { argmax } from './rollouts.ts'
import type { Progress } from './search.ts'

export interface SelectStartOptions<S, X> {
  /** One for each reference pair: alike, and deterministic, but for the condition (the degraded image). */
  readonly chains: readonly Chain<S, X>[]
  /**
   * One for each chain: how good a sample is for that reference, such as minus its perceptual distance to the truth.
   */
  readonly rewards: readonly Reward<X>[]
  /** Number of start noises that compete. */
  readonly candidates: number
  /** Candidate i starts from the key of rollout i of best-of-N with this seed. */
  readonly seed: number
  /**
   * Successive halving (ours): the worse half of the candidates leaves after so many references, after twice as many,
   * and so on. Default: every candidate meets every reference.
   */
  readonly halving?: number
  /** Rows that are under way together, over references and candidates, so that batches fill. Default 64. */
  readonly width?: number
  /** Stops the selection; it hands over the best of what all remaining candidates have met. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

export interface StartSelection {
  /** The winner: the candidate with the largest mean reward, of those that met the most references. */
  readonly selected: number
  /** Its key: `chain.start([key])`, for any image, begins from the same noise. */
  readonly key: Key
  /** Mean reward of each candidate over the references that it met; NaN if none. */
  readonly scores: Float64Array
  /** Number of references that each candidate met. */
  readonly references: Uint32Array
  readonly nfe: number
  readonly rewardEvaluations: number
  readonly stopped: 'iterations' | 'signal'
}

/**
 * Optimal boundary conditions (Ma et al. 2024, "Solving diffusion ODEs with optimal boundary conditions for better
 * image super-resolution", section 3): a deterministic sampler's whole result is decided by its start, and a start that
 * is good for some images tends to be good for others; so one noise is chosen on reference pairs, once, and used for
 * all.
 *
 *     x* = argmax over candidates k of mean over references i of r_i(sample of chain i from start k)
 *
 * The choice belongs to the model, the shape, the solver and the number of steps. A reward that is minus a mean square
 * favours small starts, which blur. Best-of-N with the same seed, on one image with its truth, is the bound that a
 * choice for each image would reach.
 *
 * @throws Error where there are not as many rewards as chains, a chain draws noise on the way, or an option is wrong
 */
export async function selectStart<S, X>(options: SelectStartOptions<S, X>): Promise<StartSelection> {
  const { chains, rewards, candidates, seed, halving = chains.length, width = 64, signal, onProgress } = options
  const edges = check(options)
  const cost = costFrom(edges, 0)
  const root = rootKey(seed)
  const keys = Array.from({ length: candidates }, (_, i) => fold(root, i))
  /** `table[reference][candidate]`. */
  const table = chains.map(() => new Float64Array(candidates).fill(Number.NaN))
  const rungs = rungsOf(chains.length, candidates, halving)
  const budget = cost * rungs.reduce((sum, { from, to, alive }) => sum + (to - from) * alive, 0)
  let alive = keys.map((_, i) => i)
  let evaluations = 0
  const means = (references: number) =>
    Float64Array.from(keys, (_, i) => meanOf(table.slice(0, references).map((values) => values[i])))

  /** Candidates at one reference. */
  const meet = async (reference: number, which: readonly number[]) => {
    const own = which.map((i) => keys[i])
    const ends = await walk(chains[reference], edges, { first: 0, states: [], keys: own }, () => true)
    const samples = await chains[reference].decode((ends as S[][])[0])
    const checked = checkedReward(rewards[reference], (i) => `candidate ${which[i]} at reference ${reference}`)
    const values = await checked.evaluate(samples)
    which.forEach((candidate, i) => {
      table[reference][candidate] = values[i]
    })
    evaluations += which.length
  }

  /** The best of the remaining candidates on the references that all of them have met. */
  const result = (stopped: StartSelection['stopped']): StartSelection => {
    const common = table.findIndex((values) => alive.some((i) => Number.isNaN(values[i])))
    const scores = means(common < 0 ? chains.length : common)
    const last = alive.sort((i, j) => i - j) // of equals the first
    const selected = last[argmax(last.map((i) => scores[i]))]
    return {
      selected,
      key: keys[selected],
      scores: means(chains.length),
      references: Uint32Array.from(keys, (_, i) => table.filter((values) => !Number.isNaN(values[i])).length),
      nfe: cost * evaluations,
      rewardEvaluations: evaluations,
      stopped,
    }
  }

  for (const rung of rungs) {
    if (rung.from > 0) {
      const scores = means(rung.from)
      alive = alive.sort((i, j) => scores[j] - scores[i] || i - j).slice(0, rung.alive)
    }
    const pairs: { reference: number; candidate: number }[] = []
    for (let reference = rung.from; reference < rung.to; reference++) {
      for (const candidate of alive) pairs.push({ reference, candidate })
    }
    for (let first = 0; first < pairs.length; first += width) {
      if (signal?.aborted) return result('signal')
      const wave = pairs.slice(first, first + width)
      const met = [...new Set(wave.map(({ reference }) => reference))]
      const candidatesOf = (one: number) => wave.filter(({ reference }) => reference === one).map((p) => p.candidate)
      await Promise.all(met.map((reference) => meet(reference, candidatesOf(reference))))
      const best = means(chains.length).reduce((most, mean) => (mean > most ? mean : most), Number.NEGATIVE_INFINITY)
      onProgress?.({ nfe: cost * evaluations, budget, gradientEvaluations: 0, rewardEvaluations: evaluations, best })
    }
  }
  return result('iterations')
}

/** References `from` to `to`, met by so many candidates. */
interface Rung {
  readonly from: number
  readonly to: number
  readonly alive: number
}

function rungsOf(references: number, candidates: number, halving: number): Rung[] {
  const rungs: Rung[] = []
  for (let from = 0, to = halving, alive = candidates; from < references; alive = Math.ceil(alive / 2)) {
    rungs.push({ from, to: Math.min(to, references), alive })
    from = to
    to *= 2
  }
  return rungs
}

/** Mean of the values that are there; NaN if none is. */
function meanOf(values: readonly number[]): number {
  let sum = 0
  let n = 0
  for (const value of values) {
    if (Number.isNaN(value)) continue
    sum += value
    n++
  }
  return n === 0 ? Number.NaN : sum / n
}

function check<S, X>(options: SelectStartOptions<S, X>): Edge[] {
  const { chains, rewards, candidates, seed, halving = 1, width = 64 } = options
  if (chains.length === 0 || rewards.length !== chains.length) {
    throw new Error(
      `a start is selected on one reward for each chain, got ${rewards.length} for ${chains.length} chains`,
    )
  }
  for (const [name, value] of Object.entries({ candidates, halving, width })) {
    if (!(Number.isInteger(value) && value >= 1)) throw new Error(`${name} is ${value}, expected an integer from 1 on`)
  }
  if (!Number.isSafeInteger(seed)) throw new Error(`the seed is ${seed}, expected an integer`)
  const all = chains.map((chain) => edgesOf(chain))
  const noisy = chains.findIndex((chain, i) => all[i].length > 1 || chain.stochastic(0))
  if (noisy >= 0) {
    throw new Error(
      `chain ${noisy} draws noise on its way, so its start does not decide its sample; take a deterministic solver such as ddim`,
    )
  }
  const odd = all.findIndex((edges) => edges[0].to !== all[0][0].to || edges[0].cost !== all[0][0].cost)
  if (odd >= 0)
    throw new Error(`chain ${odd} differs from chain 0 in its levels or its cost; take the same plan for all`)
  return all[0]
}
