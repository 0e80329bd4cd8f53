/** Small models of text for tests: characters, a context of 16, random weights. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Expr, GraphBuilder, writeModel } from '@espalier/graph'
import { key, purpose } from 'espalier/tensor'
import { Layers } from 'espalier/train'

/** The tokens, in order; the mask of a diffusion, or the start of an autoregressive model, is one past them. */
export const alphabet = '\n abcdefghijklmnopqrstuvwxyz.'
export const context = 16
const width = 16

/** As Hugging Face has it: a vocabulary of characters is byte-pair encoding without merges. */
export function characterTokenizer(characters = alphabet): object {
  const vocab = Object.fromEntries([...characters].map((character, i) => [character, i]))
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Fuse' },
    model: { type: 'BPE', vocab, merges: [], unk_token: null, fuse_unk: false, byte_fallback: false },
  }
}

export interface TextModelOptions {
  readonly type?: 'masked' | 'uniform' | 'autoregressive' | 'token-classifier'
  readonly seed?: number
  readonly card?: Readonly<Record<string, unknown>>
  /** Left out of the folder where null. */
  readonly tokenizer?: object | string | null
}

/** Writes a model of text that was never trained; its logits are large enough for characters to differ. */
export function writeTextModel(folder: string, options: TextModelOptions = {}): void {
  const { type = 'masked', seed = 1, tokenizer = characterTokenizer() } = options
  const vocabulary = alphabet.length
  const b = new GraphBuilder({ name: type })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const tokens = b.input('tokens', ['N', 'length'], 'int64')
  let rows: Expr = layers
    .embedding('token', tokens, vocabulary + 1, width)
    .add(layers.positions('position', tokens, context, width))
  const causal = type === 'autoregressive' ? layers.causal(tokens) : undefined
  rows = layers.layerNorm('norm', layers.block('block', rows, 2, causal))
  if (type === 'uniform') rows = rows.add(b.input('t', ['N']).reshape([-1, 1, 1]))
  if (type === 'token-classifier') b.output('logits', layers.linear('head', rows.mean([1]), 2))
  else b.output('logits', layers.linear('head', rows, vocabulary).mul(3))
  const schedule = { type: 'log-linear' }
  const cards = {
    masked: { type: 'masked' },
    uniform: { type: 'masked', process: { type: 'uniform', schedule }, inputs: { tokens: 'tokens', time: 't' } },
    autoregressive: { type: 'autoregressive', start: vocabulary },
    'token-classifier': { type: 'token-classifier', classes: ['old', 'new'] },
  }
  const card = {
    name: type,
    ...cards[type],
    vocabulary,
    context,
    tokenizer: { file: 'tokenizer.json' },
    ...options.card,
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), writeModel(b.build()))
  writeFileSync(join(folder, 'card.json'), JSON.stringify(card))
  if (tokenizer === null) return
  const content = typeof tokenizer === 'string' ? tokenizer : JSON.stringify(tokenizer)
  writeFileSync(join(folder, 'tokenizer.json'), content)
}
