import type { Process } from './process.ts'

/** `S t / (1 + (S - 1) t)`: keeps 0 and 1, and on {@link flow} multiplies rho by S (Esser et al. 2024, eq. 23). */
export function shiftTime(t: number, shift: number): number {
  return t / (t + (1 - t) / shift) // exact at 0 and 1
}

/** @throws unless positive and finite */
export function checkShift(shift: number): void {
  if (!(shift > 0 && shift < Infinity)) throw new Error(`a time shift must be positive, got ${shift}`)
}

/**
 * The shift that Flux takes for an image of a number of tokens: `exp(mu)`, mu linear from 0.5 at 256 tokens to 1.15 at
 * 4096.
 */
export function shiftOfTokens(tokens: number): number {
  if (!(tokens > 0 && tokens < Infinity)) throw new Error(`the number of tokens must be positive, got ${tokens}`)
  return Math.exp(0.5 + ((1.15 - 0.5) * (tokens - 256)) / (4096 - 256))
}

/**
 * Rectified flow (Liu et al. 2023; Lipman et al. 2023): `a = 1 - t`, `s = t`. With a shift S the same path at the times
 * `S t / (1 + (S - 1) t)`, so that `lambda = log((1 - t) / t) - log S`.
 *
 * A network of a flow model is told the time of the path, shift or no shift: it is bound to `flow()`, and the shift
 * belongs to the grid (`shiftedGrid`).
 * @throws unless the shift is positive
 */
export function flow(options: { readonly shift?: number } = {}): Process {
  const { shift = 1 } = options
  checkShift(shift)
  const speed = (t: number) => shift / (1 + (shift - 1) * t) ** 2
  return {
    name: `flow(${shift})`,
    a: (t) => (1 - t) / (1 + (shift - 1) * t),
    s: (t) => shiftTime(t, shift),
    da: (t) => -speed(t),
    ds: speed,
    logSnr: (t) => Math.log1p(-t) - Math.log(shift * t),
    timeOfLogSnr: (lambda) => 1 / (1 + shift * Math.exp(lambda)),
    start: 1,
  }
}
