import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { loadTokenClassReward, loadTokenDenoiser, parseTokenCard } from 'espalier/text'
import { afterAll, describe, expect, test } from 'vitest'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

/** Evidence of three tokens for two classes; the logits of a sequence are the sums of it. */
const evidence = [0, 0, 1, -0.5, -2, 3]

function classifier(columns = 2, type: 'int64' | 'int32' = 'int64') {
  const graph = new GraphBuilder()
  const tokens = graph.input('tokens', ['n', 'l'], type)
  const table = graph.parameter('evidence', tensor(evidence, [6 / columns, columns]))
  graph.output('logits', graph.op('Gather', [table, tokens], { axis: 0 }).sum([1]))
  return writeModel(graph.build())
}

const card = { type: 'token-classifier', name: 'sections', vocabulary: 3, context: 4, classes: ['law', 'song'] }
const sample = (...tokens: number[]) => ({ tokens: Int32Array.from(tokens) })

describe('a classifier of sequences as a reward', () => {
  test.each(['int64', 'int32'] as const)(
    'gives the probability of a class, its logarithm or its odds (%s)',
    async (type) => {
      const samples = [sample(1, 1, 2), sample(0, 1, 1)]
      // Logits: [1 + 1 - 2, -0.5 - 0.5 + 3] = [0, 2] and [2, -1].
      const of = async (label: string, transform?: 'softmax' | 'log-odds') => {
        const reward = await loadTokenClassReward(runtime, classifier(2, type), card, label, transform)
        const values = Array.from(await reward.evaluate(samples))
        await reward.release()
        return values
      }
      const logs = await of('song')
      expect(logs[0]).toBeCloseTo(-Math.log1p(Math.exp(-2)), 6)
      expect(logs[1]).toBeCloseTo(-Math.log1p(Math.exp(3)), 6)
      const odds = await of('song', 'log-odds')
      expect(odds[0]).toBeCloseTo(2, 6)
      expect(odds[1]).toBeCloseTo(-3, 6)
      const shares = await of('law', 'softmax')
      shares.forEach((share, i) => void expect(share).toBeCloseTo(1 - Math.exp(logs[i]), 6))
    },
  )

  test('splits a long call', async () => {
    const reward = await loadTokenClassReward(runtime, classifier(), card, 'law', 'log-odds')
    const samples = Array.from({ length: 150 }, (_, i) => sample(i % 3, 0))
    const values = await reward.evaluate(samples)
    samples.forEach((_, i) => void expect(values[i]).toBeCloseTo([0, 1.5, -5][i % 3], 5))
    await reward.release()
  })

  test('refuses what does not fit, in one line', async () => {
    const open = (over: object, label = 'law', graph = classifier()) =>
      loadTokenClassReward(runtime, graph, { ...card, ...over }, label).then(String, (e: Error) => e.message)
    expect(await open({}, 'prose')).toBe('"sections" knows no class "prose"; its classes are law, song.')
    expect(await open({ inputs: { tokens: 'x' } })).toContain('The graph has no input "x" (it has: tokens)')
    expect(await open({ output: 'y' })).toContain('The graph has no output "y"')
    const { classes: _, ...other } = card
    await expect(
      loadTokenClassReward(runtime, classifier(), { ...other, type: 'autoregressive', start: 0 }, 'law'),
    ).rejects.toThrow('"sections" is of the type "autoregressive"; a "token-classifier" is needed')
    const at = async (graph: Uint8Array, ...tokens: number[]) => {
      const reward = await loadTokenClassReward(runtime, graph, card, 'law')
      return reward
        .evaluate([sample(0), sample(...tokens)].slice(tokens.length === 1 ? 0 : 1))
        .catch((e: Error) => e.message)
    }
    expect(await at(classifier(), 3)).toBe('token 0 of sample 1 is 3; the classifier "sections" knows 0 to 2')
    expect(await at(classifier(), 1, 1, 1, 1, 1)).toBe(
      'sample 0 has 5 tokens; the classifier "sections" takes 4 at most',
    )
    expect(await at(classifier(3), 0, 1)).toBe('Output "logits" of "sections" is [1, 3]; expected [1, 2].')
    await expect(loadTokenDenoiser(runtime, classifier(), card)).rejects.toThrow(
      '"sections" is a classifier, which can serve as a reward, not to sample from',
    )
  })

  test('its card is checked', () => {
    expect(parseTokenCard(card)).toMatchObject({ inputs: { tokens: 'tokens' }, output: 'logits' })
    expect(() => parseTokenCard({ ...card, classes: ['one'] })).toThrow(/model card\.classes/)
    expect(() => parseTokenCard({ ...card, start: 0 })).toThrow(/start/)
  })
})
