import type { Session } from 'espalier/runtime'
import { key, purpose, stream } from 'espalier/tensor'
import { firstHitting, maskedProcess, sampleTokens, TokenLaw } from 'espalier/text'
import { describe, expect, it } from 'vitest'
import { leftToRight } from '../../../reproduce/edlm/left-to-right.ts'
import { between, callsFor } from '../../../reproduce/edlm/matched.ts'
import { chosen, traced } from '../../../reproduce/edlm/pool.ts'

describe('reproduce edlm: whole sequences of MDLM that are chosen at the end', () => {
  const draws = stream(purpose(key(3), 'law'))
  const law = new TokenLaw(
    3,
    4,
    Float64Array.from({ length: 81 }, () => Math.exp(draws.normal())),
  )
  const denoiser = law.denoiser(maskedProcess(3))

  it('know the chance with which they were drawn: one by one from exact marginals it is that of the law', async () => {
    const { solver, logOf } = traced(firstHitting())
    const { tokens } = await sampleTokens({ denoiser, sampler: solver, count: 50, seed: 1 })
    for (const row of tokens) expect(logOf(row)).toBeCloseTo(Math.log(law.probabilities[law.index(row)]), 5)
  })

  it('weigh one on average, drawn several at once: p over the chance is an importance weight', async () => {
    const { solver, logOf } = traced(firstHitting({ calls: 2 }))
    const { tokens } = await sampleTokens({ denoiser, sampler: solver, count: 4000, seed: 2 })
    const weights = tokens.map((row) => law.probabilities[law.index(row)] / Math.exp(logOf(row)))
    const mean = weights.reduce((a, b) => a + b) / 4000
    const error = Math.sqrt(weights.reduce((sum, w) => sum + (w - mean) ** 2, 0)) / 4000
    expect(Math.abs(mean - 1)).toBeLessThan(4 * error)
    expect(error).toBeLessThan(0.03)
    expect(error).toBeGreaterThan(0.001)
  })

  it('are the likeliest of the first m, or follow their weights', () => {
    const tokens = Array.from({ length: 8 }, (_, i) => Int32Array.of(i))
    const pool = { tokens, logs: [0, 1, 2, 3, 9, 5, 6, 7], paths: [0, 0, 0, 0, 0, 0, 0, 0] }
    const picked = (m: number) => chosen(pool, 4, m, 'best', 1).map(([token]) => token)
    expect([picked(1), picked(2), picked(4)]).toEqual([
      [0, 4],
      [1, 4],
      [3, 4],
    ])
    // Far likelier to the model, and as much likelier to have been drawn: all alike.
    const level = { tokens, logs: [0, 50, 0, 50, 0, 50, 0, 50], paths: [0, 50, 0, 50, 0, 50, 0, 50] }
    const seen = Array.from({ length: 200 }, (_, seed) => chosen(level, 2, 2, 'importance', seed)[0][0])
    expect(seen.filter((token) => token === 0).length).toBeGreaterThan(70)
    expect(seen.filter((token) => token === 0).length).toBeLessThan(130)
  })
})

describe('reproduce edlm: draws from the left', () => {
  it('read what was drawn before: a model that counts, counts', async () => {
    const session = {
      run: async ({ tokens }: Record<string, { shape: readonly number[]; data: BigInt64Array }>) => {
        const [n, length] = tokens.shape
        const data = new Float32Array(n * length * 6).fill(-100)
        tokens.data.forEach((before, i) => {
          data[6 * i + ((Number(before) + 1) % 5)] = 100
        })
        return { logits: { type: 'float32', shape: [n, length, 6], data } }
      },
    } as unknown as Session
    const card = { context: 7, vocabulary: 5, start: 5, inputs: { tokens: 'tokens' }, output: 'logits' }
    const rows = await leftToRight(session, card as Parameters<typeof leftToRight>[1], 3, 1)
    for (const row of rows) expect([...row]).toEqual([1, 2, 3, 4, 0, 1, 2])
  })
})

describe('reproduce edlm: calls for the same', () => {
  const curves = [4, 8, 16].map((calls, i) => ({
    calls,
    points: [
      { entropy: 3, loss: 2 - i },
      { entropy: 4, loss: 4 - i },
    ],
  }))

  it('lie on straight lines over the logarithm of the calls, between the ends', () => {
    const needed = (loss: number, entropy: number, matched = true) => callsFor({ loss, entropy }, curves, matched)
    expect(needed(3, 4)).toBeCloseTo(8, 12)
    expect(needed(2.5, 4)).toBeCloseTo(8 * Math.SQRT2, 12)
    expect(needed(2.5, 3.5)).toBeCloseTo(4 * Math.SQRT2, 12)
    // Without a look at the entropy.
    expect(needed(2.5, 3, false)).toBeCloseTo(8 * Math.SQRT2, 12)
    expect([needed(9, 4), needed(0, 4)]).toEqual([4, 16])
  })

  it('have their cost between costs', () => {
    expect([3, 4, 6, 16, 20].map((x) => between(x, [4, 8, 16], [1, 3, 9]))).toEqual([1, 1, 2, 9, 9])
  })
})
