import { fold, key } from 'espalier/tensor'
import {
  ancestral,
  firstHitting,
  gumbelDraw,
  kernelSampler,
  largestGumbel,
  maskedProcess,
  sampleTokens,
  TokenLaw,
  type TokenSolver,
} from 'espalier/text'
import { describe, expect, it } from 'vitest'
import { blankDenoiser, counted, expectedCalls, stepsFor, uncached, wholeBatches } from '../../../reproduce/fhs/cost.ts'
import { keptShare, predictedGumbels } from '../../../reproduce/fhs/draws.ts'
import { publishedAncestral } from '../../../reproduce/fhs/published.ts'
import { lossAt } from '../../../reproduce/support/temperature-curve.ts'
import { wholeWords } from '../../../reproduce/support/text.ts'

const law = new TokenLaw(
  3,
  3,
  Float64Array.from({ length: 27 }, (_, i) => 1 + ((i * 7) % 13) ** 3),
)
const denoiser = law.denoiser(maskedProcess(3))
const count = 2000

/** Shares of all sequences. */
async function shares(sampler: TokenSolver): Promise<Float64Array> {
  const { tokens } = await sampleTokens({ denoiser, sampler, count, seed: 1 })
  const out = new Float64Array(27)
  for (const row of tokens) out[law.index(row)] += 1 / count
  return out
}

/** Pearson's statistic of two samples of the same size; below about 50 for 26 degrees of freedom. */
function chiSquare(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, p, i) => sum + (p + b[i] > 0 ? (count * (p - b[i]) ** 2) / (p + b[i]) : 0), 0)
}

describe('reproduce fhs: what sampling costs', () => {
  it('calls of a batch: the formula of the paper, and as they are counted', async () => {
    expect(expectedCalls(50, 16)).toBeCloseTo(13.81, 2)
    const counts: number[] = []
    for (let seed = 0; seed < 60; seed++) {
      counts.push((await counted(kernelSampler(ancestral, { steps: 50 }), 8, 2, seed)).changes)
    }
    // One count has a standard deviation below 2.
    expect(Math.abs(counts.reduce((a, b) => a + b) / 60 - expectedCalls(50, 16))).toBeLessThan(1)
  })

  it('finds the steps that spend the NFE of another sampler', async () => {
    const of = (steps: number) => kernelSampler(ancestral, { steps })
    const settings = { length: 16, batch: 8, most: 256 }
    const { nfe } = await counted(firstHitting({ calls: 8 }), 16, 8)
    const steps = await stepsFor(nfe, of, settings)
    expect(Math.abs((await counted(of(steps), 16, 8)).nfe - nfe)).toBeLessThan(0.5)
    // More than one call a token is never spent.
    expect(await stepsFor(100, of, settings)).toBe(256)
  })

  it('a cache of the batch asks all of it again; without one, every step does', async () => {
    for (const [wrapped, rows] of [
      [(d: typeof denoiser) => wholeBatches(d, 4), 4],
      [(d: typeof denoiser) => uncached(wholeBatches(d, 4)), 4],
    ] as const) {
      const inner = blankDenoiser(6)
      let [asked, calls] = [0, 0]
      const counting = {
        ...inner,
        predict: (...given: Parameters<typeof denoiser.predict>) => {
          calls++
          asked += given[1].length
          return inner.predict(...given)
        },
      }
      const model = wrapped(counting)
      await sampleTokens({ denoiser: model, sampler: publishedAncestral(40), count: 4, seed: 1 })
      expect(asked).toBe(rows * calls)
      if (model.timeFree) expect(calls).toBeLessThan(25)
      else expect(calls).toBe(40)
    }
  })
})

describe('reproduce fhs: laws of draws', () => {
  it('the step as published has the law of the exact one', async () => {
    const exact = await shares(kernelSampler(ancestral, { steps: 5 }))
    expect(chiSquare(await shares(publishedAncestral(5)), exact)).toBeLessThan(60)
  })

  it('the share of a rare value that bad noise leaves', () => {
    const p = 1 / 80
    const weights = Float64Array.of(p, 1 - p)
    for (const noise of [{ bits: 12 }, { largest: largestGumbel(6) }]) {
      let won = 0
      for (let i = 0; i < 40_000; i++) if (gumbelDraw(weights, fold(key(3), i), noise) === 0) won++
      const expected = p * keptShare(p, noise)
      expect(Math.abs(won / 40_000 - expected)).toBeLessThan(4 * Math.sqrt(expected / 40_000))
    }
    expect(keptShare(p, { largest: largestGumbel(6) })).toBeLessThan(0.31)
    expect(keptShare(p, { bits: 6 })).toBeCloseTo(0.508, 2)
    expect(keptShare(1e-3, { bits: 52 })).toBeCloseTo(1, 10)
  })

  it('the closed form runs the chain of cut Gumbels, and of exact ones', async () => {
    const steps = 32
    const noise = { largest: largestGumbel(5) }
    const cut = await shares(kernelSampler(ancestral, { steps, gumbels: noise }))
    const exact = await shares(kernelSampler(ancestral, { steps }))
    expect(chiSquare(await shares(predictedGumbels(steps, noise)), cut)).toBeLessThan(60)
    expect(chiSquare(await shares(predictedGumbels(steps, { bits: 52 })), exact)).toBeLessThan(60)
    expect(chiSquare(cut, exact)).toBeGreaterThan(100)
  })
})

describe('reproduce fhs: text', () => {
  it('compares at matched entropy along the temperature curve', () => {
    const curve = [
      { entropy: 3, loss: 4 },
      { entropy: 2, loss: 3.5 },
      { entropy: 1, loss: 2 },
    ]
    expect(lossAt(2.5, curve)).toBeCloseTo(3.75, 12)
    expect(lossAt(1.5, curve)).toBeCloseTo(2.75, 12)
    expect(lossAt(0.5, curve)).toBeCloseTo(1.25, 12)
    expect(lossAt(4, curve)).toBeCloseTo(4.5, 12)
    expect(() => lossAt(2, curve.slice(0, 1))).toThrow('two temperatures')
  })

  it('leaves out the words that the ends of a sequence may have cut', () => {
    expect(wholeWords('ing\nword other\nabc').trim()).toBe('word other')
    expect(wholeWords(' the end')).toBe(' the')
    expect(wholeWords('nothing')).toBe('')
  })
})
