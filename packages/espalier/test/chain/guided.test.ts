import { type GuidedChain, guidedChain, isGuidedChain, mixtureChain, odeChain, pixelChain } from 'espalier/chain'
import { classifierFree, cleanGradient } from 'espalier/guide'
import {
  type DifferentiableDenoiser,
  edm,
  GaussianMixture,
  karrasGrid,
  uniformGrid,
  ve,
  vpLinear,
} from 'espalier/process'
import type { DifferentiableReward } from 'espalier/reward'
import { counted, type Meter } from 'espalier/runtime'
import { ddim, ddpm, denoised, dpmSolverPlusPlus, eulerAncestral, heun } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { estimate, gaussian, keysOf } from './worlds.ts'

const process = vpLinear()
const grid = uniformGrid(process, 10)
const mixture = new GaussianMixture({
  means: [
    [0.8, 0.1],
    [-0.9, 0.4],
  ],
  stds: [0.3, 0.5],
  weights: [0.4, 0.6],
})

/** `slope . x - bend |x|^2 / 2` */
function quadratic(slope: readonly number[], bend = 0): DifferentiableReward<Tensor> {
  const value = ({ data }: Tensor) => data.reduce((sum, x, j) => sum + slope[j] * x - (bend * x * x) / 2, 0)
  return {
    name: 'quadratic',
    evaluate: async (samples) => samples.map(value),
    differentiate: async (samples) => ({
      values: samples.map(value),
      gradients: samples.map(({ shape, data }) => ({ shape, data: data.map((x, j) => slope[j] - bend * x) })),
    }),
  }
}

const reward = quadratic([0.7, -0.4], 0.3)
const gradientOf = (denoiser: DifferentiableDenoiser) => cleanGradient(denoiser, reward)
const everyStep = Array.from({ length: 9 }, (_, i) => 10 - i)

/** n proposals from one state of a level, with plain steps from the same keys. */
async function branches(chain: GuidedChain<Float32Array, Tensor>, level: number, n: number, strength: number) {
  let [state] = await chain.start(keysOf(1, 1))
  for (let l = 0; l < level; l++) [state] = await chain.step([state], l, keysOf(2, 1))
  const states = new Array<Float32Array>(n).fill(state)
  const plain = await chain.step(states, level, keysOf(3, n))
  const proposed = await chain.propose(states, level, keysOf(4, n), () => strength)
  return { state, plain, ...proposed }
}

/** `E_q[exp(log p - log q) f] = E_p[f]`, with f = 1 and others. */
function expectConserved({ plain, states, logRatio }: Awaited<ReturnType<typeof branches>>) {
  const functions = [
    () => 1,
    (x: Float32Array) => x[0],
    (x: Float32Array) => x[0] * x[1],
    (x: Float32Array) => x[1] ** 2,
  ]
  for (const f of functions) {
    const p = estimate(plain.map(f))
    const q = estimate(states.map((x, i) => Math.exp(logRatio[i]) * f(x)))
    expect(Math.abs(p.mean - q.mean)).toBeLessThan(4 * Math.hypot(p.error, q.error))
  }
  // The proposal differs from the kernel, or there would be nothing to make up for.
  const [p, q] = [plain, states].map((all) => estimate(all.map((x) => x[0])))
  expect(Math.abs(p.mean - q.mean)).toBeGreaterThan(4 * Math.hypot(p.error, q.error))
}

describe('propose of a pixel chain', () => {
  const denoiser = mixture.denoiser(process)
  const guided = { denoiser, gradient: gradientOf(denoiser) }

  it('draws from the moved Gaussian, with the log-ratio of the two densities', async () => {
    for (const solver of [ddpm(), ddpm({ variance: 'large' }), ddim({ eta: 0.6 }), eulerAncestral()]) {
      const chain = pixelChain({ ...guided, plan: solver(process, grid), branchAt: everyStep })
      const n = 4000
      for (const level of [1, 5]) {
        const { state, states, logRatio } = await branches(chain, level, n, 2)
        const { means, std } = await chain.moments([state], level)
        const t = Float64Array.of(grid[level])
        const { gradient } = await guided.gradient({ shape: [1, 2], data: state }, t)
        const moved = means[0].map((m, j) => m + 2 * std * std * gradient.data[j])
        const p = chain.logProbability(states, new Array(n).fill(means[0]), std)
        const q = chain.logProbability(states, new Array(n).fill(moved), std)
        expect(Math.max(...logRatio.map((v, i) => Math.abs(p[i] - q[i] - v)))).toBeLessThan(1e-4)
        for (const j of [0, 1]) {
          const { mean, error } = estimate(states.map((x) => x[j]))
          expect(Math.abs(mean - moved[j])).toBeLessThan(4 * error)
          expect(error * Math.sqrt(n)).toBeCloseTo(std, 1)
        }
        if (level === 5) expect(Math.abs(moved[0] - means[0][0]) / std).toBeGreaterThan(0.15)
      }
    }
  })

  it('conserves expectations over blocks of steps, the last ones without noise too', async () => {
    for (const plan of [ddpm()(process, grid), ddim({ eta: 0.7 })(process, grid)]) {
      const chain = pixelChain({ ...guided, plan, branchAt: [10, 6, 3] })
      for (let level = 0; level < 3; level++) expectConserved(await branches(chain, level, 8000, 1.5))
    }
    const exploding = ve({ sigmaMax: 5 })
    const loud = mixture.denoiser(exploding)
    const plan = denoised(ddpm())(exploding, uniformGrid(exploding, 10))
    const chain = pixelChain({ denoiser: loud, gradient: gradientOf(loud), plan, branchAt: [10, 5, 1] })
    expectConserved(await branches(chain, 1, 8000, 4))
    expectConserved(await branches(chain, 2, 8000, 60))
  })

  it('is a plain step where the strength is 0, and is told how many steps are done', async () => {
    const chain = pixelChain({ ...guided, plan: ddpm()(process, grid), branchAt: [10, 7, 2] })
    const states = await chain.start(keysOf(1, 5))
    const told: number[][] = []
    const { states: reached, logRatio } = await chain.propose(states, 0, keysOf(2, 5), (...of) => {
      told.push(of)
      return 0
    })
    expect(reached).toEqual(await chain.step(states, 0, keysOf(2, 5)))
    expect([...logRatio].map(Math.abs)).toEqual([0, 0, 0, 0, 0])
    expect(told).toEqual([1, 2, 3].map((done) => [done, 10]))
    told.length = 0
    await chain.propose(states, 2, keysOf(2, 5), (...of) => {
      told.push(of)
      return 1
    })
    expect(told).toEqual([[9, 10]]) // the last step draws no noise
  })

  it('gives a row the same result in any batch', async () => {
    const chain = pixelChain({ ...guided, plan: ddpm()(process, grid) })
    const states = await chain.start(keysOf(1, 4))
    const whole = await chain.propose(states, 0, keysOf(2, 4), () => 1)
    const alone = await chain.propose([states[2]], 0, [keysOf(2, 4)[2]], () => 1)
    expect(alone.states[0]).toEqual(whole.states[2])
    expect(alone.logRatio[0]).toBe(whole.logRatio[2])
  })

  it('costs the forward passes of a step and one backward pass for each noisy one, less what was looked at', async () => {
    const meter: Meter = { nfe: 0, gradientEvaluations: 0 }
    const network = counted(denoiser, meter) as DifferentiableDenoiser
    const none = { label: { shape: [1, 1], data: Float32Array.of(0) } }
    const labels = { label: { shape: [2, 1], data: Float32Array.of(0, 1) } }
    const free = classifierFree(network, { scale: 2, unconditional: none, interval: { low: 0.35, high: 1 } })
    for (const { model, condition } of [{ model: network }, { model: free, condition: labels }]) {
      const gradient = gradientOf(model as DifferentiableDenoiser)
      const plan = ddpm()(process, grid)
      const chain = pixelChain({ denoiser: model, gradient, condition, plan, branchAt: [10, 6, 2] })
      for (let level = 0; level < 3; level++) {
        const states = await chain.start(keysOf(level, 5))
        const spent = async (which: readonly Float32Array[]) => {
          Object.assign(meter, { nfe: 0, gradientEvaluations: 0 })
          const found = await chain.propose(which, level, keysOf(9, 5), () => 1)
          return { ...found, ...meter }
        }
        const plain = await spent(states)
        expect(plain.nfe).toBe(5 * chain.cost(level))
        expect(plain.gradientEvaluations).toBe(5 * chain.gradientCost(level))
        const looked = states.map((state) => state.slice())
        await chain.lookahead(looked.slice(0, 3), level)
        const mixed = await spent(looked)
        expect(mixed.nfe).toBe(3 * chain.cost(level, true) + 2 * chain.cost(level))
        expect(mixed.gradientEvaluations).toBe(5 * chain.gradientCost(level))
        expect(mixed.states).toEqual(plain.states)
        expect(mixed.logRatio).toEqual(plain.logRatio)
      }
      expect(chain.gradientCost(2)).toBe(1)
      expect(chain.gradientCost(0)).toBe(model === network ? 4 : 8)
    }
  })

  it('tells the gradient the condition of each row, of one condition and of several', async () => {
    const plan = ddpm()(process, grid)
    const label = { shape: [3, 1], data: Float32Array.of(4, 5, 6) }
    const given: number[][] = []
    const gradient: typeof guided.gradient = (x, t, condition, known) => {
      given.push([...condition!.label.data])
      return guided.gradient(x, t, undefined, known)
    }
    const several = pixelChain({ denoiser, gradient, plan, condition: { label }, branchAt: everyStep })
    const states = await several.start(keysOf(1, 6))
    await several.lookahead([states[1], states[4]], 0)
    const { states: reached } = await several.propose(states, 0, keysOf(1, 6), () => 1)
    const own = states.map((state) => 4 + state[2])
    expect(given).toEqual([[own[1], own[4]], [0, 2, 3, 5].map((i) => own[i])])
    expect(reached.map((state) => 4 + state[2])).toEqual(own)
    given.length = 0
    const one = { label: { shape: [1, 1], data: Float32Array.of(7) } }
    const single = pixelChain({ denoiser, gradient, plan, condition: one, branchAt: everyStep })
    await single.propose(await single.start(keysOf(1, 2)), 0, keysOf(1, 2), () => 1)
    expect(given).toEqual([[7, 7]])
  })

  it('takes a look of a state whose first step is not moved, and no backward pass with the identity Jacobian', async () => {
    const meter: Meter = { nfe: 0, gradientEvaluations: 0 }
    const network = counted(denoiser, meter) as DifferentiableDenoiser
    const gradient = cleanGradient(network, reward, { jacobian: 'identity' })
    // A plan of which every other step draws no noise.
    const noisy = ddpm()(process, grid)
    const plain = ddim()(process, grid)
    const stages = noisy.stages.map((stage, i) => (i % 2 === 0 ? plain.stages[i] : stage))
    const chain = pixelChain({ denoiser: network, gradient, plan: { ...noisy, stages }, branchAt: [10, 4] })
    const states = await chain.start(keysOf(1, 3))
    const fresh = await chain.propose(states, 0, keysOf(2, 3), () => 1)
    expect(meter).toEqual({ nfe: 3 * chain.cost(0), gradientEvaluations: 0 })
    await chain.lookahead(states, 0)
    meter.nfe = 0
    const looked = await chain.propose(states, 0, keysOf(2, 3), () => 1)
    expect(looked).toEqual(fresh)
    expect(meter).toEqual({ nfe: 3 * chain.cost(0, true), gradientEvaluations: 0 })
    expect([chain.cost(0, true), chain.gradientCost(0), chain.rewardCost(0)]).toEqual([5, 0, 3])
  })

  it('shortens gradients to the norm asked for, and stays exact', async () => {
    const plan = ddpm()(process, grid)
    const steep = cleanGradient(denoiser, quadratic([30, 40]))
    const chain = pixelChain({ denoiser, gradient: steep, clip: 0.5, plan, branchAt: everyStep })
    const { state, states } = await branches(chain, 4, 4000, 3)
    const { means, std } = await chain.moments([state], 4)
    const shift = [0, 1].map((j) => (estimate(states.map((x) => x[j])).mean - means[0][j]) / (3 * std * std))
    expect(Math.hypot(...shift)).toBeCloseTo(0.5, 0)
    expectConserved(await branches(pixelChain({ denoiser, gradient: steep, clip: 0.5, plan }), 1, 8000, 1))
    expect(() => pixelChain({ denoiser, gradient: steep, clip: 0, plan })).toThrow('clip is 0')
  })

  it('refuses steps that are not one prediction and one noise, and gradients and strengths that are no numbers', async () => {
    const sigmas = edm()
    const model = mixture.denoiser(sigmas)
    const churned = heun({ churn: 20 })(sigmas, karrasGrid(sigmas, 6))
    const gradient = gradientOf(model)
    expect(() => pixelChain({ denoiser: model, gradient, plan: churned, branchAt: [6] })).toThrow(
      'not one prediction and one noise',
    )
    const sde = dpmSolverPlusPlus({ order: 2, tau: 1 })(process, grid)
    expect(() => pixelChain({ ...guided, plan: sde, branchAt: [10] })).toThrow('cannot be moved along a gradient')
    const broken: typeof guided.gradient = async (x, t) => {
      const found = await guided.gradient(x, t)
      found.gradient.data[2] = Number.NaN
      return found
    }
    const chain = pixelChain({ denoiser, gradient: broken, plan: ddpm()(process, grid) })
    const states = await chain.start(keysOf(1, 2))
    await expect(chain.propose(states, 0, keysOf(1, 2), () => 1)).rejects.toThrow(
      'step 1 of 10: the gradient of row 1 is not finite',
    )
    const fine = pixelChain({ ...guided, plan: ddpm()(process, grid) })
    await expect(fine.propose(states, 0, keysOf(1, 2), () => Number.NaN)).rejects.toThrow(
      'strength of the gradient is NaN',
    )
  })

  it('is told by its type, and asked for at run time', () => {
    const plan = ddpm()(process, grid)
    expect(isGuidedChain(pixelChain({ ...guided, plan }))).toBe(true)
    expect(() => guidedChain(pixelChain({ denoiser, plan }))).toThrow('give it a differentiable reward')
    expect(() => guidedChain(odeChain({ denoiser, plan: ddim()(process, grid) }))).toThrow('cannot move its steps')
  })
})

describe('propose of an exact mixture', () => {
  it.each([
    { name: 'two components', world: mixture, strengths: [20, 2, 2] },
    { name: 'one component', world: new GaussianMixture({ means: [[0.5, -0.2]], stds: [0.6] }), strengths: [80, 4, 2] },
  ])('conserves expectations over blocks of any length, to the end too ($name)', async ({ world, strengths }) => {
    const gradient = gradientOf(world.denoiser(process))
    const chain = mixtureChain({ mixture: world, process, grid, gradient, branchAt: [10, 5, 2] })
    for (const [level, strength] of strengths.entries()) {
      expectConserved(await branches(chain, level, 8000, strength))
    }
    expect([0, 1, 2].map((level) => chain.gradientCost(level))).toEqual([1, 1, 1])
    const states = await chain.start(keysOf(1, 3))
    const still = await chain.propose(states, 1, keysOf(2, 3), () => 0)
    expect(still.states).toEqual(await chain.step(states, 1, keysOf(2, 3)))
  })

  it('draws the tilted kernel itself where the reward is linear and the data Gaussian', async () => {
    // p(x_s | x) tilted by exp(lambda E[r | x_s]) is N(m + V lambda J_s^T slope, V): the same move up to J_t / J_s.
    const world = gaussian(0.3, 0.8)
    const gradient = cleanGradient(world.denoiser(process), quadratic([1]))
    const chain = mixtureChain({ mixture: world, process, grid, gradient, branchAt: [10, 4] })
    const [state] = await chain.start(keysOf(1, 1))
    const n = 20_000
    const states = new Array<Float32Array>(n).fill(state)
    const { states: moved, logRatio } = await chain.propose(states, 0, keysOf(2, n), () => 1.5)
    const values = moved.map((x) => x[0])
    // Moments of the kernel from the joint Gaussian of (x_t, x_s).
    const [at, st] = [process.a(1), process.s(1)]
    const [as, ss] = [process.a(grid[6]), process.s(grid[6])]
    const variance = (a: number, s: number) => (a * 0.8) ** 2 + s ** 2
    const covariance = (at / as) * variance(as, ss)
    const mean = as * 0.3 + (covariance / variance(at, st)) * (state[0] - at * 0.3)
    const V = variance(as, ss) - covariance ** 2 / variance(at, st)
    const jacobian = (at * 0.64) / variance(at, st)
    const found = estimate(values)
    expect(Math.abs(found.mean - (mean + V * 1.5 * jacobian))).toBeLessThan(4 * found.error)
    expect(Math.abs((found.error * Math.sqrt(n)) ** 2 / V - 1)).toBeLessThan(0.05)
    // Each row by itself: the same draw, moved by V times the gradient, and the densities of both.
    const move = V * 1.5 * jacobian
    const plain = await chain.step(states.slice(0, 100), 0, keysOf(2, 100))
    plain.forEach(([x], i) => {
      expect(values[i] - x).toBeCloseTo(move, 6)
      expect(logRatio[i]).toBeCloseTo(((x - mean) ** 2 - (x + move - mean) ** 2) / (2 * V), 5)
    })
  })

  it('does not move a step that ends in points', async () => {
    const world = new GaussianMixture({ means: [[-1], [2]], stds: [0, 0] })
    const gradient = cleanGradient(world.denoiser(process), quadratic([1]))
    const chain = mixtureChain({ mixture: world, process, grid, gradient, branchAt: [10, 3] })
    expect([0, 1].map((level) => chain.gradientCost(level))).toEqual([1, 0])
    const states = await chain.start(keysOf(1, 4))
    const { states: ends, logRatio } = await chain.propose(states, 1, keysOf(1, 4), () => 5)
    expect(logRatio).toEqual(new Float64Array(4))
    for (const [x] of ends) expect([-1, 2]).toContain(x)
  })
})
