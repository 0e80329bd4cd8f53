import { describe, expect, it } from 'vitest'
import {
  GaussianMixture,
  quadraticReward,
  rewardOf,
  type SolvableReward,
  tilt,
  vpLinear,
} from '../../src/process/index.ts'
import { integral, problemG, ring } from './worlds.ts'

const process = vpLinear()
const unitGaussian = new GaussianMixture({ means: [[0]], stds: [1] })
const abar = (t: number) => process.a(t) ** 2

/** The eight-mode reward of the 2-D experiment, with its weights normalised or not: r only moves by a constant. */
const weights = ring.map((_, i) => Math.exp(1.5 * (i - 7)))
const eight: SolvableReward = { type: 'modes', centers: ring, weights, scale: 0.3 }

describe('N(0, 1) data', () => {
  it('with a quadratic reward has the published value, target and normaliser', () => {
    const [m, s] = [1.5, 0.5]
    const { value, logZ, law } = tilt(unitGaussian, quadraticReward([m], s))
    const v = (x: number, q: number) =>
      -0.5 * Math.log(1 + (1 - q) / s ** 2) - (m - Math.sqrt(q) * x) ** 2 / (2 * (s ** 2 + 1 - q))
    for (const t of [0.001, 0.2, 0.7, 1])
      for (const x of [-1, 0.4, 2]) expect(value(process, [x], t)).toBeCloseTo(v(x, abar(t)), 12)
    expect(logZ).toBeCloseTo(v(0, 0), 12)
    const variance = 1 / (1 + 1 / s ** 2)
    expect(law.means[0][0]).toBeCloseTo((m * variance) / s ** 2, 12) // 1.2
    expect(law.stds[0] ** 2).toBeCloseTo(variance, 12) // 0.2
  })

  it('with a linear reward has the published value and target at any temperature', () => {
    const [g, lambda] = [0.8, 2.5]
    const { value, law, logZ } = tilt(unitGaussian, { type: 'linear', gradient: [g] }, lambda)
    for (const t of [0.1, 0.5, 1]) {
      const q = abar(t)
      expect(value(process, [0.7], t)).toBeCloseTo(g * Math.sqrt(q) * 0.7 + (lambda * g * g * (1 - q)) / 2, 12)
    }
    expect(law.means[0][0]).toBeCloseTo(lambda * g, 12)
    expect(law.stds[0]).toBe(1)
    expect(logZ).toBeCloseTo((lambda * g) ** 2 / 2, 12)
  })
})

describe.each<[string, SolvableReward, number]>([
  ['quadratic', quadraticReward([0.9], 0.4), 1],
  ['quadratic at lambda = 3', quadraticReward([0.9], 0.4), 3],
  ['linear at lambda = 2', { type: 'linear', gradient: [1.3] }, 2],
  ['modes', { type: 'modes', centers: [[-1], [0.5], [3]], weights: [1, 2, 0.5], scale: 0.3 }, 1],
])('a mixture tilted by a %s reward', (_, reward, lambda) => {
  const tilted = tilt(problemG, reward, lambda)
  const p = (x: number) => Math.exp(problemG.logDensity([x]) + lambda * rewardOf(reward, [x]))

  it('has the normaliser and density of quadrature', () => {
    const z = integral(p)
    expect(tilted.logZ).toBeCloseTo(Math.log(z), 10)
    for (const x of [-1.3, -0.2, 0.6, 1.6]) expect(Math.exp(tilted.law.logDensity([x]))).toBeCloseTo(p(x) / z, 10)
    expect(tilted.masses.reduce((sum, m) => sum + m, 0)).toBeCloseTo(1, 12)
  })

  it('has soft values that obey the soft Bellman equation', () => {
    // V_t(x) = (1 / lambda) log E[exp(lambda V_s(x_s)) | x_t = x], with the exact kernel by Bayes:
    // p(x_s | x_t) ~ p_s(x_s) N(x_t; r x_s, s_t^2 - r^2 s_s^2), r = a_t / a_s
    const [t, s, x] = [0.5, 0.25, -0.3]
    const r = process.a(t) / process.a(s)
    const variance = process.s(t) ** 2 - (r * process.s(s)) ** 2
    const kernel = (u: number) =>
      Math.exp(problemG.logDensity([u], process.a(s), process.s(s)) - (x - r * u) ** 2 / (2 * variance))
    const tiltedMass = integral((u) => kernel(u) * Math.exp(lambda * tilted.value(process, [u], s)))
    expect(tilted.value(process, [x], t)).toBeCloseTo(Math.log(tiltedMass / integral(kernel)) / lambda, 9)
  })

  it('ends at the reward and starts at (1 / lambda) log Z', () => {
    expect(tilted.value(process, [0.7], 0)).toBe(rewardOf(reward, [0.7]))
    expect(tilted.value(process, [0.7], 1e-9)).toBeCloseTo(rewardOf(reward, [0.7]), 6)
    const pure = { ...process, a: () => 0, s: () => 1 }
    expect(tilted.value(pure, [0.7], 1)).toBeCloseTo(tilted.logZ / lambda, 10)
  })
})

describe('the eight-mode world', () => {
  it('has mode masses proportional to the reward weights', () => {
    const world = new GaussianMixture({ means: ring, stds: ring.map(() => 0.3) })
    const tilted = tilt(world, eight)
    const total = weights.reduce((sum, w) => sum + w, 0)
    expect(tilted.masses.map((m) => m.toFixed(3)).slice(-3)).toEqual(['0.039', '0.173', '0.777'])
    tilted.masses.forEach((mass, i) => {
      expect(mass).toBeCloseTo(weights[i] / total, 10)
    })
    // One mode's share: (1 / 8) w_i (sigma^2 / (sigma^2 + s0^2))^(d / 2) with sigma = s0, d = 2
    expect(tilted.logZ).toBeCloseTo(Math.log(total / 16), 10)
  })

  it('has the published value formula in two dimensions', () => {
    const world = new GaussianMixture({ means: ring.slice(0, 3), stds: [0.2, 0.2, 0.2], weights: [1, 2, 3] })
    const [t, x] = [0.2, [1, 0.5]]
    const q = abar(t)
    const total = q * 0.04 + 1 - q
    const v = (0.04 * (1 - q)) / total
    const joint = world.means.map((mu, k) => {
      const square = (x[0] - Math.sqrt(q) * mu[0]) ** 2 + (x[1] - Math.sqrt(q) * mu[1]) ** 2
      return world.weights[k] * Math.exp(-square / (2 * total))
    })
    const evidence = joint.reduce((sum, p) => sum + p, 0)
    let sum = 0
    world.means.forEach((mu, k) => {
      const m = [0, 1].map((i) => mu[i] + ((Math.sqrt(q) * 0.04) / total) * (x[i] - Math.sqrt(q) * mu[i]))
      ring.forEach((c, i) => {
        const square = (m[0] - c[0]) ** 2 + (m[1] - c[1]) ** 2
        sum += (joint[k] / evidence) * weights[i] * (0.09 / (0.09 + v)) * Math.exp(-square / (2 * (0.09 + v)))
      })
    })
    expect(tilt(world, eight).value(process, x, t)).toBeCloseTo(Math.log(sum), 10)
  })

  it('refuses what has no closed form or does not fit', () => {
    const world = new GaussianMixture({ means: ring, stds: ring.map(() => 0.3) })
    expect(() => tilt(world, eight, 2)).toThrow('solvable at lambda = 1 only')
    expect(() => tilt(problemG, eight)).toThrow('a reward on 2 numbers cannot score a world of 1')
    expect(() => tilt(world, { ...eight, weights: [1] } as SolvableReward)).toThrow('8 centres and 1 weights')
    expect(() => tilt(world, { ...eight, scale: 0 } as SolvableReward)).toThrow('scale')
    expect(() => tilt(world, eight, -1)).toThrow('inverse temperature')
  })
})
