import { odeChain } from 'espalier/chain'
import { flow, GaussianMixture, uniformGrid, ve, vpLinear } from 'espalier/process'
import { ddim, ddpm, denoised, dpmSolverPlusPlus, execute, start } from 'espalier/solve'
import { row } from 'espalier/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { estimate, gaussian, keysOf, kolmogorov } from './worlds.ts'

const process = vpLinear()
const grid = uniformGrid(process, 20)
const plan = ddim()(process, grid)
const mixture = new GaussianMixture({
  means: [
    [0.8, 0.1, -0.5, 0.2],
    [-0.9, 0.4, 0.3, 0.6],
  ],
  stds: [0.2, 0.3],
  event: [1, 2, 2],
})
const denoiser = mixture.denoiser(process)

const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0))
const cosineOf = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x).reduce((sum, v, i) => sum + v * y[i], 0) / norm(x) / norm(y)

describe('odeChain', () => {
  it('runs any deterministic plan, with memory too, as one run does, bit for bit', async () => {
    const rows = keysOf(1, 4)
    for (const solver of [ddim(), dpmSolverPlusPlus({ order: 3 })]) {
      const table = solver(process, grid)
      const whole = await execute(table, denoiser, start(table, denoiser, rows))
      const chain = odeChain({ denoiser, plan: table })
      expect([chain.kernel, chain.depth, chain.cost(0)]).toEqual(['deterministic', 1, 20])
      const ends = await chain.step(await chain.start(rows), 0, keysOf(2, 4))
      ends.forEach((state, i) => {
        expect(state).toEqual(row(whole, i))
      })
    }
    const levels = odeChain({ denoiser, plan, branchAt: [20, 12, 3] })
    let states = await levels.start(rows)
    for (let level = 0; level < 3; level++) states = await levels.step(states, level, rows)
    const whole = await execute(plan, denoiser, start(plan, denoiser, rows))
    states.forEach((state, i) => {
      expect(state).toEqual(row(whole, i))
    })
  })

  it('refuses noise on the way, and levels where a multistep plan remembers', () => {
    expect(() => odeChain({ denoiser, plan: ddpm()(process, grid) })).toThrow(
      'ddpm(variance=small) draws noise in step 1 of 20',
    )
    const multistep = dpmSolverPlusPlus()(process, grid)
    expect(() => odeChain({ denoiser, plan: multistep, branchAt: [20, 10] })).toThrow('remembers earlier steps')
  })

  it('neighbours keep the norm and the cosine, for any start and any cosine', () => {
    const chain = odeChain({ denoiser, plan })
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 4, maxLength: 4 }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 1000 }),
        (values, cosine, seed) => {
          const x = Float32Array.from(values)
          fc.pre(norm(x) > 1e-3)
          const [y] = chain.neighbours([x], cosine, keysOf(seed, 1))
          expect(Math.abs(norm(y) / norm(x) - 1)).toBeLessThan(1e-6)
          expect(Math.abs(cosineOf(x, y) - cosine)).toBeLessThan(1e-6)
        },
      ),
    )
  })

  it('a neighbour of a draw from the prior is a draw from the prior, in every coordinate and in norm', async () => {
    const chain = odeChain({ denoiser, plan })
    const n = 20_000
    const starts = await chain.start(keysOf(3, n))
    const std = process.s(grid[0])
    for (const cosine of [0.95, 0.3]) {
      const near = chain.neighbours(starts, cosine, keysOf(4, n))
      for (const j of [0, 3]) {
        expect(
          kolmogorov(
            near.map((x) => x[j]),
            std,
          ),
        ).toBeLessThan(1.95)
        // A coordinate correlates with that of the pivot by the cosine, as in tau n + sqrt(1 - tau^2) z.
        const { mean, error } = estimate(near.map((x, i) => (x[j] * starts[i][j]) / std ** 2))
        expect(Math.abs(mean - cosine)).toBeLessThan(4 * error)
      }
    }
    const once = chain.neighbours(starts.slice(0, 2), 0.9, keysOf(5, 2))
    expect(chain.neighbours([starts[1]], 0.9, keysOf(5, 2).slice(1))).toEqual([once[1]])
    expect(() => chain.neighbours(starts.slice(0, 1), 1.5, keysOf(5, 1))).toThrow('in [-1, 1], got 1.5')
    const line = odeChain({ denoiser: gaussian(0, 1).denoiser(process), plan })
    expect(() => line.neighbours([Float32Array.of(1)], 0.9, keysOf(5, 1))).toThrow('no neighbours at an angle')
  })

  it('neighbours and noised states keep the condition that their start drew', async () => {
    const corners = { shape: [3, 1], data: Float32Array.of(-1, 0, 1) }
    const pulled = { ...denoiser, predict: async (x: Parameters<typeof denoiser.predict>[0]) => x }
    const chain = odeChain({ denoiser: pulled, plan, branchAt: [20, 10], condition: { corner: corners } })
    const starts = await chain.start(keysOf(6, 40))
    const conditions = starts.map((state) => state[4])
    expect(new Set(conditions).size).toBe(3)
    expect(chain.neighbours(starts, 0.5, keysOf(7, 40)).map((state) => state[4])).toEqual(conditions)
    expect(chain.renoise(starts, 1, 0, keysOf(7, 40)).map((state) => state[4])).toEqual(conditions)
  })

  it.each([
    { name: 'VP', world: vpLinear() },
    { name: 'flow, from a level to pure noise too', world: flow() },
  ])('noises again by the forward kernel, exactly, and in parts as at once ($name)', async ({ world }) => {
    const times = [1, 0.8, 0.5, 0.2, 0]
    const chain = odeChain({
      denoiser: gaussian(0, 1).denoiser(world),
      plan: ddim()(world, times),
      branchAt: [4, 3, 2, 1],
    })
    const n = 20_000
    const x = new Array<Float32Array>(n).fill(Float32Array.of(1.7))
    for (const [from, middle, to] of [
      [4, 3, 1],
      [3, 2, 0],
      [2, 1, 0],
    ]) {
      const ratio = world.a(times[to]) / world.a(times[from])
      const std = Math.sqrt(world.s(times[to]) ** 2 - (ratio * world.s(times[from])) ** 2)
      const direct = chain.renoise(x, from, to, keysOf(8, n))
      const parts = chain.renoise(chain.renoise(x, from, middle, keysOf(9, n)), middle, to, keysOf(10, n))
      for (const states of [direct, parts]) {
        expect(
          kolmogorov(
            states.map((state) => state[0] - ratio * 1.7),
            std,
          ),
        ).toBeLessThan(1.95)
      }
    }
    expect(chain.renoise(x.slice(0, 1), 2, 2, keysOf(8, 1))[0]).toBe(x[0])
    expect(() => chain.renoise(x, 1, 2, keysOf(8, n))).toThrow('noised to a level up to it, got 2')
  })

  it('decodes a process that keeps noise at its end only with its last prediction', async () => {
    const exploding = ve({ sigmaMax: 20 })
    const world = gaussian(0.7, 0.4).denoiser(exploding)
    const times = uniformGrid(exploding, 60)
    expect(() => odeChain({ denoiser: world, plan: ddim()(exploding, times) })).toThrow(
      /ends at time 0.*noise left: s = 0\.01.*denoised\(\)/,
    )
    const chain = odeChain({ denoiser: world, plan: denoised(ddim())(exploding, times) })
    expect(chain.cost(0)).toBe(61)
    const states = await chain.step(await chain.start(keysOf(11, 2000)), 0, keysOf(11, 2000))
    const { mean, error } = estimate((await chain.decode(states)).map(({ data }) => data[0]))
    expect(Math.abs(mean - 0.7)).toBeLessThan(4 * error + 0.02)
    // The end is clean: all the noise of the first level is fresh, not all but sigmaMin.
    const back = chain.renoise(states, 1, 0, keysOf(12, 2000))
    expect(
      kolmogorov(
        back.map((x, i) => x[0] - states[i][0]),
        20,
      ),
    ).toBeLessThan(1.95)
  })
})
