import { concat, type Expr, type GraphBuilder, tensor } from '@espalier/graph'
import { type Key, normal, purpose } from '../tensor/random.ts'
import { sizeOf } from '../tensor/tensor.ts'

export interface ConvOptions {
  /** Side of the square kernel. Default 3. */
  readonly kernel?: number
  /** Default 1. The padding keeps the size at stride 1. */
  readonly stride?: number
  /** Start from zero weights: the layer adds nothing at first. Default false. */
  readonly zero?: boolean
}

/**
 * Trainable layers over a {@link GraphBuilder}. Every weight is a named parameter of the graph, drawn from the keyed
 * stream of its name: the same seed gives the same network whatever the order in which layers are written.
 * Images are `[n, channels, height, width]`.
 */
export class Layers {
  readonly b: GraphBuilder
  /** Names of all trainable parameters, in the order in which they were made. */
  readonly parameters: string[] = []
  readonly #key: Key

  constructor(b: GraphBuilder, key: Key) {
    this.b = b
    this.#key = key
  }

  /** A parameter: normal with the given standard deviation, a constant, or a function of the place in it. */
  parameter(
    name: string,
    shape: readonly number[],
    start: { readonly std: number } | { readonly fill: number } | { readonly of: (index: number) => number },
  ): Expr {
    const values = new Float32Array(sizeOf(shape))
    if ('fill' in start) values.fill(start.fill)
    else if ('of' in start) for (let i = 0; i < values.length; i++) values[i] = start.of(i)
    else {
      normal(purpose(this.#key, name), values)
      for (let i = 0; i < values.length; i++) values[i] *= start.std
    }
    this.parameters.push(name)
    return this.b.parameter(name, tensor(values, shape))
  }

  /** `x W + bias` over the last axis. */
  linear(name: string, x: Expr, out: number, options: { readonly zero?: boolean; readonly bias?: boolean } = {}): Expr {
    const fan = x.size(-1)
    const weight = this.parameter(`${name}.weight`, [fan, out], weightStart(fan, options.zero))
    const y = x.matmul(weight)
    return options.bias === false ? y : y.add(this.parameter(`${name}.bias`, [out], { fill: 0 }))
  }

  /** A 2-d convolution with bias. */
  conv(name: string, x: Expr, out: number, options: ConvOptions = {}): Expr {
    const { kernel = 3, stride = 1, zero = false } = options
    const channels = x.size(1)
    const weight = this.parameter(
      `${name}.weight`,
      [out, channels, kernel, kernel],
      weightStart(channels * kernel * kernel, zero),
    )
    const bias = this.parameter(`${name}.bias`, [out], { fill: 0 })
    const pad = (kernel - 1) >> 1
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] }
    return this.b.op('Conv', [x, weight, bias], attributes)
  }

  /** Mean 0, variance 1 over each group of channels (Wu and He 2018), without a learned scale. */
  normalise(x: Expr, groups: number): Expr {
    const channels = x.size(1)
    if (channels % groups !== 0) throw new Error(`${channels} channels do not divide into ${groups} groups`)
    const area = x.size(2) * x.size(3)
    const { b } = this
    const ones = b.constant(tensor(1, [groups]))
    const zeros = b.constant(tensor(0, [groups]))
    const grouped = x.reshape([-1, groups, (channels / groups) * area])
    return b.op('InstanceNormalization', [grouped, ones, zeros], { epsilon: 1e-5 }).reshapeLike(x)
  }

  /** Group normalisation with a learned scale and offset per channel. */
  groupNorm(name: string, x: Expr, groups: number): Expr {
    const scale = this.parameter(`${name}.scale`, [x.size(1), 1, 1], { fill: 1 })
    const offset = this.parameter(`${name}.offset`, [x.size(1), 1, 1], { fill: 0 })
    return this.normalise(x, groups).mul(scale).add(offset)
  }

  /**
   * Residual block `x + conv(silu(modulate(conv(silu(norm x)))))`: the condition scales and shifts the second
   * normalisation per channel (Dhariwal and Nichol 2021, "adaptive group normalisation"). The last convolution starts
   * at zero.
   * @param condition `[n, d]`, already through its non-linearity
   */
  residual(name: string, x: Expr, out: number, condition: Expr | undefined, groups: number): Expr {
    let h = this.conv(`${name}.in`, this.groupNorm(`${name}.norm`, x, groups).silu(), out)
    if (condition) {
      const modulation = this.linear(`${name}.condition`, condition, 2 * out).reshape([-1, 2 * out, 1, 1])
      h = this.normalise(h, groups)
        .mul(modulation.slice(1, 0, out).add(1))
        .add(modulation.slice(1, out, 2 * out))
    } else h = this.groupNorm(`${name}.out.norm`, h, groups)
    h = this.conv(`${name}.out`, h.silu(), out, { zero: true })
    return h.add(x.size(1) === out ? x : this.conv(`${name}.skip`, x, out, { kernel: 1 }))
  }

  /** Multi-head self-attention over the positions of an image, added to it. The last layer starts at zero. */
  attention(name: string, x: Expr, heads: number, groups: number): Expr {
    const [channels, tokens] = [x.size(1), x.size(2) * x.size(3)]
    const rows = this.groupNorm(`${name}.norm`, x, groups).reshape([-1, channels, tokens]).transpose([0, 2, 1])
    const y = this.mixing(name, rows, heads)
    return x.add(y.transpose([0, 2, 1]).reshapeLike(x))
  }

  /**
   * Multi-head self-attention (Vaswani et al. 2017) over rows of tokens `[n, tokens, d]`, either of which may be free.
   * The last layer starts at zero.
   * @param mask added to the logits, `[tokens, tokens]`, or that for each head: a large negative number where one token
   *   may not see another
   */
  mixing(name: string, rows: Expr, heads: number, mask?: Expr): Expr {
    const channels = rows.size(-1)
    const width = channels / heads
    const qkv = this.linear(`${name}.qkv`, rows, 3 * channels, { bias: false })
      .reshape([0, 0, 3, heads, width])
      .transpose([2, 0, 3, 1, 4])
    const [q, k, v] = [0, 1, 2].map((i) => qkv.slice(0, i, i + 1).squeeze([0]))
    const logits = q.matmul(k.T).mul(1 / Math.sqrt(width))
    const weights = (mask ? logits.add(mask) : logits).softmax(-1)
    const mixed = weights.matmul(v).transpose([0, 2, 1, 3]).reshape([0, 0, channels])
    return this.linear(`${name}.out`, mixed, channels, { zero: true })
  }

  /** Mean 0, variance 1 over the last axis, then a learned scale and offset (Ba et al. 2016). */
  layerNorm(name: string, x: Expr): Expr {
    const d = x.size(-1)
    const scale = this.parameter(`${name}.scale`, [d], { fill: 1 })
    const offset = this.parameter(`${name}.offset`, [d], { fill: 0 })
    return this.b.op('LayerNormalization', [x, scale, offset], { axis: -1, epsilon: 1e-5 })
  }

  /**
   * A transformer block with normalisation first: attention, then a network of two layers, four times as wide, with
   * squared rectifiers (So et al. 2021). Both are added to the rows, and start at zero.
   */
  block(name: string, rows: Expr, heads: number, mask?: Expr): Expr {
    const d = rows.size(-1)
    const mixed = rows.add(this.mixing(`${name}.attention`, this.layerNorm(`${name}.norm1`, rows), heads, mask))
    const wide = this.linear(`${name}.wide`, this.layerNorm(`${name}.norm2`, mixed), 4 * d)
      .relu()
      .square()
    return mixed.add(this.linear(`${name}.narrow`, wide, d, { zero: true }))
  }

  /**
   * A learned vector for each of so many tokens: `[n, length]` of int64 to `[n, length, width]`. Asked again by the same
   * name, it is the same table.
   * @param std of the numbers that it starts with
   */
  embedding(name: string, tokens: Expr, count: number, width: number, std = 0.5): Expr {
    const known = `${name}.table`
    const table = this.b.has(known) ? this.b.get(known) : this.parameter(known, [count, width], { std })
    return this.b.op('Gather', [table, tokens], { axis: 0 })
  }

  /**
   * Where each token stands, as a learned mix of sinusoids with periods from 2 tokens to some four times `context`:
   * `[length, width]`, for rows of any length.
   * @param height of the sinusoids
   */
  positions(name: string, tokens: Expr, context: number, width: number, height = 0.5): Expr {
    const waves = this.sinusoids(places(tokens).cast('float32'), 32, 1.5 / context, Math.PI)
    return this.linear(name, height === 1 ? waves : waves.mul(height), width, { bias: false })
  }

  /**
   * What each head adds to its logits for a token so far to the left or right, `[heads, length, length]` (Shaw et al.
   * 2018, Raffel et al. 2020), one number for all that are `reach` away or more. Half the heads start by looking to the
   * left, half to the right, and near by: without that a masked network learns nothing but frequencies for long.
   */
  nearness(name: string, tokens: Expr, heads: number, reach: number): Expr {
    const { b } = this
    const table = this.parameter(`${name}.table`, [2 * reach + 1, heads], {
      of: (i) => {
        const [away, head] = [Math.floor(i / heads) - reach, i % heads]
        const slope = 2 ** -(head >> 1)
        return -slope * Math.abs(away - (head % 2 === 0 ? -1 : 1))
      },
    })
    const at = places(tokens)
    const away = at.unsqueeze([0]).sub(at.unsqueeze([1]))
    const near = b.op('Clip', [away, b.scalar(-reach, 'int64'), b.scalar(reach, 'int64')])
    return b.op('Gather', [table, near.add(b.scalar(reach, 'int64'))], { axis: 0 }).transpose([2, 0, 1])
  }

  /** What keeps a token from seeing those after it, `[length, length]`. */
  causal(tokens: Expr): Expr {
    const at = places(tokens)
    return at
      .unsqueeze([1])
      .less(at.unsqueeze([0]))
      .where(-1e9, 0)
  }

  /**
   * Sinusoidal features of a number per row, `[sin(f t), cos(f t)]` with frequencies from `slowest` to `fastest`
   * radians per unit, geometric (Vaswani et al. 2017).
   * @param t `[n]`
   * @returns `[n, 2 * count]`
   */
  sinusoids(t: Expr, count: number, slowest: number, fastest: number): Expr {
    const frequencies = Float32Array.from(
      { length: count },
      (_, i) => slowest * (fastest / slowest) ** (i / (count - 1)),
    )
    const angle = t.reshape([-1, 1]).mul(this.b.constant(tensor(frequencies, [1, count])))
    return concat([angle.sin(), angle.cos()], 1)
  }
}

const weightStart = (fan: number, zero = false) => (zero ? { fill: 0 } : { std: 1 / Math.sqrt(fan) })

/** 0, 1, 2, ... along rows of tokens `[n, length]`: `[length]`, int64. */
function places(tokens: Expr): Expr {
  const { b } = tokens
  const length = b.op('Gather', [tokens.shapeOf(), b.scalar(1, 'int64')], { axis: 0 })
  return b.op('Range', [b.scalar(0, 'int64'), length, b.scalar(1, 'int64')])
}

/** Blocks of 2x2 pixels to channels: `[n, c, 2h, 2w]` to `[n, 4c, h, w]`. */
export function spaceToDepth(x: Expr): Expr {
  const [c, h, w] = [x.size(1), x.size(2) / 2, x.size(3) / 2]
  return x
    .reshape([-1, c, h, 2, w, 2])
    .transpose([0, 1, 3, 5, 2, 4])
    .reshape([-1, 4 * c, h, w])
}

/** The inverse of {@link spaceToDepth}: `[n, 4c, h, w]` to `[n, c, 2h, 2w]`. */
export function depthToSpace(x: Expr): Expr {
  const [c, h, w] = [x.size(1) / 4, x.size(2), x.size(3)]
  return x
    .reshape([-1, c, 2, 2, h, w])
    .transpose([0, 1, 4, 2, 5, 3])
    .reshape([-1, c, 2 * h, 2 * w])
}
