import { type Chain, mixtureChain, odeChain, pixelChain, thinned } from 'espalier/chain'
import { classifierFree } from 'espalier/guide'
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { batched } from 'espalier/runtime'
import { ddim, ddpm, dpmSolver, dpmSolverPlusPlus, heun, type Plan } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { keysOf, logged, rowsOfCalls } from './worlds.ts'

const process = vpLinear()
const grid = uniformGrid(process, 12)
const mixture = new GaussianMixture({
  means: [
    [0.8, 0.1, -0.5],
    [-0.9, 0.4, 0.3],
  ],
  stds: [0.2, 0.3],
})
const world = mixture.denoiser(process)
const ddpmPlan = ddpm()(process, grid)
const everyStep = Array.from({ length: 11 }, (_, i) => 12 - i)

/** States of a level, reached without a look. */
async function statesAt(chain: Chain<Float32Array, Tensor>, level: number, n: number): Promise<Float32Array[]> {
  let states = await chain.start(keysOf(1, n))
  for (let l = 0; l < level; l++) states = await chain.step(states, l, keysOf(1, n))
  return states
}

describe('a state that was looked at', () => {
  it.each([
    { name: 'a block', branchAt: undefined },
    { name: 'one step', branchAt: everyStep },
  ])('is not predicted again by its steps ($name), with the same result bit for bit', async ({ branchAt }) => {
    const network = logged(world)
    const chain = pixelChain({ denoiser: network, plan: ddpmPlan, branchAt })
    for (let level = 0; level < chain.depth; level++) {
      const fresh = await statesAt(chain, level, 4)
      const plain = await chain.step(fresh, level, keysOf(2, 4))
      const looked = fresh.map((state) => state.slice())
      network.calls.length = 0
      const seen = await chain.lookahead(looked, level)
      expect(rowsOfCalls(network.calls)).toBe(4 * chain.lookaheadCost(level))
      network.calls.length = 0
      expect(await chain.step(looked, level, keysOf(2, 4))).toEqual(plain)
      expect(rowsOfCalls(network.calls)).toBe(4 * chain.cost(level, true))
      expect(chain.cost(level, true)).toBe(chain.cost(level) - 1)
      // Again, with copies of the particle and other noise, and another look: as cheap.
      network.calls.length = 0
      await chain.step([looked[2], looked[2]], level, keysOf(3, 2))
      expect(rowsOfCalls(network.calls)).toBe(2 * chain.cost(level, true))
      expect(await chain.lookahead(looked, level)).toEqual(seen)
      expect(rowsOfCalls(network.calls)).toBe(2 * chain.cost(level, true))
    }
  })

  it('goes in one batch with others that were not, whose rows alone are asked for', async () => {
    const network = logged(world)
    const chain = pixelChain({ denoiser: network, plan: ddpmPlan })
    const states = await statesAt(chain, 2, 5)
    const plain = await chain.step(states, 2, keysOf(2, 5))
    const mixed = states.map((state) => state.slice())
    await chain.lookahead([mixed[3], mixed[1]], 2)
    network.calls.length = 0
    expect(await chain.step(mixed, 2, keysOf(2, 5))).toEqual(plain)
    expect(rowsOfCalls(network.calls)).toBe(2 * chain.cost(2, true) + 3 * chain.cost(2))
    expect(network.calls[0].rows).toBe(3)
  })

  it('is another state after a checkpoint, and at another level', async () => {
    const network = logged(world)
    const chain = pixelChain({ denoiser: network, plan: ddpmPlan })
    const states = await statesAt(chain, 1, 3)
    await chain.lookahead(states, 1)
    network.calls.length = 0
    const reloaded = states.map((state) => chain.load(chain.save(state).slice()))
    await chain.step(reloaded, 1, keysOf(2, 3))
    expect(rowsOfCalls(network.calls)).toBe(3 * chain.cost(1))
    network.calls.length = 0
    await chain.step(states, 2, keysOf(2, 3))
    expect(rowsOfCalls(network.calls)).toBe(3 * chain.cost(2))
  })

  it('keeps its condition, and costs what guidance costs', async () => {
    const labels: Tensor = { shape: [2, 1], data: Float32Array.of(1, -1) }
    const network = logged({
      ...world,
      predict: async (x, t, target, condition) => {
        const out = await world.predict(x, t, target)
        for (let i = 0; i < out.data.length; i++) out.data[i] += 0.1 * condition!.label.data[Math.floor(i / 3)]
        return out
      },
    } satisfies typeof world)
    const none = { label: { shape: [1, 1], data: Float32Array.of(0) } }
    const guided = batched(
      classifierFree(network, { scale: 3, unconditional: none, interval: { low: 0.3, high: 0.7 } }),
      {
        maxBatch: 3,
      },
    )
    const chain = pixelChain({ denoiser: guided, plan: ddpmPlan, condition: { label: labels }, branchAt: [12, 8, 3] })
    for (let level = 0; level < 3; level++) {
      const states = await statesAt(chain, level, 6)
      expect(new Set(states.map((state) => state[3])).size).toBe(2)
      const plain = await chain.step(states, level, keysOf(2, 6))
      const looked = states.map((state) => state.slice())
      await chain.lookahead(looked.slice(0, 4), level)
      network.calls.length = 0
      expect(await chain.step(looked, level, keysOf(2, 6))).toEqual(plain)
      expect(rowsOfCalls(network.calls)).toBe(4 * chain.cost(level, true) + 2 * chain.cost(level))
      expect(chain.cost(level, true)).toBe(chain.cost(level) - chain.lookaheadCost(level))
    }
    expect([0, 1, 2].map((level) => chain.lookaheadCost(level))).toEqual([1, 2, 1])
  })

  const dataPlan = dpmSolverPlusPlus({ order: 3 })(process, grid)
  const noisePlan = dpmSolver({ order: 2 })(process, grid)
  it.each<{ name: string; plan: Plan }>([
    { name: 'multistep, data', plan: dataPlan },
    { name: 'multistep, noise', plan: noisePlan },
    { name: 'two calls a step', plan: heun()(process, grid) },
  ])('serves ODE chains, whatever their prediction ($name)', async ({ plan }) => {
    const network = logged(world)
    const chain = odeChain({ denoiser: network, plan })
    const states = await chain.start(keysOf(1, 3))
    const plain = await chain.step(states, 0, [])
    await chain.lookahead(states, 0)
    network.calls.length = 0
    const reached = await chain.step(states, 0, [])
    expect(rowsOfCalls(network.calls)).toBe(3 * chain.cost(0, true))
    expect(chain.cost(0, true)).toBe(chain.cost(0) - 1)
    reached.forEach((state, i) => {
      state.forEach((v, j) => {
        expect(Math.abs(v - plain[i][j])).toBeLessThan(1e-6)
      })
    })
  })

  it('is predicted again where the plan first adds noise to it, and the cost says so', async () => {
    const network = logged(world)
    const plan = heun({ churn: 4 })(process, grid)
    const chain = pixelChain({ denoiser: network, plan, branchAt: [12, 8, 4] })
    const states = await statesAt(chain, 1, 3)
    const plain = await chain.step(states, 1, keysOf(2, 3))
    await chain.lookahead(states, 1)
    network.calls.length = 0
    expect(await chain.step(states, 1, keysOf(2, 3))).toEqual(plain)
    expect(chain.cost(1, true)).toBe(chain.cost(1))
    expect(rowsOfCalls(network.calls)).toBe(3 * chain.cost(1))
  })

  it('is one step cheaper on an exact mixture too', () => {
    const chain = mixtureChain({ mixture, process, grid, branchAt: [12, 8, 1] })
    expect([0, 1, 2].map((level) => chain.cost(level, true))).toEqual([3, 6, 0])
    expect([0, 1, 2].map((level) => chain.cost(level))).toEqual([4, 7, 1])
  })
})

describe('finish', () => {
  it('goes to the end by another plan from any level, from a look where there was one, at the cost it says', async () => {
    expect(thinned([1, 0.8, 0.6, 0.4, 0.2, 0], 2)).toEqual([1, 0.4, 0])
    expect(thinned([1, 0.5, 0], 7)).toEqual([1, 0.5, 0])
    const network = logged(world)
    const short = (rest: readonly number[]) => ddim()(process, thinned(rest, 3))
    const chain = pixelChain({ denoiser: network, plan: ddpmPlan, finish: short, branchAt: [12, 6, 2] })
    expect([0, 1, 2, 3].map((level) => chain.finishCost!(level))).toEqual([3, 3, 2, 0])
    for (let level = 0; level < 3; level++) {
      const states = await statesAt(chain, level, 4)
      const own = odeChain({ denoiser: world, plan: short(grid.slice([0, 6, 10][level])) })
      const expected = await own.step(states, 0, [])
      network.calls.length = 0
      expect(await chain.finish!(states, level, keysOf(5, 4))).toEqual(expected)
      expect(rowsOfCalls(network.calls)).toBe(4 * chain.finishCost!(level))
      await chain.lookahead(states.slice(0, 1), level)
      network.calls.length = 0
      expect(await chain.finish!(states, level, keysOf(5, 4))).toEqual(expected)
      expect(rowsOfCalls(network.calls)).toBe(3 * chain.finishCost!(level) + chain.finishCost!(level, true))
    }
    const ends = await statesAt(chain, 3, 2)
    expect(await chain.finish!(ends, 3, keysOf(5, 2))).toEqual(ends)
    expect(pixelChain({ denoiser: network, plan: ddpmPlan }).finish).toBeUndefined()
  })

  it('serves the exact mixture, whose finish is then a plan and not exact', async () => {
    const short = (rest: readonly number[]) => ddim()(process, thinned(rest, 2))
    const chain = mixtureChain({ mixture, process, grid, finish: short })
    const states = await statesAt(chain, 2, 3)
    const own = odeChain({ denoiser: world, plan: short(grid.slice(12 - [12, 10, 7, 5, 2][2])) })
    expect(await chain.finish!(states, 2, keysOf(1, 3))).toEqual(await own.step(states, 0, []))
    expect([chain.finishCost!(2), chain.finishCost!(2, true)]).toEqual([2, 1])
  })

  it('refuses a plan from another level, or that stops on its way', () => {
    const wrong = () => ddim()(process, [0.9, 0])
    expect(() => pixelChain({ denoiser: world, plan: ddpmPlan, finish: wrong }).finishCost?.(0)).toThrow(
      'finishes from level 0 begins at time 0.9',
    )
    const open = (rest: readonly number[]) => ddim()(process, [rest[0], 0.01])
    const stopping = pixelChain({ denoiser: world, plan: ddpmPlan, finish: open })
    expect(() => stopping.finishCost?.(0)).toThrow('ends at time 0.01')
  })
})
