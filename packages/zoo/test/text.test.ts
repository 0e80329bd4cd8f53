import { type Model, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { fold, key, stream } from 'espalier/tensor'
import { createTokenizer } from 'espalier/text'
import { tokenCrossEntropy, trainingGraph } from 'espalier/train'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { trainTokenizer } from '../src/text/bpe.ts'
import {
  autoregressiveNetwork,
  energyNetwork,
  maskedNetwork,
  sequenceClassifier,
  type TransformerSize,
  uniformNetwork,
} from '../src/text/networks.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

const size: TransformerSize = { width: 16, blocks: 2, heads: 4, context: 12, vocabulary: 7 }

const ids = (rows: readonly (readonly number[])[]) => ({
  type: 'int64' as const,
  shape: [rows.length, rows[0].length],
  data: BigInt64Array.from(rows.flat(), BigInt),
})

/** The network with weights that are nowhere zero, run once. */
async function outputs(model: Model, parameters: readonly string[], feeds: Parameters<typeof run>[1]) {
  return run(shaken(model, parameters), feeds)
}

async function run(
  model: Model,
  feeds: Record<string, ReturnType<typeof ids> | { shape: number[]; data: Float32Array }>,
) {
  const session = await runtime.load(writeModel(model))
  const out = await session.run(feeds)
  await session.release()
  return out
}

/** Layers that start at zero get weights, so that every path matters. */
function shaken(model: Model, parameters: readonly string[]): Model {
  parameters.forEach((name, k) => {
    const { data } = model.graph.initializers.get(name) ?? {}
    const draws = stream(fold(key(9), k))
    if (data instanceof Float32Array) data.forEach((w, i) => void (data[i] = w + 0.3 * (draws.uniform() - 0.5)))
  })
  return model
}

describe('the tokenizer that is learned', () => {
  test('merges the most frequent pair first, and the first of those that tie', () => {
    const json = trainTokenizer('low low low lower lower newest', 20) as {
      model: { vocab: Record<string, number>; merges: [string, string][] }
    }
    // l-o and o-w are there five times each; "l o" sorts first.
    expect(json.model.merges.slice(0, 2)).toEqual([
      ['l', 'o'],
      ['lo', 'w'],
    ])
    expect(Object.keys(json.model.vocab)).toContain('low')
  })

  test('spells any text of its letters back as it was, in fewer tokens than characters', () => {
    const text = 'In the beginning God created the heaven and the earth.\nAnd the earth was without form, and void;\n'
    const tokenizer = createTokenizer(trainTokenizer(text.repeat(3), 60))
    expect(tokenizer.vocabulary).toBe(60)
    expect(tokenizer.encode(text).length).toBeLessThan(0.7 * text.length)
    const letters = [...new Set(text)]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...letters), { maxLength: 30 }), (drawn) => {
        const own = drawn.join('')
        expect(tokenizer.decode(tokenizer.encode(own))).toBe(own)
      }),
    )
  })

  test('of as many tokens as there are letters is one of characters, and names a letter that it lacks', () => {
    const tokenizer = createTokenizer(trainTokenizer('cab\ncab\n', 4))
    expect(tokenizer.encode('abc\n').length).toBe(4)
    expect(() => tokenizer.encode('cat')).toThrow('no token for "t"')
  })
})

describe('transformers over tokens', () => {
  test('take rows of any length, longer than their context too', async () => {
    for (const build of [maskedNetwork, autoregressiveNetwork]) {
      const { model, parameters } = build(1, size, 'net')
      for (const length of [1, 5, 12, 15]) {
        const row = Array.from({ length }, (_, i) => i % 7)
        const { logits } = await outputs(model, parameters, { tokens: ids([row, row]) })
        expect(logits.shape).toEqual([2, length, 7])
        expect((logits.data as Float32Array).every(Number.isFinite)).toBe(true)
      }
    }
  })

  test('that read from the left do not see what follows; others see both sides', async () => {
    const change = async (build: typeof maskedNetwork) => {
      const { model, parameters } = build(1, size, 'net')
      const { logits } = await outputs(model, parameters, {
        tokens: ids([
          [0, 1, 2, 3, 4, 5],
          [0, 1, 2, 6, 4, 5],
        ]),
      })
      const data = logits.data as Float32Array
      return Array.from({ length: 6 }, (_, p) =>
        Math.max(...Array.from({ length: 7 }, (_, v) => Math.abs(data[p * 7 + v] - data[42 + p * 7 + v]))),
      )
    }
    const causal = await change(autoregressiveNetwork)
    expect(causal.slice(0, 3)).toEqual([0, 0, 0])
    expect(Math.min(...causal.slice(3))).toBeGreaterThan(1e-4)
    expect(Math.min(...(await change(maskedNetwork)))).toBeGreaterThan(1e-4)
  })

  test('of a uniform process see the time; an energy tells a draft from its state, and starts at zero', async () => {
    const uniform = uniformNetwork(1, size, 'net')
    const at = async (t: number) => {
      const feeds = { tokens: ids([[1, 2, 3]]), t: { shape: [1], data: Float32Array.of(t) } }
      return (await outputs(uniform.model, [], feeds)).logits.data as Float32Array
    }
    shaken(uniform.model, uniform.parameters)
    expect(await at(0.2)).not.toEqual(await at(0.7))

    const energy = energyNetwork(1, size, 'net')
    const [draft, state] = [ids([[1, 2, 3]]), ids([[1, 7, 3]])]
    expect(Array.from((await run(energy.model, { tokens: draft, state })).energy.data as Float32Array)).toEqual([0])
    shaken(energy.model, energy.parameters)
    const there = (await run(energy.model, { tokens: draft, state })).energy.data
    expect(there).not.toEqual((await run(energy.model, { tokens: state, state: draft })).energy.data)
    expect(energy.parameters.filter((name) => name === 'token.table')).toHaveLength(1)
  })

  test('classify whole sequences', async () => {
    const { model, parameters } = sequenceClassifier(1, size, 3, 'net')
    expect((await outputs(model, parameters, { tokens: ids([[1, 2, 3, 4]]) })).logits.shape).toEqual([1, 3])
  })

  test('have the gradient of their loss', async () => {
    const { model, parameters } = maskedNetwork(1, { ...size, width: 8 }, 'net')
    shaken(model, parameters)
    const session = await runtime.load(writeModel(trainingGraph(model, parameters, tokenCrossEntropy('logits'))))
    const weights = Object.fromEntries(
      parameters.map((name) => {
        const { shape, data } = model.graph.initializers.get(name) as { shape: number[]; data: Float32Array }
        return [name, { shape, data: data.slice() }]
      }),
    )
    const feeds = {
      tokens: ids([
        [7, 1, 7, 3, 0],
        [2, 7, 7, 7, 4],
      ]),
      target: ids([
        [5, 1, 6, 3, 0],
        [2, 2, 0, 1, 4],
      ]),
      weight: { shape: [2, 5], data: Float32Array.of(0.5, 0, 0.5, 0, 0, 0, 1, 0.3, 0.2, 0) },
    }
    const start = await session.run({ ...weights, ...feeds })
    for (const name of [
      'token.table',
      'near.table',
      'position.weight',
      'block1.attention.qkv.weight',
      'block0.wide.weight',
      'head.bias',
    ]) {
      const { data } = weights[name]
      const gradient = start[`grad_${name}`].data as Float32Array
      const steepest = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]) ? i : best), 0)
      const loss = async (by: number) => {
        const kept = data[steepest]
        data[steepest] += by
        const value = (await session.run({ ...weights, ...feeds }, ['loss'])).loss.data[0]
        data[steepest] = kept
        return Number(value)
      }
      const difference = ((await loss(0.01)) - (await loss(-0.01))) / 0.02
      expect(gradient[steepest]).toBeCloseTo(difference, 2)
      expect(Math.abs(gradient[steepest]), name).toBeGreaterThan(1e-3)
    }
    await session.release()
  })
})
