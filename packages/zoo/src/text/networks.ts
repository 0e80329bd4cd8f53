import { type Expr, GraphBuilder } from '@espalier/graph'
import { key, purpose } from 'espalier/tensor'
import { Layers } from 'espalier/train'
import type { Network } from '../networks.ts'

export interface TransformerSize {
  readonly width: number
  readonly blocks: number
  readonly heads: number
  /** Tokens of the longest sequence. */
  readonly context: number
  /** Real tokens; the mask (or the start) is one more. */
  readonly vocabulary: number
}

/** Tokens and their places as vectors, through the blocks: `[n, length, width]`. */
function body(layers: Layers, tokens: Expr, size: TransformerSize, added?: Expr, causal = false): Expr {
  const { width, blocks, heads, context, vocabulary } = size
  let rows = layers
    .embedding('token', tokens, vocabulary + 1, width)
    .add(layers.positions('position', tokens, context, width))
  if (added) rows = rows.add(added)
  const mask = causal ? layers.causal(tokens) : undefined
  for (let i = 0; i < blocks; i++) rows = layers.block(`block${i}`, rows, heads, mask)
  return layers.layerNorm('norm', rows)
}

/**
 * The denoiser of a masked process, blind to time (Ou et al. 2024, Zheng et al. 2024): input `tokens [N, length]`
 * (int64), output `logits [N, length, vocabulary]`.
 */
export function maskedNetwork(seed: number, size: TransformerSize, name: string): Network {
  return language(seed, size, name, false)
}

/** The same with each token seeing those before it alone: its output at a place is about the token that comes next. */
export function autoregressiveNetwork(seed: number, size: TransformerSize, name: string): Network {
  return language(seed, size, name, true)
}

function language(seed: number, size: TransformerSize, name: string, causal: boolean): Network {
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const tokens = b.input('tokens', ['N', 'length'], 'int64')
  b.output('logits', layers.linear('head', body(layers, tokens, size, undefined, causal), size.vocabulary))
  return { model: b.build(), parameters: layers.parameters }
}

/** The denoiser of a uniform process, which is told the time `t [N]` in [0, 1]. */
export function uniformNetwork(seed: number, size: TransformerSize, name: string): Network {
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const tokens = b.input('tokens', ['N', 'length'], 'int64')
  const t = b.input('t', ['N'])
  const time = layers.linear('time', layers.sinusoids(t, 32, 1, 1000), size.width).silu()
  const added = layers.linear('condition', time, size.width).reshape([-1, 1, size.width])
  b.output('logits', layers.linear('head', body(layers, tokens, size, added), size.vocabulary))
  return { model: b.build(), parameters: layers.parameters }
}

/** A classifier of whole sequences: input `tokens [N, length]`, output `logits [N, classes]`. */
export function sequenceClassifier(seed: number, size: TransformerSize, classes: number, name: string): Network {
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const tokens = b.input('tokens', ['N', 'length'], 'int64')
  b.output('logits', layers.linear('head', body(layers, tokens, size).mean([1]), classes))
  return { model: b.build(), parameters: layers.parameters }
}
