import type { Meter } from 'espalier/runtime'
import { countedTokens, firstHitting, maskedChain, maskedProcess, TokenLaw, type TokenSample } from 'espalier/text'
import { describe, expect, it } from 'vitest'
import { exactCells } from '../../../reproduce/text-steering/exact.ts'
import { branching, methods } from '../../../reproduce/text-steering/methods.ts'
import { names, settings } from '../../../reproduce/text-steering/names.ts'

describe('reproduce text-steering', () => {
  it('branches where the paper does, as far as the calls allow', () => {
    expect(branching('published', 64)).toEqual([64, 54, 44, 34, 24, 14])
    expect(branching('published', 16)).toEqual([16, 14, 11, 9, 6, 4])
    expect(branching('one', 16)).toEqual([16])
  })

  it('every method spends no more than it is given, most of it, and no more than it says', async () => {
    const law = new TokenLaw(
      2,
      8,
      Float64Array.from({ length: 256 }, (_, i) => 1 + ((i * 7) % 13) ** 2),
    )
    const meter: Meter = { nfe: 0 }
    const denoiser = countedTokens(law.denoiser(maskedProcess(2)), meter)
    const reward = {
      name: 'ones',
      evaluate: async (samples: readonly TokenSample[]) =>
        samples.map(({ tokens }) => tokens.reduce((sum, token) => sum + token, 0)),
    }
    for (const { name, blocks, run } of Object.values(methods)) {
      const chain = maskedChain({ denoiser, sampler: firstHitting({ calls: 8 }), branchAt: branching(blocks, 8) })
      meter.nfe = 0
      const { nfe, candidates } = await run({ chain, reward, lambda: 2, budget: 400, seed: 1, width: 4 })
      expect(nfe, name).toBeLessThanOrEqual(400)
      expect(nfe, name).toBeGreaterThan(240)
      // Rows that are one state are asked once.
      expect(meter.nfe, name).toBeLessThanOrEqual(nfe)
      expect(candidates.length, name).toBeGreaterThan(0)
    }
  })

  it('on the law of 32 sequences a greedy choice keeps its bias, and importance resampling loses its error', async () => {
    const distance = async (method: string, budget: number) => {
      const cell = exactCells(false).find(
        (c) => c.method === method && c.budget === budget && c.setting === settings.world,
      )
      const { values } = (await cell?.run(0)) ?? { values: {} }
      return Object.values(values)[0]
    }
    expect(await distance(names.svdd, 6400)).toBeGreaterThan(0.38)
    const [few, many] = [await distance(names.importance, 400), await distance(names.importance, 6400)]
    // 1/4 in expectation.
    expect(many).toBeLessThan(0.6 * few)
    expect(many).toBeLessThan(0.08)
  })
})
