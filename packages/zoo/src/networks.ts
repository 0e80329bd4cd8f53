import { concat, type Expr, GraphBuilder, type Model } from '@espalier/graph'
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

/** The size of `mnist-small`: 0.07 million parameters, a ninth of the time of `mnist` a row. */
export const mnistSmallNetworkSize: DigitNetworkSize = { outer: 8, inner: 32, blocks: 1 }

/** The size of `mnist-flow`: 0.55 million parameters, about half the time of `mnist` a row. */
export const mnistFlowNetworkSize: DigitNetworkSize = { outer: 32, inner: 96, blocks: 2 }

/**
 * The diffusion network of 28x28 images: a small U-Net on 2x2 pixel blocks.
 *
 * Inputs `x [N, 1, 28, 28]`, `t [N]` in [0, 1] and, where there are classes, `label [N, classes]` (one-hot, zeros where
 * the class is unknown); output `prediction [N, 1, 28, 28]`.
 */
export function digitNetwork(seed: number, size: DigitNetworkSize, name = 'mnist', classes = 10): Network {
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const x = b.input('x', ['N', 1, 28, 28])
  const t = b.input('t', ['N'])
  const label = classes > 0 ? b.input('label', ['N', classes]) : undefined
  const time = layers.linear('time', layers.sinusoids(t, 32, 1, 1000), 128)
  const embedded = label ? time.add(layers.linear('class', label, 128, { bias: false })) : time
  const condition = layers.linear('condition', embedded.silu(), 128).silu()
  b.output('prediction', uNet(layers, x, condition, size))
  return { model: b.build(), parameters: layers.parameters }
}

/**
 * `[n, c, 28, 28]` to `[n, 1, 28, 28]`, zero at first. Pixels go to channels first (4c x 14 x 14), most of the work is
 * at 7x7 with attention, and a skip connection keeps the 14x14 features.
 */
function uNet(layers: Layers, x: Expr, condition: Expr | undefined, { outer, inner, blocks }: DigitNetworkSize): Expr {
  const groups = 8
  const stem = layers.conv('stem', spaceToDepth(x), outer)
  const skip = layers.residual('down', stem, outer, condition, groups)
  let h = layers.conv('to7', skip, inner, { stride: 2 })
  for (let i = 0; i < blocks; i++) {
    h = layers.residual(`middle${i}`, h, inner, condition, groups)
    if (i === (blocks - 1) >> 1) h = layers.attention('attention', h, 4, groups)
  }
  const up = depthToSpace(layers.conv('to14', h, 4 * outer, { kernel: 1 }))
  const last = layers.residual('up', concat([up, skip], 1), outer, condition, groups)
  return depthToSpace(layers.conv('head', layers.groupNorm('head.norm', last, groups).silu(), 4, { zero: true }))
}

/** The size of the restoration networks. */
export const restorationNetworkSize: DigitNetworkSize = { outer: 32, inner: 64, blocks: 2 }

/**
 * A diffusion network that sees a degraded image: inputs `x [N, 1, 28, 28]`, `t [N]` in [0, 1], `degraded
 * [N, 1, 28, 28]`, concatenated on the channel axis (SR3: Saharia et al. 2021); output `prediction [N, 1, 28, 28]`.
 *
 * @param options.start where the prediction starts from, what the body then corrects: `zero`; `degraded`, for a network
 *   that predicts the clean image; or `deviation`, a learned multiple of `(x - degraded) / std`, which is the noise
 *   where a mean-reverting process of stationary deviation `std` has forgotten the image
 */
export function restorationNetwork(
  seed: number,
  options: {
    readonly name: string
    readonly size: DigitNetworkSize
    readonly start: 'zero' | 'degraded' | { readonly deviation: number }
  },
): Network {
  const { name, size, start } = options
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const x = b.input('x', ['N', 1, 28, 28])
  const t = b.input('t', ['N'])
  const degraded = b.input('degraded', ['N', 1, 28, 28])
  const time = layers.linear('time', layers.sinusoids(t, 32, 1, 1000), 128)
  const condition = layers.linear('condition', time.silu(), 128).silu()
  let y = uNet(layers, concat([x, degraded], 1), condition, size)
  if (start === 'degraded') y = y.add(degraded)
  else if (start !== 'zero') {
    const share = layers.linear('deviation', condition, 1, { zero: true }).add(1).reshape([-1, 1, 1, 1])
    y = y.add(
      x
        .sub(degraded)
        .mul(1 / start.deviation)
        .mul(share),
    )
  }
  b.output('prediction', y)
  return { model: b.build(), parameters: layers.parameters }
}

/**
 * The same body as a regression from the degraded image to the clean one. It has the inputs of a diffusion network, and
 * does not look at `x` and `t`.
 */
export function regressionNetwork(
  seed: number,
  { name, size }: { readonly name: string; readonly size: DigitNetworkSize },
): Network {
  const b = new GraphBuilder({ name })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  b.input('x', ['N', 1, 28, 28])
  b.input('t', ['N'])
  const degraded = b.input('degraded', ['N', 1, 28, 28])
  b.output('prediction', uNet(layers, degraded, undefined, size).add(degraded))
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

/**
 * A classifier of noisy digits into ten classes of rarity: a small residual network that knows the time. Inputs
 * `x [N, 1, 28, 28]` and `t [N]` in [0, 1]; output `logits [N, 10]`.
 */
export function minorityClassifier(seed: number): Network {
  const b = new GraphBuilder({ name: 'mnist-minority' })
  const layers = new Layers(b, purpose(key(seed), 'weights'))
  const x = b.input('x', ['N', 1, 28, 28])
  const t = b.input('t', ['N'])
  const condition = layers.linear('time', layers.sinusoids(t, 16, 1, 100), 64).silu()
  let h = layers.residual('block1', layers.conv('stem', spaceToDepth(x), 24), 24, condition, 8)
  h = layers.residual('block2', layers.conv('down', h, 64, { stride: 2 }), 64, condition, 8)
  const features = layers.groupNorm('norm', h, 8).silu().mean([2, 3])
  b.output('logits', layers.linear('logits', features, 10))
  return { model: b.build(), parameters: layers.parameters }
}
