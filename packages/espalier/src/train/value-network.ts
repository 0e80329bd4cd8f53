import { concat, type Expr, GraphBuilder, type Model } from '@espalier/graph'
import { key, purpose } from '../tensor/random.ts'
import { Layers, spaceToDepth } from './layers.ts'

/**
 * A network of states and times: inputs `x [N, ...event]` and `t [N]`, which is 1 at the start of the chain and falls to
 * 0 at its end; output `value`, one number a row. Its rows must not depend on one another.
 */
export interface ValueNetwork {
  /** With its starting weights as initialisers. */
  readonly model: Model
  /** Names of the trained initialisers. */
  readonly parameters: readonly string[]
}

export interface ValueNetworkOptions {
  /** Of the starting weights. Default 0. */
  readonly seed?: number
  /** Hidden units, or channels after the first halving of an image; a multiple of 8. Default 64, or 32 of images. */
  readonly width?: number
}

/**
 * A small value network. For vectors `[d]` a perceptron with two hidden layers; for images `[c, h, w]` a convolutional one,
 * like the rewards that it stands for: two residual blocks, modulated by the time, averaged over positions. It gives 0 at
 * first.
 *
 * @throws Error where the event is neither, or the width is no multiple of 8
 */
export function valueNetwork(event: readonly number[], options: ValueNetworkOptions = {}): ValueNetwork {
  const { seed = 0, width = event.length === 1 ? 64 : 32 } = options
  if (event.length !== 1 && event.length !== 3) {
    throw new Error(`there is a value network of vectors [d] and of images [c, h, w], not of [${event}]; build one`)
  }
  if (!(Number.isInteger(width / 8) && width > 0)) throw new Error(`the width is ${width}, expected a multiple of 8`)
  const b = new GraphBuilder({ name: 'value' })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const x = b.input('x', ['N', ...event])
  const time = layers.sinusoids(b.input('t', ['N']), 16, 1, 100)
  const features = event.length === 1 ? perceptron(layers, x, time, width) : convolutions(layers, x, time, width)
  b.output('value', layers.linear('value', features, 1, { zero: true }).reshape([-1]))
  return { model: b.build(), parameters: layers.parameters }
}

function perceptron(layers: Layers, x: Expr, time: Expr, width: number): Expr {
  const h = layers.linear('in', concat([x, time], 1), width).silu()
  return layers.linear('hidden', h, width).silu()
}

function convolutions(layers: Layers, x: Expr, time: Expr, width: number): Expr {
  const condition = layers.linear('time', time, 64).silu()
  const even = x.size(2) % 2 === 0 && x.size(3) % 2 === 0
  let h = layers.conv('stem', even ? spaceToDepth(x) : x, width)
  h = layers.residual('block1', h, width, condition, 8)
  h = layers.residual('block2', layers.conv('down', h, 2 * width, { stride: 2 }), 2 * width, condition, 8)
  return layers.groupNorm('norm', h, 8).silu().mean([2, 3])
}
