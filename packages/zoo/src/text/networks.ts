import { concat, type Expr, GraphBuilder } from '@espalier/graph'
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
  /** With what tokens and places start: the deviation of a token's numbers, the height of the sinusoids. Default 0.5 both. */
  readonly start?: { readonly token: number; readonly place: number }
}

/**
 * Tokens and their places as vectors, through the blocks: `[n, length, width]`. Where they are read from the left, a token
 * finds the one before it at its own place; elsewhere heads are told where near tokens stand.
 */
function body(layers: Layers, tokens: Expr, size: TransformerSize, added?: Expr, causal = false): Expr {
  const { width, context, vocabulary, start } = size
  const rows = layers
    .embedding('token', tokens, vocabulary + 1, width, start?.token)
    .add(layers.positions('position', tokens, context, width, start?.place))
  return through(
    layers,
    added ? rows.add(added) : rows,
    size,
    causal ? layers.causal(tokens) : near(layers, tokens, size),
  )
}

const near = (layers: Layers, tokens: Expr, { heads, context }: TransformerSize): Expr =>
  layers.nearness('near', tokens, heads, context >> 1)

function through(layers: Layers, rows: Expr, { blocks, heads }: TransformerSize, mask?: Expr): Expr {
  let h = rows
  for (let i = 0; i < blocks; i++) h = layers.block(`block${i}`, h, heads, mask)
  return layers.layerNorm('norm', h)
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

/**
 * The energy of a draft, given the state that it is a draft of (EDLM: Xu et al. 2024): inputs `tokens` and `state`
 * `[N, length]`, which share one table of vectors and are mixed place by place; output `energy [N]`, zero at first. What
 * it has in common with a {@link maskedNetwork} has the same name there, so that it can start from its weights.
 */
export function energyNetwork(seed: number, size: TransformerSize, name: string): Network {
  const { width, context, vocabulary } = size
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const tokens = b.input('tokens', ['N', 'length'], 'int64')
  const state = b.input('state', ['N', 'length'], 'int64')
  const drafted = layers.embedding('token', tokens, vocabulary + 1, width)
  const both = concat([drafted, layers.embedding('token', state, vocabulary + 1, width)], 2)
  const rows = layers.linear('mix', both, width).add(layers.positions('position', tokens, context, width))
  const mean = through(layers, rows, size, near(layers, tokens, size)).mean([1])
  const hidden = layers.linear('energy.wide', mean, width).relu()
  b.output('energy', layers.linear('energy.narrow', hidden, 1, { zero: true, bias: false }).reshape([-1]))
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
