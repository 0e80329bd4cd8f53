import { GaussianMixture } from '../../src/process/index.ts'

/** Problem G of the solver tests: three components in one dimension. */
export const problemG = new GaussianMixture({
  means: [[-1.2], [0.4], [1.5]],
  stds: [0.25, 0.35, 0.2],
  weights: [0.5, 0.3, 0.2],
})

/** Eight equal modes on a circle of radius 4. */
export const ring = Array.from({ length: 8 }, (_, i) => [
  4 * Math.cos((2 * Math.PI * i) / 8),
  4 * Math.sin((2 * Math.PI * i) / 8),
])

/** Integral over [low, high] by the trapezoidal rule, which converges geometrically for what vanishes at both ends. */
export function integral(f: (x: number) => number, low = -12, high = 12, n = 4000): number {
  const h = (high - low) / n
  let sum = (f(low) + f(high)) / 2
  for (let i = 1; i < n; i++) sum += f(low + i * h)
  return sum * h
}
