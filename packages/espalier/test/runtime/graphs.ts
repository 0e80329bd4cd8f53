import { concat, GraphBuilder, tensor, writeModel } from '@espalier/graph'
import type { RuntimeTensor } from '../../src/runtime/runtime.ts'

/** `y = x * t`, `z = x + t`, for `x [n, 4]` and `t [n, 1]`. */
export function multiplyAdd(): Uint8Array {
  const b = new GraphBuilder()
  const x = b.input('x', ['n', 4])
  const t = b.input('t', ['n', 1])
  b.output('y', x.mul(t))
  b.output('z', x.add(t))
  return writeModel(b.build())
}

/** `y = A x + t v + label w` on states `[n, 2, 2]`: row-wise, and easy to compute by hand. */
export function affineNetwork(types: { time?: 'float32' | 'int64'; label?: 'float32' | 'int64' | 'int32' } = {}) {
  const b = new GraphBuilder()
  const x = b.input('x', ['n', 2, 2]).reshape([-1, 4])
  const t = b.input('t', ['n'], types.time ?? 'float32').cast('float32')
  const label = b.input('label', ['n'], types.label ?? 'int64').cast('float32')
  const y = x
    .matmul(b.parameter('A', tensor(Array.from(affine.matrix), [4, 4])))
    .add(t.unsqueeze([1]).mul(b.parameter('v', tensor(affine.time, [1, 4]))))
    .add(label.unsqueeze([1]).mul(b.parameter('w', tensor(affine.label, [1, 4]))))
  b.output('y', y.reshape([-1, 2, 2]))
  return writeModel(b.build())
}

/** `y = A x + t v + 0.5 mean` on states `[n, 2, 2]` and means of the same shape. */
export function restorationNetwork(): Uint8Array {
  const b = new GraphBuilder()
  const x = b.input('x', ['n', 2, 2]).reshape([-1, 4])
  const t = b.input('t', ['n'])
  const mean = b.input('mean', ['n', 2, 2]).reshape([-1, 4])
  const y = x
    .matmul(b.parameter('A', tensor(Array.from(affine.matrix), [4, 4])))
    .add(t.unsqueeze([1]).mul(b.parameter('v', tensor(affine.time, [1, 4]))))
    .add(mean.mul(0.5))
  b.output('y', y.reshape([-1, 2, 2]))
  return writeModel(b.build())
}

const affine = {
  matrix: Float32Array.from({ length: 16 }, (_, i) => Math.sin(i + 1)),
  time: [0.5, -0.25, 1, 2],
  label: [1, -1, 0.5, 0.125],
}

/** What {@link affineNetwork} gives for one row, in float64. */
export function affineRow(x: ArrayLike<number>, t: number, label: number): number[] {
  return [0, 1, 2, 3].map((j) => {
    let sum = t * affine.time[j] + label * affine.label[j]
    for (let i = 0; i < 4; i++) sum += x[i] * affine.matrix[4 * i + j]
    return sum
  })
}

/** A value of every carried type, passed through. */
export function everyType(): { model: Uint8Array; feeds: Record<string, RuntimeTensor> } {
  const feeds: Record<string, RuntimeTensor> = {
    float32: { type: 'float32', shape: [2], data: Float32Array.of(1.5, -2) },
    float64: { type: 'float64', shape: [2], data: Float64Array.of(Math.PI, 1e300) },
    float16: { type: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
    int64: { type: 'int64', shape: [2], data: BigInt64Array.of(1n << 40n, -3n) },
    int32: { type: 'int32', shape: [2], data: Int32Array.of(-7, 8) },
    bool: { type: 'bool', shape: [2], data: Uint8Array.of(0, 1) },
    uint8: { type: 'uint8', shape: [2], data: Uint8Array.of(3, 255) },
  }
  const b = new GraphBuilder()
  for (const name in feeds) b.output(`${name}_out`, b.op('Identity', [b.input(name, ['n'], feeds[name].type)]))
  return { model: writeModel(b.build()), feeds }
}

/** Convolutions of `width` channels on `[n, 4, 14, 14]` images, time added as a fifth channel: a small digit network. */
export function convolutional(width: number, layers: number): Uint8Array {
  const b = new GraphBuilder()
  const x = b.input('x', ['n', 4, 14, 14])
  const t = b.input('t', ['n']).reshape([-1, 1, 1, 1])
  let h = concat([x, x.slice(1, 0, 1).mul(0).add(t)], 1)
  let channels = 5
  let state = 1
  const random = (scale: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * scale
  }
  for (let layer = 0; layer < layers; layer++) {
    const out = layer === layers - 1 ? 4 : width
    const scale = Math.sqrt(3 / (9 * channels))
    const weights = Array.from({ length: out * channels * 9 }, () => random(scale))
    h = b.op('Conv', [h, b.parameter(`w${layer}`, tensor(weights, [out, channels, 3, 3]))], { pads: [1, 1, 1, 1] })
    if (layer < layers - 1) h = h.silu()
    channels = out
  }
  b.output('y', h)
  return writeModel(b.build())
}
