import { mixtureChain } from 'espalier/chain'
import { GaussianMixture, linearBetas, vpTable } from 'espalier/process'
import { fold, key } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const process = vpTable(linearBetas(100, 0.001, 0.07))
const grid = Array.from({ length: 101 }, (_, i) => (100 - i) / 100)
const mixture = new GaussianMixture({ means: [[-2], [1.5]], stds: [0.3, 0.6], weights: [0.25, 0.75] })
const keys = (n: number) => Array.from({ length: n }, (_, i) => fold(key(4), i))

function moments(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b) / values.length
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length
  return { mean, variance }
}

describe('mixtureChain', () => {
  const chain = mixtureChain({ mixture, process, grid, branchAt: [100, 80, 60, 40, 20] })
  const dataMean = 0.25 * -2 + 0.75 * 1.5
  const dataVariance = 0.25 * (4 + 0.09) + 0.75 * (2.25 + 0.36) - dataMean ** 2

  it('has the exact marginal at every level, and the mixture itself at the end', async () => {
    const n = 20_000
    const rows = keys(n)
    let states = await chain.start(rows)
    for (let level = 0; level <= chain.depth; level++) {
      const t = 1 - level / 5
      const [a, s] = [process.a(t), process.s(t)]
      const { mean, variance } = moments(states.map(([x]) => x))
      const expected = a * a * dataVariance + s * s
      expect(Math.abs(mean - a * dataMean)).toBeLessThan(4 * Math.sqrt(expected / n))
      expect(Math.abs(variance / expected - 1)).toBeLessThan(0.05)
      if (level < chain.depth) states = await chain.step(states, level, rows)
    }
    const right = states.map(([x]) => x).filter((x) => x > -0.5)
    expect(Math.abs(right.length / n - 0.75)).toBeLessThan(0.02)
    expect(Math.sqrt(moments(right).variance)).toBeCloseTo(0.6, 1)
  })

  it('looks ahead to the mean of what its own steps lead to', async () => {
    const n = 20_000
    const [state] = await chain.step(await chain.start([key(3)]), 0, [key(3)])
    let states = new Array<Float32Array>(n).fill(state)
    for (let level = 1; level < 5; level++) states = await chain.step(states, level, keys(n))
    const { mean, variance } = moments(states.map(([x]) => x))
    const [expected] = await chain.lookahead([state], 1)
    expect(Math.abs(mean - expected.data[0])).toBeLessThan(4 * Math.sqrt(variance / n))
    expect(variance).toBeGreaterThan(0.1)
  })

  it('starts from pure noise where asked, as a network would', async () => {
    const noisy = mixtureChain({ mixture, process, grid, start: 'noise' })
    const { mean, variance } = moments((await noisy.start(keys(20_000))).map(([x]) => x))
    expect(Math.abs(mean)).toBeLessThan(0.03)
    expect(variance).toBeCloseTo(process.s(1) ** 2, 1)
  })

  it('gives a row the same draws in any batch, and other draws at other levels', async () => {
    const rows = keys(7)
    const start = await chain.start(rows)
    const together = await chain.step(start, 1, rows)
    for (const i of [0, 6]) expect(await chain.step([start[i]], 1, [rows[i]])).toEqual([together[i]])
    expect(await chain.step(start, 2, rows)).not.toEqual(together)
  })

  it('costs what the steps of its blocks would cost a network', () => {
    const uneven = mixtureChain({ mixture, process, grid, branchAt: [100, 30, 5] })
    expect([0, 1, 2].map((level) => uneven.cost(level))).toEqual([70, 25, 5])
    expect(mixtureChain({ mixture, process, grid }).depth).toBe(5)
    expect(mixtureChain({ mixture, process, grid: [1, 0.5, 0] }).depth).toBe(2)
  })

  it.each([
    { branchAt: [80, 60], says: 'branchAt is [80, 60], expected remaining-step counts that decrease from 100' },
    { branchAt: [100, 60, 60], says: 'decrease from 100' },
    { branchAt: [100, 0], says: 'stay above 0' },
    { branchAt: [100, 49.5], says: 'decrease from 100' },
    { branchAt: [], says: 'branchAt is []' },
  ])('refuses branch points $branchAt', ({ branchAt, says }) => {
    expect(() => mixtureChain({ mixture, process, grid, branchAt })).toThrow(says)
  })

  it('refuses times that do not decrease to 0', () => {
    expect(() => mixtureChain({ mixture, process, grid: [1, 0.5] })).toThrow('times that decrease to 0, got [1, 0.5]')
    expect(() => mixtureChain({ mixture, process, grid: [0.5, 1, 0] })).toThrow('times that decrease to 0')
  })
})
