import type { Condition } from '../process/denoiser.ts'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import { fold, key as keyOf, purpose, stream } from '../tensor/random.ts'
import { Asker } from './ask.ts'
import { concreteScore } from './concrete-score.ts'
import { softmaxAt, type TokenDenoiser } from './denoiser.ts'
import { noiseTokens, type TokenProcess, transition } from './process.ts'

/**
 * Unbiased estimates of the bound `-log p(x) <= L(x)` of a uniform-rate diffusion, in nats, one a sequence (Lou et al.
 * 2024, arXiv 2310.16834, Theorem 3.6; Campbell et al. 2022):
 *
 * `L = E[-log mu(x | x_0')] + KL(q(x_1 | x) || uniform) + int_0^1 sigma(t)/V E sum_l sum_(y != x_t)
 * (s_y - b_y log s_y + b_y (log b_y - 1)) dt`, with `b_y = p(y | x) / p(x_t | x)` and the concrete score s of the
 * network's clean law. The first term is there where a schedule leaves noise at t = 0. Times are stratified.
 */
export async function uniformBound(
  denoiser: TokenDenoiser,
  sequences: readonly Int32Array[],
  options: { readonly seed: number; readonly draws: number; readonly batch: number; readonly condition?: Condition },
): Promise<Float64Array> {
  const { seed, draws, batch, condition } = options
  const { process } = denoiser
  const root = purpose(keyOf(seed), 'bound')
  const asker = new Asker(denoiser, condition)
  const prior = priorDivergence(process)
  const bounds = Float64Array.from(sequences, ({ length }) => length * prior)
  const leftover = process.schedule.noised(0) > 0
  // The draw of number `draws` is the reconstruction at t = 0.
  const jobs = sequences.flatMap((clean, row) => {
    const own = fold(root, row)
    const shift = stream(purpose(own, 'shift')).uniform()
    return Array.from({ length: draws + (leftover ? 1 : 0) }, (_, d) => {
      const t = d === draws ? 0 : (d + shift) / draws
      return { row, clean, t, last: d === draws, tokens: noiseTokens(process, clean, t, fold(own, d)) }
    })
  })
  for (let from = 0; from < jobs.length; ) {
    let to = from + 1
    while (to < jobs.length && to - from < batch && jobs[to].clean.length === jobs[from].clean.length) to++
    const some = jobs.slice(from, to)
    const answers = await asker.ask(
      some.map(({ tokens }) => ({ tokens, time: 1 })),
      some.map(({ t }) => t),
      false,
    )
    some.forEach(({ row, clean, t, last, tokens }, i) => {
      bounds[row] += last
        ? surprise(process, clean, answers[i])
        : rateLoss(process, clean, tokens, t, answers[i]) / draws
    })
    from = to
  }
  return bounds
}

/** `KL(q(x_1 | x_0) || uniform)` of one token. */
function priorDivergence({ vocabulary, schedule }: TokenProcess): number {
  const alpha = 1 - schedule.noised(1)
  const other = (1 - alpha) / vocabulary
  const term = (p: number) => (p > 0 ? p * Math.log(p * vocabulary) : 0)
  return term(alpha + other) + (vocabulary - 1) * term(other)
}

/** `-sum_l log mu(x_l)`. */
function surprise({ vocabulary }: TokenProcess, clean: Int32Array, logits: Float32Array): number {
  let sum = 0
  for (let p = 0; p < clean.length; p++) {
    const row = logits.subarray(p * vocabulary, (p + 1) * vocabulary)
    sum += logSumExp(row) - row[clean[p]]
  }
  return sum
}

/** The integrand of the bound. */
function rateLoss(process: TokenProcess, clean: Int32Array, noised: Int32Array, t: number, logits: Float32Array) {
  const { vocabulary, schedule } = process
  const mu = new Float64Array(vocabulary)
  const score = new Float64Array(vocabulary + 1)
  let sum = 0
  for (let p = 0; p < clean.length; p++) {
    const token = noised[p]
    softmaxAt(logits, p * vocabulary, vocabulary, mu)
    concreteScore(process, token, mu, t, score)
    const here = transition(process, clean[p], token, t)
    for (let y = 0; y < vocabulary; y++) {
      if (y === token) continue
      const ratio = transition(process, clean[p], y, t) / here
      sum += score[y] - ratio * Math.log(score[y]) + ratio * (Math.log(ratio) - 1)
    }
  }
  return (sum * schedule.rate(t)) / ((1 - schedule.noised(t)) * vocabulary)
}
