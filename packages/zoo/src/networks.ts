import { concat, GraphBuilder, type Model } from '@espalier/graph'
import { key, purpose } from 'espalier/tensor'
import { depthToSpace, Layers, spaceToDepth } from 'espalier/train'

/** A network with its starting weights and the names of what is trained. */
export interface Network {
  readonly model: Model
  readonly parameters: readonly string[]
}

export interface DigitNetworkSize {
  /** Channels at 14x14 and at 7x7. */
  readonly outer: number
  readonly inner: number
  /** Residual blocks at 7x7. */
  readonly blocks: number
}

/** The size of the zoo's `mnist` and `fashion`: 0.97 million parameters, 53 million multiplications a row. */
export const mnistNetworkSize: DigitNetworkSize = { outer: 48, inner: 128, blocks: 2 }

/** The size of `mnist-small`: 0.07 million parameters, about a tenth of the time of `mnist` a row. */
export const mnistSmallNetworkSize: DigitNetworkSize = { outer: 8, inner: 32, blocks: 1 }

/**
 * The class-conditional diffusion network of 28x28 images in ten classes: a small U-Net on 2x2 pixel blocks.
 *
 * Inputs `x [N, 1, 28, 28]`, `t [N]` in [0, 1], `label [N, 10]` (one-hot, zeros where the class is unknown); output
 * `prediction [N, 1, 28, 28]`. Pixels go to channels first (4 x 14 x 14), most of the work is at 7x7 with attention,
 * and a skip connection keeps the 14x14 features.
 */
export function digitNetwork(seed: number, size: DigitNetworkSize, name = 'mnist'): Network {
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const { outer, inner, blocks } = size
  const groups = 8
  const x = b.input('x', ['N', 1, 28, 28])
  const t = b.input('t', ['N'])
  const label = b.input('label', ['N', 10])

  const time = layers.linear('time', layers.sinusoids(t, 32, 1, 1000), 128)
  const condition = layers
    .linear('condition', time.add(layers.linear('class', label, 128, { bias: false })).silu(), 128)
    .silu()

  const stem = layers.conv('stem', spaceToDepth(x), outer)
  const skip = layers.residual('down', stem, outer, condition, groups)
  let h = layers.conv('to7', skip, inner, { stride: 2 })
  for (let i = 0; i < blocks; i++) {
    h = layers.residual(`middle${i}`, h, inner, condition, groups)
    if (i === (blocks - 1) >> 1) h = layers.attention('attention', h, 4, groups)
  }
  const up = depthToSpace(layers.conv('to14', h, 4 * outer, { kernel: 1 }))
  const last = layers.residual('up', concat([up, skip], 1), outer, condition, groups)
  const y = layers.conv('head', layers.groupNorm('head.norm', last, groups).silu(), 4, { zero: true })
  b.output('prediction', depthToSpace(y))
  return { model: b.build(), parameters: layers.parameters }
}

/**
 * A LeNet-like digit classifier: strided convolutions and ReLU. Input `x [N, 1, 28, 28]`; outputs `logits [N, 10]` and
 * `features [N, 128]`, the activations before the last layer.
 */
export function digitClassifier(seed: number): Network {
  const b = new GraphBuilder({ name: 'mnist-classifier' })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const x = b.input('x', ['N', 1, 28, 28])
  let h = layers.conv('conv1', x, 32, { kernel: 5, stride: 2 }).relu()
  h = layers.conv('conv2', h, 64, { stride: 2 }).relu()
  h = layers.conv('conv3', h, 64).relu()
  const features = layers.linear('dense', h.reshape([-1, 64 * 49]), 128).relu()
  b.output('logits', layers.linear('logits', features, 10))
  b.output('features', features)
  return { model: b.build(), parameters: layers.parameters }
}

/**
 * A second digit classifier of another build, for evaluation alone: residual blocks with group normalisation on 2x2
 * pixel blocks, averaged over positions. Same input; `features [N, 96]`.
 */
export function digitJudge(seed: number, name = 'mnist-judge'): Network {
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const x = b.input('x', ['N', 1, 28, 28])
  let h = layers.residual('block1', layers.conv('stem', spaceToDepth(x), 32), 32, undefined, 8)
  h = layers.residual('block2', layers.conv('down', h, 96, { stride: 2 }), 96, undefined, 8)
  const features = layers.groupNorm('norm', h, 8).silu().mean([2, 3])
  b.output('logits', layers.linear('logits', features, 10))
  b.output('features', features)
  return { model: b.build(), parameters: layers.parameters }
}
