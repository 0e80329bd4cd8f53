import type { CoupledWalk } from './coupled-walk.ts'
import { type PairOptions, Pairs, Ratio } from './distil-pairs.ts'
import { reverseRates } from './kernel.ts'
import { evenTimes } from './sampler.ts'

export interface DistilTimesOptions extends PairOptions {
  /**
   * What the student's step is compared to: the jumps that the teacher expects over all of its own steps in that interval
   * (`sum`), or over the first of them, which is what the paper prints (`first`; see {@link distilTimes}). Default `sum`.
   */
  readonly term?: 'sum' | 'first'
  /** Whether the steps are scaled to end at `end`. Without it they end where they end. Default true. */
  readonly renormalise?: boolean
  /** Rounds of fitting all steps, then scaling them. Default 6; without `renormalise` one. */
  readonly rounds?: number
}

export interface LearnedTimes {
  readonly times: readonly number[]
  /** Lengths of the steps as least squares had them in the last round, before they were scaled. */
  readonly kappa: readonly number[]
  /** Network evaluations of the fit. */
  readonly nfe: number
}

/** No step is shorter, or longer, than so many times the (lower) median one. */
const BOUNDS: readonly [number, number] = [0.5, 2]

/**
 * LSD+ (Fu et al. 2025, arXiv 2509.19962, Eq. 8): the lengths kappa of the student's steps, by "effective transition
 * terms". With the rates `R = sigma Q s` of both, at their own states,
 *
 *     kappa_k = argmin E | kappa R(x, tau_k) - sum_j h_j R(x*_j, t_j) |^2,   j over the teacher's steps in [t_{k+1}, t_k]
 *
 * on even teacher intervals `t_k`, in closed form for all k from one run of the student (with factors of 1). Then the
 * steps are scaled to sum to `1 - end`, averaged (geometrically) with those before, and the student runs again.
 *
 * The paper prints one teacher step `h R(x*, t_k)` on the right, which is N/M times too small (N and M steps of teacher
 * and student): its minimum is `kappa = (1 - end) / N`, and the student stops after M/N of the way. That is
 * `{ term: 'first', renormalise: false }`.
 *
 * @throws where rates are not finite at t = 1 (uniform processes that end in nothing but noise)
 */
export async function distilTimes(options: DistilTimesOptions): Promise<LearnedTimes> {
  const { term = 'sum', renormalise = true } = options
  const rounds = options.rounds ?? (renormalise ? 6 : 1)
  if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Error(`${rounds} rounds, expected a whole number from 1 on`)
  const pairs = new Pairs(options)
  const terms = await teacherTerms(pairs, term)
  let times = evenTimes(pairs.steps, pairs.end)
  let kappa: readonly number[] = []
  for (let round = 0; round < rounds; round++) {
    const fitted = await studentSteps(pairs, terms, times, renormalise)
    kappa = fitted.kappa
    times = renormalise ? averaged(times, bounded(kappa), pairs.end) : fitted.times
  }
  return { times, kappa, nfe: pairs.nfe }
}

/** `sum_j h_j R(x*_j, t_j)` of each even interval and pair. */
async function teacherTerms(pairs: Pairs, term: 'sum' | 'first'): Promise<Float32Array[][]> {
  const walks = pairs.start().map(({ teacher }) => teacher)
  const times = evenTimes(pairs.steps, pairs.end)
  const terms: Float32Array[][] = []
  for (let k = 0; k < pairs.steps; k++) {
    const sums = walks.map(() => pairs.vector())
    const [from, to] = [times[k], times[k + 1]]
    await pairs.teach(walks, k, from, to, async (t, s) => {
      if (term === 'sum' || t === from) await addRates(pairs, walks, t, t - s, sums)
    })
    terms.push(sums.map((sum) => Float32Array.from(sum)))
  }
  return terms
}

/** The best length of each step at the student's own states; they are the times that it walks where none are kept. */
async function studentSteps(pairs: Pairs, terms: readonly Float32Array[][], fixed: readonly number[], keep: boolean) {
  const walks = pairs.start().map(({ student }) => student)
  const plain = pairs.student(() => 1)
  const times = [...fixed]
  const kappa: number[] = []
  for (let k = 0; k < pairs.steps; k++) {
    const own = walks.map(() => pairs.vector())
    await addRates(pairs, walks, times[k], 1, own)
    const ratio = new Ratio(pairs.metric)
    own.forEach((rates, i) => void ratio.add(terms[k][i], rates))
    kappa.push(ratio.value ?? (1 - pairs.end) / pairs.steps)
    if (!keep) times[k + 1] = times[k] - kappa[k]
    if (!(times[k + 1] >= 0 && times[k + 1] < times[k])) {
      throw new Error(`step ${k} of length ${kappa[k]} leads from time ${times[k]} past 0; let the steps be scaled`)
    }
    await pairs.walk(walks, plain, k, times[k], times[k + 1])
  }
  return { kappa, times }
}

async function addRates(
  pairs: Pairs,
  walks: readonly CoupledWalk[],
  t: number,
  weight: number,
  into: readonly Float64Array[],
): Promise<void> {
  const { process } = pairs
  const states = walks.map(({ state }) => state)
  const answers = await pairs.ask(states, t)
  const add = pairs.adder((token, clean, out) => {
    const scale = reverseRates(process, token, clean, t, out)
    if (!(scale < Infinity)) {
      throw new Error(
        `rates are infinite at time ${t}: learned times need a schedule that leaves some data, as geometric`,
      )
    }
    for (let v = 0; v < out.length; v++) out[v] *= scale
  })
  answers.forEach((logits, i) => void add(states[i], logits, into[i], weight))
}

/** Steps as shares of the median one; where nothing moves yet (no rates at t = 1) least squares knows no bound. */
function bounded(kappa: readonly number[]): number[] {
  const median = [...kappa].sort((a, b) => a - b)[(kappa.length - 1) >> 1]
  const [low, high] = BOUNDS
  return kappa.map((length) => (median > 0 ? Math.min(high, Math.max(low, length / median)) : 1))
}

/** Times whose steps are the geometric means of those given and of ones in these proportions. */
function averaged(times: readonly number[], shares: readonly number[], end: number): number[] {
  const steps = shares.map((share, k) => Math.sqrt(share * (times[k] - times[k + 1])))
  const total = steps.reduce((sum, length) => sum + length, 0)
  let gone = 0
  return [
    1,
    ...steps.map((length, k) => {
      gone += length
      return k + 1 === steps.length ? end : 1 - ((1 - end) * gone) / total
    }),
  ]
}
