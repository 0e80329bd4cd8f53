import { concreteScore } from './concrete-score.ts'
import { maskOf, type TokenProcess } from './process.ts'

/**
 * One step `t -> s` of a sampler, as a law for each position on its own, given what the network says at each stage. A
 * sampler of this kind is a table of laws, so its law over whole sequences can be computed on a tiny vocabulary.
 */
export interface TokenKernel {
  readonly name: string
  readonly process: TokenProcess
  /** One network call each. */
  readonly stages: readonly KernelStage[]
}

/** A draw of every position: it leads from the tokens at the start of the step, or from those of the stage before. */
export interface KernelStage {
  readonly from: 'start' | 'here'
  /** The time at which the network is asked, at the tokens that the stage before gave. */
  asks(t: number, s: number): number
  /**
   * Probability that a token stays what it is, or undefined where the network must tell. Where it is known for all,
   * what moves is drawn first, and a row in which nothing does asks nothing.
   */
  stay(token: number, t: number, s: number): number | undefined
  /**
   * Law of the token at the end of the stage, `[V + 1]`, the mask last; it sums to 1.
   * @param tokens the token at this position when each stage asked, the newest first
   * @param clean its clean probabilities at each stage so far, the newest first
   */
  law(tokens: readonly number[], clean: readonly ArrayLike<number>[], t: number, s: number, out: Float64Array): void
}

/** A kernel for a process: what samplers are given. @throws where the process is of another kind */
export type KernelFamily = (process: TokenProcess) => TokenKernel

/**
 * The step that is exact but for drawing positions independently: `p(x_s | x_t)` with the network's `p(x_0 | x_t)` in
 * it. Masked: a mask is lifted with the probability `(alpha_s - alpha_t) / (1 - alpha_t)` (MDLM, Sahoo et al. 2024).
 * Uniform: Bayes, which is SEDD's analytic ("Tweedie") step where the prediction is right (Lou et al. 2024).
 */
export const ancestral: KernelFamily = (process) => {
  const { kind, vocabulary, schedule } = process
  if (kind === 'masked') {
    return unmasking('ancestral', process, (t, s) => 1 - ratio(schedule.noised(s), schedule.noised(t)))
  }
  return {
    name: 'ancestral',
    process,
    stages: [
      {
        from: 'start',
        asks: (t) => t,
        stay: untold,
        law([token], [clean], t, s, out) {
          // p(y) = sum_v mu_v q(x_s = y | x_0 = v) q(x_t = x | x_s = y) / q(x_t = x | x_0 = v)
          const [nt, ns] = [schedule.noised(t), schedule.noised(s)]
          const kept = (1 - nt) / (1 - ns)
          let total = 0
          for (let v = 0; v < vocabulary; v++) total += clean[v] / (nt / vocabulary + (v === token ? 1 - nt : 0))
          for (let v = 0; v < vocabulary; v++) {
            const arrive = (1 - kept) / vocabulary + (v === token ? kept : 0)
            const own = clean[v] / (nt / vocabulary + (v === token ? 1 - nt : 0))
            out[v] = arrive * ((1 - ns) * own + (ns / vocabulary) * total)
          }
          out[vocabulary] = 0
          normalise(out)
        },
      },
    ],
  }
}

/**
 * Euler: the reverse rates frozen at t, one jump at most, `h R(y)` each; clamped where they exceed 1. On a masked
 * process with the linear schedule it is the ancestral step itself.
 */
export const tokenEuler: KernelFamily = (process) => frozen('euler', process, (total) => Math.min(1, total))

/**
 * Tau-leaping (Campbell et al. 2022) with the first jump of an interval kept and others dropped: a token moves with the
 * probability `1 - exp(-h R)`, which never exceeds 1, and never reaches it: masks are left at the end.
 */
export const tauLeaping: KernelFamily = (process) => frozen('tau-leaping', process, (total) => -Math.expm1(-total))

/**
 * The theta-trapezoidal method (Ren et al. 2025, arXiv 2502.00234) on a masked process: a tau-leap over
 * `theta h`, and from there one over `(1 - theta) h` with the rates `[a1 R* - a2 R]_+`. Two network calls a step.
 *
 * Of order 2 (ours, by enumeration) as long as no rate is clamped, that is where a prediction falls by less than half
 * as other tokens become known; of order 1 otherwise, with a smaller error than one call a step at equal NFE.
 *
 * @param theta in (0, 1); 1/3 to 1/2 are recommended
 */
export function thetaTrapezoidal(theta = 0.5): KernelFamily {
  checkTheta(theta)
  const a1 = 1 / (2 * theta * (1 - theta))
  return (process) => twoStages(`theta-trapezoidal(${theta})`, process, theta, 'here', a1, 1 - a1)
}

/**
 * The theta-RK-2 method (Ren et al. 2025) on a masked process: a tau-leap over `theta h`, and again from
 * the start one over h with the rates `[(1 - 1/(2 theta)) R + (1/(2 theta)) R*]_+`. Two network calls a step.
 *
 * Of order 1 (ours): two tokens that depend on one another and fall in one step fall by the rates of its start.
 *
 * @param theta in (0, 1)
 */
export function thetaRk2(theta = 0.5): KernelFamily {
  checkTheta(theta)
  return (process) => twoStages(`theta-rk-2(${theta})`, process, theta, 'start', 1 / (2 * theta), 1 - 1 / (2 * theta))
}

export interface RemaskingOptions {
  /** Share of the largest possible remasking probability, in [0, 1]; 0 is the ancestral step. Default 1. */
  readonly eta?: number
  /** An upper bound of the remasking probability itself. Default 1. */
  readonly cap?: number
  /** Times between which tokens are remasked: `high >= t` and `s >= low`. Default all. */
  readonly window?: { readonly high: number; readonly low: number }
}

/**
 * Remasking (ReMDM, Wang et al. 2025) of a masked process: a known token becomes a mask again with the probability
 * `sigma = min(cap, eta min(1, (1 - alpha_s) / alpha_t))`, and more masks are lifted to make up for it: the share of
 * masks at every time is that of the process whatever sigma is. With a window and a grid that repeats a time inside it,
 * this is the "loop" variant.
 */
export function remasking({ eta = 1, cap = 1, window }: RemaskingOptions = {}): KernelFamily {
  if (!(eta >= 0 && eta <= 1 && cap >= 0 && cap <= 1)) {
    throw new Error(`remasking with eta ${eta} and cap ${cap}, expected numbers in [0, 1]`)
  }
  return (process) => {
    needMasked('remasking', process)
    const { vocabulary, schedule } = process
    const mask = maskOf(process)
    const sigmaAt = (t: number, s: number) => {
      if (window && !(t <= window.high && s >= window.low)) return 0
      const alpha = 1 - schedule.noised(t)
      return alpha === 0 ? 0 : Math.min(cap, eta * Math.min(1, schedule.noised(s) / alpha))
    }
    const stay = (token: number, t: number, s: number) => {
      const sigma = sigmaAt(t, s)
      if (token !== mask) return 1 - sigma
      return ratio(schedule.noised(s) - sigma * (1 - schedule.noised(t)), schedule.noised(t))
    }
    return {
      name: `remasking(${eta},${cap})`,
      process,
      stages: [
        {
          from: 'start',
          asks: (t) => t,
          stay,
          law([token], [clean], t, s, out) {
            const stays = stay(token, t, s)
            for (let v = 0; v < vocabulary; v++) out[v] = token === mask ? (1 - stays) * clean[v] : 0
            out[mask] = 1 - stays
            out[token] = stays
          },
        },
      ],
    }
  }
}

/**
 * The last call: every position from its clean law (what masks are left, or what noise), by a draw or the likeliest.
 */
export function removal(process: TokenProcess, how: 'sample' | 'argmax'): TokenKernel {
  const { kind, vocabulary } = process
  return {
    name: 'removal',
    process,
    stages: [
      {
        from: 'start',
        asks: (t) => t,
        stay: (token) => (kind === 'uniform' ? undefined : token === maskOf(process) ? 0 : 1),
        law([token], [clean], _t, _s, out) {
          out.fill(0)
          if (kind === 'masked' && token !== maskOf(process)) out[token] = 1
          else if (how === 'argmax') out[argmaxOf(clean)] = 1
          else for (let v = 0; v < vocabulary; v++) out[v] = clean[v]
        },
      },
    ],
  }
}

/** Index of the largest probability, the first of equals. */
export function argmaxOf(clean: ArrayLike<number>): number {
  let best = 0
  for (let v = 1; v < clean.length; v++) if (clean[v] > clean[best]) best = v
  return best
}

const untold = () => undefined

/** Masks are lifted with a probability that depends on the times alone, to a token of the clean law. */
function unmasking(name: string, process: TokenProcess, lift: (t: number, s: number) => number): TokenKernel {
  const { vocabulary } = process
  const mask = maskOf(process)
  const stage: KernelStage = {
    from: 'start',
    asks: (t) => t,
    stay: (token, t, s) => (token === mask ? 1 - lift(t, s) : 1),
    law([token], [clean], t, s, out) {
      out.fill(0)
      out[token] = token === mask ? 1 - lift(t, s) : 1
      if (token === mask) for (let v = 0; v < vocabulary; v++) out[v] = lift(t, s) * clean[v]
    },
  }
  return { name, process, stages: [stage] }
}

/** Rates frozen at t; `moves` turns their sum over the interval into the probability of a move. */
function frozen(name: string, process: TokenProcess, moves: (total: number) => number): TokenKernel {
  if (process.kind === 'masked') {
    return unmasking(name, process, (t, s) => moves((t - s) * liftRate(process, t)))
  }
  const stage: KernelStage = {
    from: 'start',
    asks: (t) => t,
    stay: untold,
    law([token], [clean], t, s, out) {
      const scale = reverseRates(process, token, clean, t, out)
      settle(out, token, t > s ? (t - s) * scale * sum(out) : 0, moves)
    },
  }
  return { name, process, stages: [stage] }
}

/**
 * A tau-leap over theta h, then one with `[newer R* + older R]_+`: from there over the rest, or from the start over h.
 */
function twoStages(
  name: string,
  process: TokenProcess,
  theta: number,
  from: 'start' | 'here',
  newer: number,
  older: number,
): TokenKernel {
  needMasked(name, process)
  const first = unmasking(name, process, (t, s) => -Math.expm1(-theta * (t - s) * liftRate(process, t))).stages[0]
  const second: KernelStage = {
    from,
    asks: (t, s) => t - theta * (t - s),
    stay: (token) => (token === maskOf(process) ? undefined : 1),
    law([here, start], [now, before], t, s, out) {
      const mask = maskOf(process)
      const token = from === 'here' ? here : start
      out.fill(0)
      // Known tokens do not move: R* is 0 where the first stage lifted the mask, R where there was none.
      if (token === mask) {
        const star = here === mask ? newer * liftRate(process, t - theta * (t - s)) : 0
        const old = older * liftRate(process, t)
        for (let v = 0; v < process.vocabulary; v++)
          out[v] = Math.max(0, (star > 0 ? star * now[v] : 0) + old * before[v])
      }
      const span = from === 'here' ? (1 - theta) * (t - s) : t - s
      settle(out, token, span * sum(out), (total) => -Math.expm1(-total))
    },
  }
  return { name, process, stages: [first, second] }
}

/** Rate at which a mask is lifted: `sigma alpha / (1 - alpha)`, finite also where sigma is not. */
export function liftRate({ schedule }: TokenProcess, t: number): number {
  return schedule.rate(t) / schedule.noised(t)
}

/**
 * Reverse rates `sigma Q(y, x) s_y` of a token to every other as a scale, which is returned, times a direction `[V + 1]`,
 * which is finite also where the rates are not (at t = 1 of a uniform process that ends in nothing but noise). Masked:
 * the rate of a mask's lift, and the clean law; known tokens have none. Uniform: `sigma / V`, and the concrete score.
 */
export function reverseRates(
  process: TokenProcess,
  token: number,
  clean: ArrayLike<number>,
  t: number,
  out: Float64Array,
): number {
  const { kind, vocabulary, schedule } = process
  if (kind === 'uniform') {
    concreteScore(process, token, clean, t, out)
    out[token] = 0
    return schedule.rate(t) / (1 - schedule.noised(t)) / vocabulary
  }
  out.fill(0)
  if (token === maskOf(process)) for (let v = 0; v < vocabulary; v++) out[v] = clean[v]
  return liftRate(process, t)
}

/**
 * Rates in `out` made a law: of `total` jumps expected, a move with the probability `moves(total)`, to each by its
 * rate.
 */
export function settle(out: Float64Array, token: number, total: number, moves: (total: number) => number): void {
  const all = sum(out)
  const moved = all > 0 ? moves(total) : 0
  if (all > 0) for (let v = 0; v < out.length; v++) out[v] *= moved / all
  out[token] = 1 - moved
}

export function normalise(out: Float64Array): void {
  const total = sum(out)
  for (let v = 0; v < out.length; v++) out[v] /= total
}

export function sum(values: Float64Array): number {
  let total = 0
  for (let v = 0; v < values.length; v++) total += values[v]
  return total
}

/** A share of masks that survives; nothing is left of nothing. */
function ratio(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0
}

function needMasked(name: string, { kind }: TokenProcess): void {
  if (kind !== 'masked')
    throw new Error(`${name} is for masked processes, this one is ${kind}; take ancestral or euler`)
}

function checkTheta(theta: number): void {
  if (!(theta > 0 && theta < 1)) throw new Error(`theta is ${theta}, expected a number between 0 and 1`)
}
