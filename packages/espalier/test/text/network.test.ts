import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import {
  type AutoregressiveCard,
  concreteScore,
  firstHitting,
  geometric,
  loadTokenDenoiser,
  maskedProcess,
  networkAutoregressive,
  parseTokenCard,
  sampleTokens,
  stackTokens,
  uniformProcess,
} from 'espalier/text'
import { afterAll, describe, expect, test } from 'vitest'
import { distance, histogram, randomLaw } from './worlds.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

const law = randomLaw(5, 2, 2, 1)

/**
 * The exact denoiser of a law of two tokens, as a graph: both tokens together are a row of a table (an embedding of
 * pairs).
 * @param columns of each position, 2 or 3 (with one for the mask)
 */
function pairNetwork(
  options: { columns?: number; time?: boolean; base?: number; rows?: (a: number, b: number) => number[] } = {},
) {
  const { columns = 2, time = false, base = 3, rows = posteriorRows } = options
  const table: number[] = []
  for (let a = 0; a < base; a++) for (let b = 0; b < base; b++) table.push(...rows(a, b))
  const graph = new GraphBuilder()
  const tokens = graph.input('tokens', ['n', 2], 'int64')
  const pair = tokens
    .cast('float32')
    .matmul(graph.parameter('radix', tensor([base, 1], [2, 1])))
    .cast('int64')
    .reshape([-1])
  const embedding = graph.parameter('table', tensor(table, [base * base, 2 * columns]))
  let logits = graph.op('Gather', [embedding, pair], { axis: 0 }).reshape([-1, 2, columns])
  if (time) logits = logits.mul(graph.input('t', ['n']).reshape([-1, 1, 1]))
  graph.output('logits', logits)
  return writeModel(graph.build())
}

const process = maskedProcess(2)
const posteriorRows = (a: number, b: number) =>
  Array.from(law.posterior(process, [a, b], 0), (p) => Math.log(Math.max(p, 1e-30)))
const card = { type: 'masked', name: 'pairs', vocabulary: 2, context: 2 }

describe('networks over tokens', () => {
  test('sample their law through first hitting', async () => {
    const denoiser = await loadTokenDenoiser(runtime, pairNetwork(), card)
    expect(denoiser.timeFree).toBe(true)
    const { tokens, nfe } = await sampleTokens({ denoiser, sampler: firstHitting(), count: 2000, seed: 1 })
    expect(nfe).toBe(2001)
    expect(distance(law.probabilities, histogram(law, tokens))).toBeLessThan(0.03)
    await denoiser.release()
  })

  test('may have a column for the mask, and may be told the time', async () => {
    const withMask = (a: number, b: number) => {
      const [p, q, r, s] = posteriorRows(a, b)
      return [p, q, 99, r, s, 99]
    }
    const rows = stackTokens([Int32Array.of(2, 2), Int32Array.of(1, 2)])
    const denoiser = await loadTokenDenoiser(runtime, pairNetwork({ rows: withMask, columns: 3, time: true }), {
      ...card,
      inputs: { tokens: 'tokens', time: 't' },
    })
    expect(denoiser.timeFree).toBe(false)
    const { shape, data } = await denoiser.predict(rows, Float64Array.of(1, 0.5))
    expect(shape).toEqual([2, 2, 2])
    const expected = [...posteriorRows(2, 2), ...posteriorRows(1, 2).map((x) => x / 2)]
    data.forEach((value, i) => void expect(value).toBeCloseTo(expected[i], 4))
    await denoiser.release()
  })

  test('that give logarithms of concrete scores are read as clean laws', async () => {
    const t = 0.6
    const schedule = { type: 'geometric', smin: 0.1, smax: 5 }
    const uniform = uniformProcess(2, geometric(0.1, 5))
    const scores = (a: number, b: number) => {
      const posterior = law.posterior(uniform, [a, b], t)
      return [a, b].flatMap((token, p) => {
        const score = concreteScore(uniform, token, posterior.subarray(2 * p, 2 * p + 2), t)
        return [Math.log(score[0]), Math.log(score[1])]
      })
    }
    const denoiser = await loadTokenDenoiser(runtime, pairNetwork({ base: 2, rows: scores }), {
      ...card,
      prediction: 'log-score',
      process: { type: 'uniform', schedule },
    })
    const { data } = await denoiser.predict(stackTokens([Int32Array.of(0, 1)]), Float64Array.of(t))
    law.posterior(uniform, [0, 1], t).forEach((p, i) => void expect(Math.exp(data[i])).toBeCloseTo(p, 5))
    await denoiser.release()
  })

  test('that read from the left give log-probabilities of every token', async () => {
    // Next token by the last one alone: a Markov chain, token 2 stands before the first.
    const chain = [0.3, 0.7, 0.8, 0.2, 0.6, 0.4]
    const graph = new GraphBuilder()
    const tokens = graph.input('tokens', ['n', 'length'], 'int64')
    graph.output(
      'logits',
      graph.op(
        'Gather',
        [
          graph.parameter(
            'table',
            tensor(
              chain.map((p) => Math.log(p) + 5),
              [3, 2],
            ),
          ),
          tokens,
        ],
        { axis: 0 },
      ),
    )
    const session = await runtime.load(writeModel(graph.build()))
    const parsed = parseTokenCard({
      type: 'autoregressive',
      name: 'markov',
      vocabulary: 2,
      context: 3,
      start: 2,
    }) as AutoregressiveCard
    const model = networkAutoregressive(session, parsed)
    const logs = await model.logProbabilities(stackTokens([Int32Array.of(1, 0, 0), Int32Array.of(0, 1, 1)]))
    const expected = [0.4, 0.8, 0.3, 0.6, 0.7, 0.2]
    logs.forEach((log, i) => void expect(Math.exp(log)).toBeCloseTo(expected[i], 6))
    await expect(model.logProbabilities(stackTokens([new Int32Array(4)]))).rejects.toThrow('"markov" takes 3 at most')
    await session.release()
  })

  test('and cards that do not fit them are refused in one line', async () => {
    const load = (json: object, options = {}) =>
      loadTokenDenoiser(runtime, pairNetwork({ ...options }), { ...card, ...json })
    await expect(load({ output: 'y' })).rejects.toThrow('The graph has no output "y" (it has: logits)')
    await expect(load({ inputs: { tokens: 'x' } })).rejects.toThrow('The graph has no input "x" (it has: tokens)')
    await expect(load({}, { time: true })).rejects.toThrow(
      'The graph has an input "t" that the model card does not describe',
    )
    await expect(load({ type: 'autoregressive', start: 2 })).rejects.toThrow(
      'which can serve as an energy or as a judge',
    )
    await expect(load({ vocabulary: 0 })).rejects.toThrow(/^model card\.vocabulary/)
    await expect(load({ process: { type: 'masked', schedule: { type: 'odd' } } })).rejects.toThrow(
      /^model card\.process\.schedule/,
    )
    const wrong = await load({ vocabulary: 5 })
    const ask = wrong.predict(stackTokens([Int32Array.of(2, 2)]), Float64Array.of(1))
    await expect(ask).rejects.toThrow('Output "logits" is [1, 2, 2]; expected float32 [1, 2, 5].')
    await wrong.release()
  })
})
