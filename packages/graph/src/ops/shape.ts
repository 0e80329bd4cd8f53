/** Shape arithmetic and views: the elements stay in order, are permuted, or are repeated. */
import { axesOf, axisOf, broadcast, knownInts, required } from '../facts.ts'
import { sizeOf, tensor, toNumbers } from '../model.ts'
import type { Fact, OpCall, OpDefinition, OpTable } from '../op.ts'
import { strided, stridesOf } from './views.ts'

/** An op that keeps the elements in order and changes the shape alone. */
function reshaping(shapeOf: (inputs: readonly (Fact | undefined)[], call: OpCall) => readonly number[]): OpDefinition {
  return {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const shape = shapeOf(inputs, call)
      if (sizeOf(shape) !== sizeOf(x.shape)) call.fail(`[${x.shape}] cannot be viewed as [${shape}]`)
      return [{ type: x.type, shape }]
    },
    evaluate: ([x], _, outputs) => [{ shape: outputs[0].shape, data: x!.data }],
    vjp: ({ x: [x], g0 }) => [g0.reshapeLike(x)],
  }
}

function reshapeTarget(inputs: readonly (Fact | undefined)[], call: OpCall): number[] {
  const x = required(inputs, 0, call).shape
  const wanted = call.opset < 5 ? [...call.ints('shape')] : knownInts(inputs[1], call, 'the target shape')
  const copied = wanted.map((d, i) => (d === 0 && !call.int('allowzero', 0) ? (x[i] ?? 0) : d))
  if (copied.filter((d) => d === -1).length > 1) call.fail(`more than one -1 in the target shape [${wanted}]`)
  const rest = copied.reduce((a, d) => (d === -1 ? a : a * d), 1)
  const size = sizeOf(x)
  if (copied.includes(-1) && (rest === 0 || size % rest !== 0)) call.fail(`[${x}] cannot be viewed as [${wanted}]`)
  return copied.map((d) => (d === -1 ? size / rest : d))
}

function permutation(rank: number, call: OpCall): readonly number[] {
  return call.ints(
    'perm',
    Array.from({ length: rank }, (_, i) => rank - 1 - i),
  )
}

export const shapes: OpTable = {
  Shape: {
    infer: (inputs, call) => {
      const { shape } = required(inputs, 0, call)
      const part = shape.slice(call.int('start', 0), call.has('end') ? call.int('end') : undefined)
      return [{ type: 'int64', shape: [part.length], value: tensor([...part], [part.length], 'int64') }]
    },
    evaluate: (_, __, [y]) => [{ shape: y.shape, data: toNumbers(y.value!) }],
    vjp: 'zero',
  },
  Size: {
    infer: (inputs, call) => [
      { type: 'int64', shape: [], value: tensor(sizeOf(required(inputs, 0, call).shape), [], 'int64') },
    ],
    evaluate: (_, __, [y]) => [{ shape: y.shape, data: toNumbers(y.value!) }],
    vjp: 'zero',
  },
  Reshape: reshaping(reshapeTarget),
  Flatten: reshaping((inputs, call) => {
    const { shape } = required(inputs, 0, call)
    const a = call.int('axis', 1)
    const axis = a < 0 ? a + shape.length : a
    return [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]
  }),
  Squeeze: reshaping((inputs, call) => {
    const { shape } = required(inputs, 0, call)
    const axes = axesOf(inputs, 1, call)?.map((a) => axisOf(a, shape.length, call))
    for (const a of axes ?? []) if (shape[a] !== 1) call.fail(`axis ${a} of [${shape}] has size ${shape[a]}, not 1`)
    return shape.filter((d, i) => (axes ? !axes.includes(i) : d !== 1))
  }),
  Unsqueeze: reshaping((inputs, call) => {
    const { shape } = required(inputs, 0, call)
    const axes = axesOf(inputs, 1, call) ?? call.fail('axes are missing')
    const rank = shape.length + axes.length
    const at = axes.map((a) => axisOf(a, rank, call))
    const rest = [...shape]
    return Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : (rest.shift() as number)))
  }),
  Transpose: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const perm = permutation(x.shape.length, call)
      return [{ type: x.type, shape: perm.map((p) => x.shape[p]) }]
    },
    evaluate: ([x], call, [y]) => {
      const strides = stridesOf(x!.shape)
      return [
        strided(
          x!,
          y.shape,
          permutation(x!.shape.length, call).map((p) => strides[p]),
        ),
      ]
    },
    vjp: ({ x: [x], g0, call }) => {
      const perm = permutation(x.rank, call)
      return [g0.transpose(perm.map((_, i) => perm.indexOf(i)))]
    },
  },
  Expand: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      return [{ type: x.type, shape: broadcast([x.shape, knownInts(inputs[1], call, 'the target shape')], call.label) }]
    },
    evaluate: ([x], _, [y]) => {
      const steps = stridesOf(x!.shape).map((s, i) => (x!.shape[i] === 1 ? 0 : s))
      return [strided(x!, y.shape, [...new Array<number>(y.shape.length - steps.length).fill(0), ...steps])]
    },
    vjp: ({ x: [x], g0 }) => [g0.unbroadcast(x)],
  },
  Tile: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const repeats = knownInts(inputs[1], call, 'the list of repeats')
      return [{ type: x.type, shape: x.shape.map((d, i) => d * repeats[i]) }]
    },
    evaluate: ([x], _, [y]) => {
      const strides = stridesOf(x!.shape)
      const ys = stridesOf(y.shape)
      const data = new Float64Array(sizeOf(y.shape))
      for (let i = 0; i < data.length; i++) {
        let at = 0
        for (let a = 0; a < ys.length; a++) at += (Math.floor(i / ys[a]) % x!.shape[a]) * strides[a]
        data[i] = x!.data[at]
      }
      return [{ shape: y.shape, data }]
    },
    vjp: ({ b, x: [x, repeats], g0 }) => {
      const sums = x.shape.map((_, i) => 2 * i)
      if (repeats.value) {
        const counts = Array.from(toNumbers(repeats.value))
        const shape = x.shape.flatMap((d, i) => [counts[i], d])
        if (shape.filter((d) => d < 0).length <= 1) return [g0.reshape(shape).sum(sums)]
      }
      // Interleave [r0, d0, r1, d1, ...] at run time.
      const pairs = b.op('Concat', [repeats.unsqueeze([1]), x.shapeOf().unsqueeze([1])], { axis: 1 })
      return [b.op('Reshape', [g0, pairs.reshape([-1])]).sum(sums)]
    },
  },
}
