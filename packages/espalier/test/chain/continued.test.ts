import { continued, mixtureChain, pixelChain } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import { quadraticReward, tilt, uniformGrid, vpLinear } from 'espalier/process'
import { distanceTo } from 'espalier/reward'
import { bestOfN, dts, importanceResampling, rolloutCost, smc, tds } from 'espalier/search'
import { ddim } from 'espalier/solve'
import { firstHitting, maskedChain, maskedProcess, TokenLaw } from 'espalier/text'
import { describe, expect, it } from 'vitest'
import { estimate, gaussian, keysOf, logged } from './worlds.ts'

const process = vpLinear()
const grid = uniformGrid(process, 10)
const lambda = 2

/** The data `N(0.5, 0.7^2)`, seen as 0.9 at the time of level 2, pulled to -0.4. */
const world = gaussian(0.5, 0.7)
const chain = mixtureChain({ mixture: world, process, grid, branchAt: 'even' })
const [level, time] = [2, grid[4]]
const state = Float32Array.of(0.9)
const reward = distanceTo([-0.4])

/** `p(x_0 | x_t) exp(lambda r(x_0))`, a product of three Gaussians. */
const exact = (() => {
  const [a, s] = [process.a(time), process.s(time)]
  const precision = 1 / 0.49 + (a / s) ** 2
  const mean = (0.5 / 0.49 + (a * state[0]) / s ** 2) / precision
  return { mean: (mean * precision + lambda * -0.4) / (precision + lambda), variance: 1 / (precision + lambda) }
})()

describe('a chain that goes on from a state', () => {
  const rest = continued(chain, level, state)

  it('costs what is left, and no more', () => {
    expect(rest.depth).toBe(chain.depth - level)
    expect(rolloutCost(rest)).toBe(6)
    expect(rest.cost(0, true)).toBe(chain.cost(level, true))
  })

  it('draws what the whole chain draws from there, by the same keys', async () => {
    const keys = keysOf(3, 5)
    const starts = await rest.start(keys)
    expect(new Set(starts)).toEqual(new Set([state]))
    const whole = await chain.step(starts, level, keys)
    expect(await rest.step(starts, 0, keys)).toEqual(whole)
    expect(await rest.lookahead(whole, 1)).toEqual(await chain.lookahead(whole, level + 1))
  })

  it.each([
    ['importance', importanceResampling],
    ['smc', smc],
    ['dts', dts],
  ] as const)('is searched for the law that is tilted from there, and for its Z: %s', async (name, search) => {
    const means: number[] = []
    const squares: number[] = []
    const logs: number[] = []
    for (let seed = 0; seed < 30; seed++) {
      const { candidates, logZ } = await search({ chain: rest, reward, lambda, seed, budget: 3000, width: 8 })
      const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
      const mean = candidates.reduce((sum, { weight, sample }) => sum + (weight / total) * sample.data[0], 0)
      means.push(mean)
      squares.push(
        candidates.reduce((sum, { weight, sample }) => sum + (weight / total) * (sample.data[0] - exact.mean) ** 2, 0),
      )
      logs.push(logZ as number)
    }
    const value = tilt(world, quadraticReward([-0.4], 1), lambda).value(process, state, time)
    for (const [values, wanted] of [
      [means, exact.mean],
      [squares, exact.variance],
      [logs, lambda * value],
    ] as const) {
      // A tree of finitely many nodes has a bias of its own, the same over a whole chain.
      if (name === 'dts' && values === logs) continue
      const { mean, error } = estimate(values)
      expect(Math.abs(mean - wanted)).toBeLessThan(4 * error + (name === 'dts' ? 0.05 : 0.02))
    }
  })

  it('keeps proposals, and finds the same law by them', async () => {
    const denoiser = world.denoiser(process)
    // So fine that the error of the steps is small.
    const plan = ddim({ eta: 1 })(process, uniformGrid(process, 100))
    const gradient = cleanGradient(denoiser, reward)
    const guided = continued(pixelChain({ denoiser, plan, gradient }), level, state)
    const means: number[] = []
    for (let seed = 0; seed < 30; seed++) {
      const { candidates } = await tds({ chain: guided, reward, lambda, seed, budget: 6000 })
      const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
      means.push(candidates.reduce((sum, { weight, sample }) => sum + (weight / total) * sample.data[0], 0))
    }
    const { mean, error } = estimate(means)
    expect(Math.abs(mean - exact.mean)).toBeLessThan(4 * error + 0.03)
  })

  it('asks the network for the steps that are left alone', async () => {
    const denoiser = logged(world.denoiser(process))
    const plan = ddim({ eta: 1 })(process, grid)
    const { nfe } = await bestOfN({
      chain: continued(pixelChain({ denoiser, plan }), level, state),
      ...{ reward, lambda, seed: 0, budget: 60, width: 5 },
    })
    expect(nfe).toBe(60)
    expect(denoiser.calls.reduce((sum, { rows }) => sum + rows, 0)).toBe(60)
    expect(Math.max(...denoiser.calls.map(({ t }) => t))).toBe(time)
  })

  it('goes on from a text that is partly there', async () => {
    const law = new TokenLaw(2, 3, [1, 2, 3, 4, 5, 6, 7, 8])
    const text = maskedChain({ denoiser: law.denoiser(maskedProcess(2)), sampler: firstHitting(), branchAt: 'every' })
    const half = { tokens: Int32Array.of(2, 1, 2), time: 0.6 }
    const found = await bestOfN({
      chain: continued(text, 1, half),
      reward: { name: 'none', evaluate: async (samples) => samples.map(() => 0) },
      ...{ lambda: 1, seed: 0, budget: 4000, width: 16 },
    })
    expect(found.candidates).toHaveLength(2000)
    const counts = new Map<string, number>()
    for (const { sample } of found.candidates) {
      const name = sample.tokens.join('')
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    // Of 010, 011, 110, 111 with 3, 4, 7, 8 of 22.
    for (const [name, weight] of [
      ['010', 3],
      ['011', 4],
      ['110', 7],
      ['111', 8],
    ] as const) {
      const p = weight / 22
      expect(Math.abs((counts.get(name) ?? 0) / 2000 - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 2000))
    }
  })

  it('is not there behind the end', () => {
    expect(() => continued(chain, chain.depth, state)).toThrow('a chain of 5 levels goes on from one of 0 to 4, got 5')
  })
})
