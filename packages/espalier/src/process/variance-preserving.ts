import type { Process } from './process.ts'

/** `log(1 + exp(x))` without overflow. */
const softplus = (x: number) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)))

/** A signal coefficient in the logarithm, in which nothing cancels near t = 0. */
export interface LogSignal {
  readonly logA: (t: number) => number
  /** `d log a / dt`, which is `-beta / 2`. */
  readonly slope: (t: number) => number
  readonly timeOfLogA: (logA: number) => number
}

/** `log a` of the variance-preserving process with half log-SNR lambda: `a^2 = 1 / (1 + exp(-2 lambda))`. */
export const logAOf = (lambda: number) => -0.5 * softplus(-2 * lambda)

/** Inverse of {@link logAOf}. */
export const lambdaOf = (logA: number) => logA - 0.5 * Math.log(Math.abs(Math.expm1(2 * logA)))

/**
 * `a^2 + (s / std)^2 = 1`, given by `log a(t)` alone. `s = std sqrt(-expm1(2 log a))` keeps its digits near t = 0, where
 * `sqrt(1 - a^2)` loses them.
 * @param std of `x_t` for t to infinity: 1 for what is called variance preserving
 */
export function variancePreserving(name: string, { logA, slope, timeOfLogA }: LogSignal, std = 1): Process {
  const square = (t: number) => Math.abs(Math.expm1(2 * logA(t)))
  return {
    name,
    a: (t) => Math.exp(logA(t)),
    s: (t) => std * Math.sqrt(square(t)),
    da: (t) => slope(t) * Math.exp(logA(t)),
    ds: (t) => (-std * slope(t) * Math.exp(2 * logA(t))) / Math.sqrt(square(t)),
    logSnr: (t) => lambdaOf(logA(t)) - Math.log(std),
    timeOfLogSnr: (lambda) => timeOfLogA(logAOf(lambda + Math.log(std))),
  }
}

/** `beta(t) = b0 + (b1 - b0) t`: `log a = -(b1 - b0) t^2 / 4 - b0 t / 2` (Song et al. 2021, eq. 33). */
function linearLogSignal(what: string, b0: number, b1: number): LogSignal {
  if (!(b0 >= 0 && b1 > b0 && b1 < Infinity)) {
    throw new Error(`${what} needs 0 <= b0 < b1, got b0 = ${b0} and b1 = ${b1}`)
  }
  return {
    logA: (t) => -((b1 - b0) * t * t) / 4 - (b0 * t) / 2,
    slope: (t) => -(b0 + (b1 - b0) * t) / 2,
    timeOfLogA: (logA) => {
      // The positive root of the quadratic in the form that does not cancel at small t.
      const q = -4 * (b1 - b0) * logA
      return q === 0 ? 0 : q / ((Math.sqrt(b0 * b0 + q) + b0) * (b1 - b0))
    },
  }
}

/** The least and the largest `beta(t)` of a continuous process. */
export interface BetaRange {
  readonly b0?: number
  readonly b1?: number
}

/**
 * VP with `beta(t) = b0 + (b1 - b0) t` (Song et al. 2021, "Score-based generative modeling through SDEs", eq. 32-33):
 * `log a = -(b1 - b0) t^2 / 4 - b0 t / 2`. Default 0.1 to 20.
 * @throws unless `0 <= b0 < b1`
 */
export function vpLinear({ b0 = 0.1, b1 = 20 }: BetaRange = {}): Process {
  return variancePreserving(`vp-linear(${b0},${b1})`, linearLogSignal('vpLinear', b0, b1))
}

/**
 * VP with `sqrt(beta)` linear from `A = sqrt(b0)` to `B = sqrt(b1)`, the continuous form of latent diffusion's table
 * (Rombach et al. 2022): `log a^2 = -[(A + (B - A) t)^3 - A^3] / (3 (B - A))`. Default 0.85 to 12.
 * @throws unless `0 <= b0 < b1`
 */
export function vpScaledLinear({ b0 = 0.85, b1 = 12 }: BetaRange = {}): Process {
  if (!(b0 >= 0 && b1 > b0 && b1 < Infinity)) {
    throw new Error(`vpScaledLinear needs 0 <= b0 < b1, got b0 = ${b0} and b1 = ${b1}`)
  }
  const A = Math.sqrt(b0)
  const D = Math.sqrt(b1) - A
  return variancePreserving(`vp-scaled-linear(${b0},${b1})`, {
    logA: (t) => (-t / 2) * (A * A + A * D * t + (D * t) ** 2 / 3), // the cubes divided out
    slope: (t) => -((A + D * t) ** 2) / 2,
    timeOfLogA: (logA) => {
      // (cbrt(A^3 + q) - A) / D in the form that does not cancel at small t.
      const q = -6 * D * logA
      const root = Math.cbrt(A ** 3 + q)
      return q === 0 ? 0 : q / (D * (root * root + root * A + A * A))
    },
  })
}

/**
 * Sub-VP (Song et al. 2021, eq. 29): `a` of {@link vpLinear}, `s = 1 - a^2`, which is less than `sqrt(1 - a^2)`; so
 * `a = (sqrt(rho^2 + 4) - rho) / 2`.
 * @throws unless `0 <= b0 < b1`
 */
export function subVp({ b0 = 0.1, b1 = 20 }: BetaRange = {}): Process {
  const { logA, slope, timeOfLogA } = linearLogSignal('subVp', b0, b1)
  const s = (t: number) => -Math.expm1(2 * logA(t)) + 0 // + 0: not -0 at t = 0
  const a = (t: number) => Math.exp(logA(t))
  return {
    name: `sub-vp(${b0},${b1})`,
    a,
    s,
    da: (t) => slope(t) * a(t),
    ds: (t) => -2 * slope(t) * a(t) ** 2,
    logSnr: (t) => logA(t) - Math.log(s(t)),
    timeOfLogSnr: (lambda) => timeOfLogA(-Math.asinh(Math.exp(-lambda) / 2)),
  }
}

/**
 * VP with `a(t) = cos(pi/2 (t + offset) / (1 + offset)) / cos(pi/2 offset / (1 + offset))` (Nichol and Dhariwal 2021,
 * eq. 17). The signal is all but gone at t = 1: grids start where lambda = -5.1 instead (see `Grid`).
 */
export function vpCosine(options: { readonly offset?: number } = {}): Process {
  const { offset = 0.008 } = options
  if (!(offset >= 0 && offset < Infinity)) throw new Error(`vpCosine needs offset >= 0, got ${offset}`)
  const scale = Math.PI / 2 / (1 + offset)
  const first = Math.cos(scale * offset)
  // log cos is taken through sin^2, so that log a(t) keeps its digits near t = 0.
  const logCos = (angle: number) => 0.5 * Math.log1p(-(Math.sin(angle) ** 2))
  return variancePreserving(`vp-cosine(${offset})`, {
    logA: (t) =>
      t < 0.5
        ? logCos(scale * (t + offset)) - logCos(scale * offset)
        : Math.log(Math.cos(scale * (t + offset)) / first),
    slope: (t) => -scale * Math.tan(scale * (t + offset)),
    timeOfLogA: (logA) => Math.max(0, Math.acos(Math.min(1, Math.exp(logA) * first)) / scale - offset),
  })
}
