import { GaussianMixture, vpLinear } from 'espalier/process'
import { interpret, type Solver } from 'espalier/solve'
import { describe, expect, it } from 'vitest'
import { eulerInTime, exponentialOfScore } from '../../../reproduce/deis/ablation.ts'
import { allClasses, oneClass } from '../../../reproduce/support/clusters.ts'

const process = vpLinear()
const [from, to] = [0.8, 0.2]
const even = (n: number) => Array.from({ length: n + 1 }, (_, i) => from + ((to - from) * i) / n)

/** Where the solver leads under a noise prediction. */
const solve = (solver: Solver, n: number, noise: (x: number, t: number) => number, x = 1.3) =>
  interpret(
    solver(process, even(n)),
    (state, t, out) => {
      out[0] = noise(state[0], t)
    },
    Float64Array.of(x),
  ).states[0][0]

describe('reproduce deis: the solvers of the ablation', () => {
  it('both converge with order 1 to the closed form of a Gaussian', () => {
    const gaussian = new GaussianMixture({ means: [[0.4]], stds: [0.3] })
    const exact = gaussian.flow(process, Float64Array.of(1.3), from, to)[0]
    const noise = (x: number, t: number) => {
      const out = new Float64Array(1)
      gaussian.predict(Float64Array.of(x), process.a(t), process.s(t), 'noise', out)
      return out[0]
    }
    for (const solver of [eulerInTime, exponentialOfScore]) {
      const [coarse, fine] = [200, 400].map((n) => Math.abs(solve(solver, n, noise) - exact))
      expect(Math.log2(coarse / fine)).toBeCloseTo(1, 1)
    }
  })

  it('the integrator of the score is exact in one step where the score does not change; Euler is not', () => {
    const noise = (_: number, t: number) => 0.7 * process.s(t)
    // Euler in fine steps, its first order of error taken out.
    const exact = 2 * solve(eulerInTime, 8000, noise) - solve(eulerInTime, 4000, noise)
    expect(solve(exponentialOfScore, 1, noise)).toBeCloseTo(exact, 4)
    expect(Math.abs(solve(eulerInTime, 1, noise) - exact)).toBeGreaterThan(0.1)
  })
})

describe('reproduce: the classes of the guided worlds', () => {
  it('have coordinates of standard deviation 1, and the first class is part of all', () => {
    const { means, stds } = allClasses
    for (const axis of [0, 1]) {
      const square = means.reduce((sum, mean, k) => sum + mean[axis] ** 2 + stds[k] ** 2, 0) / means.length
      expect(square).toBeCloseTo(1, 12)
    }
    expect(oneClass.means).toEqual(means.slice(0, 2))
  })
})
