import { pixelChain } from 'espalier/chain'
import { classifierFree } from 'espalier/guide'
import { type Denoiser, GaussianMixture, linearBetas, uniformGrid, vpLinear, vpTable } from 'espalier/process'
import type { Reward } from 'espalier/reward'
import { batched } from 'espalier/runtime'
import { bestOfN, dts, SearchError } from 'espalier/search'
import { ddim, ddpm, eulerAncestral, execute, HERE, parsePlan, start } from 'espalier/solve'
import { fold, key, purpose, row, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const process = vpLinear()
const grid = uniformGrid(process, 50)
const plan = ddpm()(process, grid)
const mixture = new GaussianMixture({
  means: [
    [0.8, 0.1, -0.5, 0.2],
    [-0.9, 0.4, 0.3, 0.6],
  ],
  stds: [0.2, 0.3],
  event: [1, 2, 2],
})
const denoiser = mixture.denoiser(process)
const keys = (n: number) => Array.from({ length: n }, (_, i) => fold(key(8), i))

const firstPixel: Reward<Tensor> = {
  name: 'first pixel',
  evaluate: async (samples) => samples.map(({ data }) => data[0]),
}

/** Counts the rows that go through a denoiser. */
function counted(inner: Denoiser): Denoiser & { rows: number } {
  const outer = {
    ...inner,
    rows: 0,
    predict: (...args: Parameters<Denoiser['predict']>) => {
      outer.rows += args[1].length
      return inner.predict(...args)
    },
  }
  return outer
}

describe('pixelChain', () => {
  it('in blocks is the one run of the plan, bit for bit, whatever the branch points and the batch', async () => {
    const rows = keys(5)
    const own = rows.map((k) => purpose(k, 'step'))
    const whole = await execute(plan, denoiser, start(plan, denoiser, rows), { keys: own })
    for (const branchAt of [undefined, [50], [50, 49, 2], [50, 31, 30]]) {
      const chain = pixelChain({ denoiser, plan, branchAt })
      let states = await chain.start(rows)
      for (let level = 0; level < chain.depth; level++) {
        const [head, ...tail] = states
        const first = await chain.step([head], level, [rows[0]])
        states = [...first, ...(await chain.step(tail, level, rows.slice(1)))]
      }
      states.forEach((state, i) => {
        expect(state).toEqual(row(whole, i))
      })
    }
  })

  it('has the law that the table itself implies, for Gaussian data', async () => {
    // Data N(m, S^2): the predicted x_0 is linear in x, so mean and variance follow from the coefficients.
    const [m, S] = [0.7, 0.4]
    const gaussian = new GaussianMixture({ means: [[m]], stds: [S] }).denoiser(process)
    let mean = 0
    let variance = process.s(grid[0]) ** 2
    for (const stage of plan.stages) {
      const [a, s] = [process.a(stage.time!), process.s(stage.time!)]
      const gain = (a * S * S) / (a * a * S * S + s * s)
      const scale = (stage.states[0] ?? 0) + stage.predictions[0] * gain
      mean = scale * mean + stage.predictions[0] * (m - gain * a * m)
      variance = scale * scale * variance + stage.noise ** 2
    }
    const chain = pixelChain({ denoiser: gaussian, plan })
    const n = 8000
    let states = await chain.start(keys(n))
    for (let level = 0; level < chain.depth; level++) states = await chain.step(states, level, keys(n))
    const values = states.map(([x]) => x)
    const average = values.reduce((a, b) => a + b) / n
    const spread = values.reduce((sum, v) => sum + (v - average) ** 2, 0) / n
    expect(Math.abs(average - mean)).toBeLessThan(4 * Math.sqrt(variance / n))
    expect(Math.abs(spread / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
    // And 50 steps come near the data, a little narrow as the small variance is.
    expect(Math.abs(Math.sqrt(variance) - S)).toBeLessThan(0.06)
  })

  it('branches where the paper does by default, and counts the NFE of each block', async () => {
    const network = counted(denoiser)
    const chain = pixelChain({ denoiser: network, plan })
    expect([0, 1, 2, 3, 4].map((level) => chain.cost(level))).toEqual([10, 10, 10, 10, 10])
    const uneven = pixelChain({ denoiser: network, plan, branchAt: [50, 20] })
    await uneven.step(await uneven.start(keys(3)), 0, keys(3))
    expect(network.rows).toBe(3 * uneven.cost(0))
    const guided = classifierFree(denoiser, { scale: 2, unconditional: {} })
    expect(pixelChain({ denoiser: guided, plan }).cost(0)).toBe(20)
    expect(pixelChain({ denoiser: guided, plan }).lookaheadCost(1)).toBe(2)
  })

  it('looks ahead to the predicted clean sample, and clamps it and the final sample to the range', async () => {
    const chain = pixelChain({ denoiser, plan, range: [-0.5, 0.25] })
    const states = await chain.start(keys(4))
    const level2 = await chain.step(await chain.step(states, 0, keys(4)), 1, keys(4))
    const x = { shape: [4, 1, 2, 2], data: Float32Array.from(level2.flatMap((state) => [...state])) }
    const clean = await denoiser.predict(x, new Float64Array(4).fill(grid[20]), 'data')
    const seen = await chain.lookahead(level2, 2)
    seen.forEach(({ shape, data }, i) => {
      expect(shape).toEqual([1, 2, 2])
      expect(data).toEqual(row(clean, i).map((v) => Math.min(0.25, Math.max(-0.5, v))))
    })
    expect(Math.max(...clean.data)).toBeGreaterThan(0.25)
    const raw = Float32Array.of(2, -2, 0.1, 0)
    expect((await chain.decode([raw]))[0].data).toEqual(Float32Array.of(0.25, -0.5, 0.1, 0))
    expect((await chain.lookahead([raw], 5))[0].data).toEqual(Float32Array.of(0.25, -0.5, 0.1, 0))
    expect(raw[0]).toBe(2)
    expect((await pixelChain({ denoiser, plan }).decode([raw]))[0].data).toEqual(raw)
  })

  it('gives its condition to every row', async () => {
    const label = { shape: [1, 2], data: Float32Array.of(3, 4) }
    const seen: (readonly number[])[] = []
    const conditional: Denoiser = {
      ...denoiser,
      predict: (x, t, target, condition) => {
        seen.push([...condition!.label.data])
        return denoiser.predict(x, t, target)
      },
    }
    const chain = pixelChain({ denoiser: conditional, plan, condition: { label } })
    await chain.step(await chain.start(keys(3)), 4, keys(3))
    expect(seen.length).toBe(10)
    for (const given of seen) expect(given).toEqual([3, 4, 3, 4, 3, 4])
  })

  it('draws one of several conditions at the start and keeps it to the end', async () => {
    // The network is told which of three corners to pull to; the state must carry it through blocks and checkpoints.
    const corners = { shape: [3, 1], data: Float32Array.of(-1, 0, 1) }
    const told: number[][] = []
    const pulled: Denoiser = {
      ...denoiser,
      predict: async (x, _t, _target, condition) => {
        told.push([...condition!.corner.data])
        return { shape: x.shape, data: x.data.map((_v, i) => condition!.corner.data[Math.floor(i / 4)]) }
      },
    }
    const chain = pixelChain({ denoiser: pulled, plan, condition: { corner: corners } })
    const own = keys(300)
    let states = await chain.start(own)
    for (let level = 0; level < chain.depth; level++) {
      states = await chain.step(
        states.map((state) => chain.load(chain.save(state))),
        level,
        own,
      )
    }
    for (const given of told) expect(given).toEqual(told[0])
    const ends = await chain.decode(states)
    ends.forEach(({ shape, data }, i) => {
      expect(shape).toEqual([1, 2, 2])
      expect([...data]).toEqual(new Array(4).fill(told[0][i]))
    })
    for (const corner of [-1, 0, 1]) {
      const share = told[0].filter((given) => given === corner).length
      expect(Math.abs(share - 100)).toBeLessThan(4 * Math.sqrt((300 * 2) / 9))
    }
    const alone = await chain.start(own.slice(7, 8))
    expect(alone[0]).toEqual((await chain.start(own))[7])
  })

  it('refuses to branch where nothing random would follow', () => {
    expect(() => pixelChain({ denoiser, plan, branchAt: [50, 25, 1] })).toThrow(
      'draws no noise between 1 and 0 steps left',
    )
    const smooth = ddim()(process, grid)
    expect(() => pixelChain({ denoiser, plan: smooth })).toThrow(/draws no noise on its way.*or an odeChain/)
    const short = pixelChain({ denoiser, plan: ddim({ eta: 1 })(process, uniformGrid(process, 3)) })
    expect([short.depth, short.cost(0), short.cost(1)]).toEqual([2, 1, 2])
  })

  it('refuses plans that it cannot cut: with memory, or without an end', () => {
    const times = [1, 0.6, 0.3, 0]
    const stage = { ask: HERE, noise: 0.1 }
    const multistep = parsePlan({
      ...{ type: 'plan', name: 'two-step', process: process.name, target: 'data', grid: times },
      stages: [
        { ...stage, step: 0, time: 1, states: [1], predictions: [0.1] },
        { ...stage, step: 1, time: 0.6, states: [1], predictions: [0.2, -0.1] },
        { ...stage, step: 2, time: 0.3, states: [], predictions: [1], noise: 0 },
      ],
    })
    expect(() => pixelChain({ denoiser, plan: multistep, branchAt: [3, 2] })).toThrow(
      'two-step remembers earlier steps',
    )
    expect(pixelChain({ denoiser, plan: multistep, branchAt: [3] }).depth).toBe(1)
    const open = ddpm()(process, [1, 0.5, 0.1])
    expect(() => pixelChain({ denoiser, plan: open })).toThrow('ends at time 0.1, expected a grid that ends in clean')
  })
})

describe('the law of a step', () => {
  const label = { shape: [3, 1], data: Float32Array.of(4, 5, 6) }

  it('is the Gaussian that steps are drawn from, at levels of one solver step', async () => {
    for (const solver of [ddpm(), ddim({ eta: 0.5 }), eulerAncestral()]) {
      const network = counted(denoiser)
      const table = solver(process, grid)
      const chain = pixelChain({ denoiser: network, plan: table, branchAt: [50, 30, 29], condition: { label } })
      const n = 4000
      let [state] = await chain.start(keys(1))
      state = (await chain.step([state], 0, keys(1)))[0]
      network.rows = 0
      const { means, std } = await chain.moments([state], 1)
      expect(network.rows).toBe(chain.cost(1))
      expect(means[0][4]).toBe(state[4])
      const next = await chain.step(new Array(n).fill(state), 1, keys(n))
      const residuals = next.flatMap((x) => [...x.subarray(0, 4)].map((v, j) => (v - means[0][j]) / std))
      expect(Math.abs(residuals.reduce((sum, z) => sum + z, 0) / residuals.length)).toBeLessThan(4 / Math.sqrt(4 * n))
      const square = residuals.reduce((sum, z) => sum + z * z, 0) / residuals.length
      expect(Math.abs(square - 1)).toBeLessThan(4 * Math.sqrt(2 / (4 * n)))
      // Minus the mean log-probability is the entropy of four such numbers.
      const logs = chain.logProbability(next, new Array(n).fill(means[0]), std)
      const entropy = 2 * Math.log(2 * Math.PI * Math.E * std * std)
      expect(Math.abs(logs.reduce((sum, v) => sum - v, 0) / n - entropy)).toBeLessThan(4 * Math.sqrt(2 / n))
    }
  })

  it('is read off the table for a known prediction, from a look too', async () => {
    const network = counted(denoiser)
    const chain = pixelChain({ denoiser: network, plan, branchAt: [50, 20, 19] })
    const state = (await chain.step(await chain.start(keys(1)), 0, keys(1)))[0]
    const [{ data: clean }] = await chain.lookahead([state], 1)
    network.rows = 0
    const { means, std } = await chain.moments([state], 1)
    expect(network.rows).toBe(0)
    const stage = plan.stages[30]
    expect(std).toBe(stage.noise)
    means[0].forEach((m, j) => {
      expect(m).toBeCloseTo(stage.states[0] * state[j] + stage.predictions[0] * clean[j], 6)
    })
  })

  it('is not known of a block, and the chain says so', async () => {
    const chain = pixelChain({ denoiser, plan, branchAt: [50, 20, 19] })
    const states = await chain.start(keys(1))
    for (const level of [0, 2])
      await expect(chain.moments(states, level)).rejects.toThrow('not one solver step with noise')
  })
})

describe('searches over pixels', () => {
  it('give the same tree through the batching evaluator, in fuller batches', async () => {
    const options = { reward: firstPixel, lambda: 3, seed: 2, budget: 6000, alpha: 0.5, width: 16 }
    const plain = await dts({ ...options, chain: pixelChain({ denoiser, plan }) })
    const network = counted(denoiser)
    const pooled = batched(network, { maxBatch: 8 })
    const gathered = await dts({ ...options, chain: pixelChain({ denoiser: pooled, plan }) })
    expect(gathered.save()).toEqual(plain.save())
    expect(gathered.nfe).toBe(network.rows)
    expect(pooled.statistics.occupancy).toBeGreaterThan(0.6)
  })

  it('a network that gives NaN stops the search, names step, time and row, and keeps what there was', async () => {
    let calls = 0
    const sick: Denoiser = {
      ...denoiser,
      predict: async (x, t, target) => {
        const out = await denoiser.predict(x, t, target)
        if (++calls === 120) out.data[0] = Number.NaN
        return out
      },
    }
    const chain = pixelChain({ denoiser: sick, plan })
    const failed = bestOfN({ chain, reward: firstPixel, seed: 0, budget: 1000, width: 1 })
    await expect(failed).rejects.toThrow(/step 20 of 50 \(t = .*row 0 is not finite/)
    const error = await failed.catch((e: unknown) => e)
    expect((error as SearchError<Tensor>).result.candidates.length).toBe(2)
    expect(error).toBeInstanceOf(SearchError)
  })

  it('tilt the pixels of a mixture toward the reward', async () => {
    const table = vpTable(linearBetas(100, 0.001, 0.07))
    const world = new GaussianMixture({ means: [[-1], [1]], stds: [0.3, 0.3] })
    const steps = ddpm()(table, uniformGrid(table, 100))
    const chain = pixelChain({ denoiser: world.denoiser(table), plan: steps })
    const rules = { selection: 'boltzmann-mixed', epsilon: 1, width: 32 } as const
    const { candidates } = await dts({ chain, reward: firstPixel, lambda: 1, seed: 0, budget: 100_000, ...rules })
    const right = candidates.reduce((sum, { sample, weight }) => sum + (sample.data[0] > 0 ? weight : 0), 0)
    // exp(x) tilts the two modes by e^(+-1).
    expect(Math.abs(right - Math.E / (Math.E + 1 / Math.E))).toBeLessThan(0.05)
  })
})
