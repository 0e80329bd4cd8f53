import { existsSync, readFileSync } from 'node:fs'
import { GraphBuilder, writeModel } from '@espalier/graph'
import { key, purpose } from 'espalier/tensor'
import { type MaskedCard, parseTokenCard } from 'espalier/text'
import { Layers } from 'espalier/train'

export interface BenchText {
  /** What was measured, for the report. */
  readonly name: string
  readonly graph: Uint8Array
  readonly card: MaskedCard
}

/** The masked diffusion of the zoo; until it is trained, a network of its size with random weights. */
export function textModel(): BenchText {
  const folder = new URL('../../../packages/zoo/models/kjv/', import.meta.url)
  const file = new URL('model.onnx', folder)
  if (existsSync(file)) {
    const card = parseTokenCard(JSON.parse(readFileSync(new URL('card.json', folder), 'utf8'))) as MaskedCard
    return { name: 'zoo kjv', graph: new Uint8Array(readFileSync(file)), card }
  }
  const [vocabulary, context, width] = [1024, 64, 192]
  const b = new GraphBuilder({ name: 'random' })
  const layers = new Layers(b, purpose(key(1), 'weights'))
  const tokens = b.input('tokens', ['N', 'length'], 'int64')
  let rows = layers
    .embedding('token', tokens, vocabulary + 1, width)
    .add(layers.positions('position', tokens, context, width))
  for (let i = 0; i < 5; i++) rows = layers.block(`block${i}`, rows, 6)
  b.output('logits', layers.linear('head', layers.layerNorm('norm', rows), vocabulary))
  return {
    name: 'random weights',
    graph: writeModel(b.build()),
    card: parseTokenCard({ type: 'masked', name: 'random', vocabulary, context }) as MaskedCard,
  }
}
