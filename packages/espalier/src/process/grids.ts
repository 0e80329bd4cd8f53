import { checkShift, shiftTime } from './flow.ts'
import { type Coordinate, type Grid, gridAlong } from './grid.ts'
import { betaLaw } from './incomplete-beta.ts'

function checkPositive(what: string, value: number): void {
  if (!(value > 0 && value < Infinity)) throw new Error(`${what} must be positive, got ${value}`)
}

const lambda: Coordinate = {
  of: (process, t) => process.logSnr(t),
  time: (process, v) => process.timeOfLogSnr(v),
  level: true,
}

/** `rho^(1 / exponent)`. */
const rhoRoot = (exponent: number): Coordinate => ({
  of: (process, t) => Math.exp(-process.logSnr(t) / exponent),
  time: (process, v) => process.timeOfLogSnr(-exponent * Math.log(v)),
  level: true,
})

/** `t^(1/power)` evenly spaced. Power 1 is uniform, 2 quadratic; larger puts more steps near the data. */
export function powerGrid(power: number): Grid {
  checkPositive('the power of a grid', power)
  return gridAlong({ of: (_, t) => t ** (1 / power), time: (_, v) => v ** power })
}

/** Evenly spaced times. */
export const uniformGrid: Grid = powerGrid(1)

/** `sqrt(t)` evenly spaced (the "quad" grid of DDIM, Song et al. 2021). */
export const quadraticGrid: Grid = powerGrid(2)

/**
 * A quarter circle, `t_i = sqrt(1 - (i/n)^2)` (the "exp" warp of Kim et al. 2025, section 5.2): small steps near the
 * noise, large ones near the data, for searches with few steps over a flow seen on a VP process. Its last step is long,
 * from `sqrt(1 - (1 - 1/n)^2)`, and shrinks as `n^(-1/2)` only: with n = 10 on `vpLinear` it is a clean estimate from the
 * noise level of t = 0.71 on the linear flow, a mean over much that is still open. Where samples matter, take even times.
 */
export const circularGrid: Grid = gridAlong(
  { of: (_, t) => t, time: (_, v) => v },
  (i, n) => 1 - Math.sqrt((1 - i / n) * (1 + i / n)),
)

/**
 * Half log-SNR evenly spaced (Lu et al. 2022, DPM-Solver), then the jump to 0. As `log rho = -lambda`, this is what
 * k-diffusion and diffusers call "exponential" sigmas.
 */
export const logSnrGrid: Grid = gridAlong(lambda)

/**
 * `log rho` falls as `(1 - i/n)^power` (k-diffusion's "polyexponential"), then the jump to 0. Power 1 is
 * {@link logSnrGrid}; larger puts more steps near the data.
 */
export function polyexponentialGrid(power: number): Grid {
  checkPositive('the power of a grid', power)
  return gridAlong(lambda, (i, n) => 1 - (1 - i / n) ** power)
}

/** `rho^(1 / exponent)` evenly spaced (Karras et al. 2022, eq. 5), then the jump to 0. */
export function rhoPowerGrid(exponent: number): Grid {
  checkPositive('the exponent of a grid', exponent)
  return gridAlong(rhoRoot(exponent))
}

/** `rho^(1/7)` evenly spaced (Karras et al. 2022, eq. 5), then the jump to 0. */
export const karrasGrid: Grid = rhoPowerGrid(7)

/**
 * Noise levels rho at the quantiles of a Beta law: `rho_i = rhoMin + (rhoMax - rhoMin) F^-1(1 - i/n)`, F that of
 * Beta(alpha, beta), then the jump to 0 (Lee et al. 2024, "Beta sampling is all you need"; 0.6, 0.6 as in diffusers).
 * @throws unless `0 < alpha, beta <= 100`
 */
export function betaGrid(options: { readonly alpha?: number; readonly beta?: number } = {}): Grid {
  const { alpha = 0.6, beta = 0.6 } = options
  if (!(alpha > 0 && alpha <= 100 && beta > 0 && beta <= 100)) {
    throw new Error(`betaGrid needs alpha and beta in (0, 100], got ${alpha} and ${beta}`)
  }
  const { quantile } = betaLaw(beta, alpha) // of 1 - u where u has the law Beta(alpha, beta)
  return gridAlong(rhoRoot(1), (i, n) => quantile(i / n))
}

/**
 * Half of the steps linear over the first `threshold` of the time, the others on the parabola that goes on with the same
 * slope and ends at the end (Mochi and LTX-Video). With L = floor(n / 2) and q = n - L,
 * `1 - t = threshold i / L` for `i <= L`, then `threshold + (threshold / L) j + (L - threshold n) / (L q^2) j^2`.
 * @throws unless `0 < threshold <= 1/3`
 */
export function linearQuadraticGrid(options: { readonly threshold?: number } = {}): Grid {
  const { threshold = 0.025 } = options
  if (!(threshold > 0 && threshold <= 1 / 3)) {
    throw new Error(`linearQuadraticGrid needs 0 < threshold <= 1/3, got ${threshold}`)
  }
  return gridAlong({ of: (_, t) => t, time: (_, v) => v }, (i, n) => {
    const linear = Math.floor(n / 2)
    const j = i - linear
    if (j <= 0) return (threshold * i) / linear
    const curve = (linear - threshold * n) / (linear * (n - linear) ** 2)
    return threshold + (threshold / linear) * j + curve * j * j
  })
}

/**
 * Another grid with its times moved to `S t / (1 + (S - 1) t)` (Esser et al. 2024, eq. 23), which on a flow process
 * takes log S off lambda: S > 1 puts more steps near the noise. The ends, and `last` where given, are those asked for.
 * @throws unless the shift is positive
 */
export function shiftedGrid(shift: number, grid: Grid = uniformGrid): Grid {
  checkShift(shift)
  return (process, n, options = {}) => {
    const { rhoMax, rhoMin, ...rest } = options
    const [from, to] = grid(process, 1, options)
    const jump = rhoMin === undefined ? rest.last : grid(process, 2, options)[1]
    const back = (t: number) => shiftTime(t, 1 / shift)
    const inner = { from: back(from), to: back(to), last: jump === undefined ? undefined : back(jump) }
    return grid(process, n, inner).map((t, i) =>
      i === 0 ? from : i === n ? to : i === n - 1 && jump !== undefined ? jump : shiftTime(t, shift),
    )
  }
}
