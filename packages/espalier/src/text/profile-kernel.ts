import { concreteScore } from './concrete-score.ts'
import {
  ancestral,
  type KernelFamily,
  type KernelStage,
  liftRate,
  normalise,
  settle,
  sum,
  tokenEuler,
} from './kernel.ts'
import { maskOf, type TokenProcess } from './process.ts'

/** What a factor does to the concrete score: it multiplies it (`lsd-score`), or is its power (`lsd-log`). */
export type ProfileVariant = 'lsd-score' | 'lsd-log'

/** The step that the factor bends: Euler, or SEDD's analytic one, which is {@link ancestral} at factor 1. */
export type ProfileKernel = 'euler' | 'tweedie'

export interface ScaledKernelOptions {
  /** Default `euler`. */
  readonly kernel?: ProfileKernel
  /** Default `lsd-score`. */
  readonly variant?: ProfileVariant
  /** Of the step that begins at t, at least 0. At 1 it is the plain step, bit for bit. */
  readonly factor: (t: number) => number
}

/**
 * A step whose concrete scores are bent by a factor of its own (LSD, Fu et al. 2025, arXiv 2509.19962, section 3).
 *
 * - `lsd-score`, as the paper prints it: `factor s`. Masked: a mask is lifted with the probability of the plain step
 *   times the factor, to a token of the same law.
 * - `lsd-log`, as the released code has it, whose network gives log-scores: `s ** factor`, a temperature. Masked: the law
 *   of the token is sharpened as well, and its sum tells the rate.
 *
 * The analytic step takes noise back by `exp(-c Q)`, whose negative entries are as large as `exp(c)`: over a step that
 * takes most of the noise of a uniform process, a factor a little off 1 leaves no more than a token that stays (below 1)
 * or goes anywhere else (above). Where nothing but noise is left (alpha = 0) the plain step is taken.
 */
export function scaledKernel({ kernel = 'euler', variant = 'lsd-score', factor }: ScaledKernelOptions): KernelFamily {
  return (process) => {
    const { name, stages } = (kernel === 'euler' ? tokenEuler : ancestral)(process)
    const options = { kernel, variant, factor }
    const stage =
      process.kind === 'masked' ? maskedStage(process, stages[0], options) : uniformStage(process, stages[0], options)
    return { name: `${variant}(${name})`, process, stages: [stage] }
  }
}

function maskedStage(
  process: TokenProcess,
  plain: KernelStage,
  { kernel, variant, factor }: Required<ScaledKernelOptions>,
): KernelStage {
  const { vocabulary, schedule } = process
  const mask = maskOf(process)
  /** Lifts expected of a score that nothing bends: e^c - 1 times its sum, or h times the rate. */
  const lifts = (t: number, s: number) =>
    kernel === 'euler' ? (t - s) * liftRate(process, t) : 1 - (plain.stay(mask, t, s) as number)
  return {
    ...plain,
    stay(token, t, s) {
      if (token !== mask || factor(t) === 1) return plain.stay(token, t, s)
      return variant === 'lsd-score' ? 1 - Math.min(1, factor(t) * lifts(t, s)) : undefined
    },
    law(tokens, clean, t, s, out) {
      const f = factor(t)
      if (tokens[0] !== mask || f === 1) return plain.law(tokens, clean, t, s, out)
      out[mask] = 0
      for (let v = 0; v < vocabulary; v++) out[v] = variant === 'lsd-score' ? f * clean[0][v] : clean[0][v] ** f
      // s ** f = odds ** f mu ** f: one power of the odds is in the rate.
      const noised = schedule.noised(t)
      const odds = variant === 'lsd-score' ? 1 : ((1 - noised) / noised) ** (f - 1)
      settle(out, mask, t > s ? odds * lifts(t, s) * sum(out) : 0, once)
    },
  }
}

function uniformStage(
  process: TokenProcess,
  plain: KernelStage,
  { kernel, variant, factor }: Required<ScaledKernelOptions>,
): KernelStage {
  const { vocabulary, schedule } = process
  return {
    ...plain,
    law(tokens, clean, t, s, out) {
      const [token] = tokens
      const f = factor(t)
      const alpha = 1 - schedule.noised(t)
      if (f === 1 || alpha === 0) return plain.law(tokens, clean, t, s, out)
      concreteScore(process, token, clean[0], t, out)
      for (let y = 0; y < vocabulary; y++) {
        if (y !== token) out[y] = variant === 'lsd-score' ? f * out[y] : out[y] ** f
      }
      if (kernel === 'tweedie') return analytic(out, token, vocabulary, alpha / (1 - schedule.noised(s)))
      out[token] = 0
      settle(out, token, t > s ? ((t - s) * schedule.rate(t) * sum(out)) / (alpha * vocabulary) : 0, once)
    },
  }
}

/**
 * Scores in `out` made SEDD's analytic law (Lou et al. 2024), `p(y) = (exp(-c Q) s)_y exp(c Q)_{y x}`, clamped at 0:
 * Bayes, where the scores are those of a law. All times `kept = exp(-c)`, as normalised at the end.
 */
function analytic(out: Float64Array, token: number, vocabulary: number, kept: number): void {
  const total = sum(out)
  for (let y = 0; y < vocabulary; y++) {
    const earlier = out[y] - ((1 - kept) / vocabulary) * total
    out[y] = Math.max(0, earlier) * ((1 - kept) / vocabulary + (y === token ? kept : 0))
  }
  normalise(out)
}

const once = (total: number) => Math.min(1, total)
