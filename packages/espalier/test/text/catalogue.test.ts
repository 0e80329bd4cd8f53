import {
  autoregressiveEnergy,
  autoregressiveTable,
  batchedTokens,
  countedTokens,
  firstHitting,
  float32Gumbels,
  maskedProcess,
  parsePrompt,
  sampleTokens,
  stackTokens,
  type TextTokenizer,
  type TokenDenoiser,
  tokenSamplerCatalogue,
  tokenSamplerFrom,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { randomLaw } from './worlds.ts'

const law = randomLaw(3, 2, 4, 1)
const denoiser = law.denoiser(maskedProcess(2))
const energy = autoregressiveEnergy(autoregressiveTable(law))
const profile = { times: [1, 0.5, 0], factors: [1, 1] }
const prompt = Int32Array.of(1, 2, 2, 2)

describe('samplers by name', () => {
  test.each([
    ...tokenSamplerCatalogue.map(({ name }) => name),
    ...['first-hitting(calls=2)', 'first-hitting(order=2)', 'ancestral(steps=3,removal=argmax)', 'euler(steps=3)'],
    ...['theta-trapezoidal(steps=2,theta=0.3)', 'theta-rk2(theta=0.7)', 'confidence(calls=2,token=argmax)'],
    ...['remasking(steps=6,eta=0.5,high=0.8,low=0.2)', 'energy(k=3,window=0.5,of=co-ar)', 'energy(calls=2,k=4)'],
    'profile:lsd.json',
  ])('%s fills a prompt and keeps what is given', async (name) => {
    const sampler = tokenSamplerFrom(name).make({ energy, profile })
    const { tokens } = await sampleTokens({ denoiser, sampler, prompt, count: 20, seed: 1 })
    expect(tokens).toHaveLength(20)
    for (const row of tokens) {
      expect(row[0]).toBe(1)
      expect(row.every((token) => token === 0 || token === 1)).toBe(true)
    }
  })

  test('are made of their options', async () => {
    const steps = (name: string) => {
      const task = { process: denoiser.process, timeFree: true, prompt: Int32Array.of(2, 2, 2, 2) }
      return tokenSamplerFrom(name).make({ energy, profile })(task).steps
    }
    expect([steps('first-hitting'), steps('first-hitting(calls=3)'), steps('ancestral(steps=7)')]).toEqual([4, 3, 7])
    expect([steps('energy(steps=5)'), steps('energy(calls=2)'), steps('profile:x.json')]).toEqual([5, 2, 2])
    expect(tokenSamplerFrom('energy(model=judge,of=co-ar)').energy).toEqual({ model: 'judge', of: 'co-ar' })
    expect(tokenSamplerFrom('profile: few.json').profile).toBe('few.json')
  })

  test.each([
    ['beam', 'there is no sampler "beam"; there are first-hitting, ancestral'],
    ['first-hitting(steps=3)', 'first-hitting: Unrecognized key: "steps"'],
    ['first-hitting(calls=0)', 'first-hitting.calls'],
    ['theta-rk2(theta=1)', 'theta-rk2.theta'],
    ['energy(steps=2,calls=2)', 'energy takes steps or calls, not both'],
    ['profile:', 'profile: needs its file'],
    ['ancestral(steps=2', 'a sampler is written name or name(option=value, ...)'],
  ])('%s is told in one line', (name, says) => {
    expect(() => tokenSamplerFrom(name)).toThrow(says)
  })

  test('say what they lack, and what has no Gumbels', () => {
    expect(() => tokenSamplerFrom('energy').make()).toThrow('needs an energy; name its model')
    expect(() => tokenSamplerFrom('profile:a.json').make()).toThrow('the numbers of profile:a.json are missing')
    for (const name of ['first-hitting', 'confidence', 'energy']) {
      const { make } = tokenSamplerFrom(name)
      expect(() => make({ energy, gumbels: float32Gumbels })).toThrow(`${name} draws exactly`)
    }
    expect(tokenSamplerFrom('ancestral').make({ gumbels: float32Gumbels })).toBeTypeOf('function')
  })
})

describe('prompts', () => {
  const letters: TextTokenizer = {
    vocabulary: 26,
    encode: (text) => {
      const odd = /[^a-z]/.exec(text)
      if (odd) throw new Error(`the tokenizer has no token for "${odd[0]}"`)
      return Int32Array.from(text, (letter) => letter.charCodeAt(0) - 97)
    },
    decode: (tokens) => String.fromCharCode(...Array.from(tokens, (token) => token + 97)),
  }

  test('have holes of any length, anywhere', () => {
    expect(Array.from(parsePrompt('ab', letters))).toEqual([0, 1])
    expect(Array.from(parsePrompt('', letters))).toEqual([])
    expect(Array.from(parsePrompt('[mask:2]a[mask]b', letters))).toEqual([26, 26, 0, 26, 1])
  })

  test.each([
    ['a[mask:0]', '[mask:0] holds no token'],
    ['a[mask:x]b', '"[mask:x]b" is not understood; a hole is [mask] or [mask:3]'],
    ['[mask', '"[mask" is not understood'],
    ['[mask:99999999]', '[mask:99999999] is longer than any sequence'],
    ['aB', 'no token for "B"'],
  ])('%s is told in one line', (text, says) => {
    expect(() => parsePrompt(text, letters)).toThrow(says)
  })
})

describe('many sequences', () => {
  test('drawn in parts are those drawn at once', async () => {
    const draw = (first: number, count: number) =>
      sampleTokens({ denoiser, sampler: firstHitting(), count, seed: 5, first }).then(({ tokens }) => tokens)
    expect([...(await draw(0, 3)), ...(await draw(3, 4))]).toEqual(await draw(0, 7))
  })

  test('that are asked for at one moment share batches, and the answers are those of each alone', async () => {
    const meter = { nfe: 0 }
    const calls: number[] = []
    const watched: TokenDenoiser = {
      ...denoiser,
      predict(tokens, t) {
        calls.push(t.length)
        return denoiser.predict(tokens, t)
      },
    }
    const counted = countedTokens(watched, meter)
    const shared = batchedTokens(counted, { maxBatch: 4 })
    const rows = [0, 1, 2].map((k) => stackTokens([Int32Array.of(k, 2, 2, 1), Int32Array.of(2, 2, k, 0)]))
    const t = Float64Array.of(0.5, 0.2)
    const together = await Promise.all(rows.map((tokens) => shared.predict(tokens, t)))
    const alone = await Promise.all(rows.map((tokens) => denoiser.predict(tokens, t)))
    expect(together).toEqual(alone)
    expect(calls).toEqual([4, 2])
    expect(meter.nfe).toBe(6)
    expect(shared.statistics.rows).toBe(6)
  })
})
