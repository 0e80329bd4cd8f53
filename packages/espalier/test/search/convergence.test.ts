/** Error against budget on an enumerable chain: the slope of the log-log line tells who converges, and how fast. */

import { type SearchResult, searchFrom } from 'espalier/search'
import { describe, expect, it } from 'vitest'
import { finiteWorld } from './finite-chain.ts'

const world = finiteWorld(4, 3, 3)
const target = world.target(1)
const budgets = [150, 600, 2400, 9600]

const distance = ({ candidates }: SearchResult<number>) => {
  const mass = new Float64Array(target.length)
  for (const { sample, weight } of candidates) mass[sample] += weight
  return target.reduce((total, p, x) => total + Math.abs(p - mass[x]), 0) / 2
}

/** Mean total variation to the exact tilted law at each budget. */
async function errors(text: string, repeats = 24): Promise<number[]> {
  const seeds = Array.from({ length: repeats }, (_, i) => i)
  const method = searchFrom(text)
  const means: number[] = []
  for (const budget of budgets) {
    const found = await Promise.all(
      seeds.map((seed) => method.run({ chain: world.chain, reward: world.reward, seed, budget, width: 1 })),
    )
    means.push(found.reduce((sum, result) => sum + distance(result), 0) / seeds.length)
  }
  return means
}

/** Least squares slope of log error against log budget. */
function slope(values: readonly number[]): number {
  const x = budgets.map(Math.log)
  const y = values.map(Math.log)
  const centre = (of: readonly number[]) => of.reduce((a, b) => a + b) / of.length
  const [mx, my] = [centre(x), centre(y)]
  return x.reduce((sum, v, i) => sum + (v - mx) * (y[i] - my), 0) / x.reduce((sum, v) => sum + (v - mx) ** 2, 0)
}

describe('error against budget', () => {
  it.each([
    'importance',
    'smc',
    'smc(trigger=1,resampling=multinomial)',
    'fk(potential=max)',
    'fk(potential=sum)',
    'forest',
    'svdd(candidates=3,selection=softmax,selectStart=true,weighted=true)',
  ])('%s converges like one over the square root of the budget', async (text) => {
    const found = await errors(text)
    expect(slope(found)).toBeGreaterThan(-0.7)
    expect(slope(found)).toBeLessThan(-0.35)
    expect(found[3]).toBeLessThan(0.04)
  })

  it('DTS converges too, held back by the bias of adaptive visits, which exact weights do away with', async () => {
    const published = slope(await errors('dts(alpha=0.5)', 8))
    const exact = slope(await errors('dts(readOut=weighted)', 8))
    expect(exact).toBeGreaterThan(-0.8)
    expect(exact).toBeLessThan(-0.3)
    expect(published).toBeLessThan(-0.1)
    expect(published).toBeGreaterThan(exact)
  })

  it.each(['svdd(candidates=5)', 'svdd(candidates=3,selection=softmax)', 'best-of-n', 'greedy'])(
    '%s has another limit: its error stands still',
    async (text) => {
      const [, , before, last] = await errors(text)
      expect(last).toBeGreaterThan(0.7 * before)
      expect(last).toBeGreaterThan(0.04)
    },
  )
})
