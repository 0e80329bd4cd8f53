import {
  ancestral,
  cosine,
  evenTimes,
  geometric,
  type KernelFamily,
  maskedProcess,
  remasking,
  scaledKernel,
  type TokenProcess,
  type TokenState,
  thetaTrapezoidal,
  tokenEuler,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { Asker } from '../../src/text/ask.ts'
import { advance, CoupledWalk, oneStage, relaxed, type Span, shares } from '../../src/text/coupled-walk.ts'
import { startStates } from '../../src/text/sampler.ts'
import { chain } from './lsd-world.ts'
import { allMasked, chiSquare, chiSquareBound, kernelStates, keysOf } from './worlds.ts'

const law = chain(3)
const free = Int32Array.of(0, 1, 2)
const masked = maskedProcess(3, cosine())
const uniform = uniformProcess(3, geometric(1e-2, 4))

/** Walks down the times; `cells` says what randomness is each step's. */
async function walked(
  process: TokenProcess,
  family: KernelFamily,
  times: number[],
  n: number,
  cells: (k: number) => Span,
  seed = 1,
) {
  const asker = new Asker(law.denoiser(process))
  const ask = (states: readonly TokenState[], t: number) =>
    asker.ask(states, new Float64Array(states.length).fill(t), true)
  const prompt = allMasked(process, 3).tokens
  // Of one start whatever the seed, so that walks of other keys differ by their clocks alone.
  const starts = startStates({ process, timeFree: false, prompt }, keysOf(1, n))
  const walks = keysOf(seed, n).map((key, i) => new CoupledWalk(process, starts[i], free, key))
  const kernel = oneStage(family(process))
  for (let k = 0; k + 1 < times.length; k++) {
    await advance(walks, kernel, times[k], times[k + 1], cells(k), ask)
  }
  return walks.map(({ state }) => state.tokens)
}

/** Cells of one step of `n`, or of all of them at once. */
const one = (n: number) => (k: number) => ({ interval: Math.floor(k / n), first: k % n, shares: [1] })
const all = (process: TokenProcess, times: number[], n: number) => (k: number) => {
  const fine = Array.from({ length: n + 1 }, (_, j) => times[k] + ((times[k + 1] - times[k]) * j) / n)
  return { interval: k, first: 0, shares: shares(process, fine) }
}

describe('a walk by clocks', () => {
  const cases: readonly [string, TokenProcess, KernelFamily][] = [
    ['masked, ancestral', masked, ancestral],
    ['masked, powers', masked, scaledKernel({ variant: 'lsd-log', factor: () => 0.8 })],
    ['uniform, ancestral', uniform, ancestral],
    ['uniform, Euler', uniform, tokenEuler],
  ]
  test.each(cases)('follows the law of its kernel: %s', async (_, process, family) => {
    const n = 4000
    const times = evenTimes(5, 0.2)
    const { states, here } = kernelStates(law, process, family, times)
    const seen = new Float64Array(states.count)
    const cells = all(process, times, 3)
    for (const tokens of await walked(process, family, times, n, cells)) seen[states.index(tokens)] += 1 / n
    const rare = here.map((p) => p * n)
    // Cells of few expected draws are put together.
    const [expected, observed] = [here, seen].map((of) => {
      const big = of.filter((_, i) => rare[i] >= 5)
      return [...big, of.reduce((sum, p, i) => (rare[i] < 5 ? sum + p : sum), 0)]
    })
    expect(chiSquare(expected, observed, n)).toBeLessThan(chiSquareBound(expected.length))
  })

  test('stays with another of its key, as far as laws and steps agree', async () => {
    const share = (a: Int32Array[], b: Int32Array[]) =>
      a.reduce((sum, row, i) => sum + row.filter((token, p) => token === b[i][p]).length, 0) / (3 * a.length)
    for (const process of [masked, uniform]) {
      const n = 150
      const [few, many] = [evenTimes(16, 0.2), evenTimes(64, 0.2)]
      const coarse = await walked(process, tokenEuler, few, n, all(process, few, 4))
      expect(await walked(process, tokenEuler, few, n, all(process, few, 4))).toEqual(coarse)
      const together = share(coarse, await walked(process, ancestral, many, n, one(4)))
      const apart = share(coarse, await walked(process, ancestral, many, n, one(4), 2))
      expect(together).toBeGreaterThan(apart + 0.2)
    }
  })

  test('lifts masks in one order whatever its steps', async () => {
    const [few, many] = [
      await walked(masked, tokenEuler, evenTimes(4, 0.5), 300, one(1)),
      await walked(masked, ancestral, evenTimes(32, 0.5), 300, one(8)),
    ]
    // Euler lags behind on a cosine: what it knows, the other one knows.
    few.forEach((row, i) => void row.forEach((token, p) => void (token !== 3 && expect(many[i][p]).not.toBe(3))))
    expect(few.flatMap((row) => [...row]).filter((x) => x === 3).length).toBeGreaterThan(
      many.flatMap((row) => [...row]).filter((x) => x === 3).length,
    )
  })

  test('of two calls a step, or of tokens that are masked again, is refused', () => {
    expect(() => oneStage(thetaTrapezoidal()(masked))).toThrow('expected steps of one call, got 2')
    expect(() => oneStage(remasking()(masked))).toThrow('leave known tokens as they are')
  })
})

test('a relaxed start differs at no more positions than it may', () => {
  const state = allMasked(masked, 20)
  const all = Int32Array.from({ length: 20 }, (_, p) => p)
  const counts = keysOf(3, 200).map((key) => {
    return relaxed(masked, state, all, 2, key).tokens.filter((token) => token !== 3).length
  })
  expect(new Set(counts)).toEqual(new Set([0, 1, 2]))
  expect(relaxed(masked, state, all, 0, keysOf(3, 1)[0])).toBe(state)
  expect(
    relaxed(masked, state, Int32Array.of(7), 5, keysOf(4, 1)[0]).tokens.filter((x) => x !== 3).length,
  ).toBeLessThan(2)
})
