/** Blocks of channels and pixels, running sums, triangles. */
import { axisOf, knownInts, required } from '../facts.ts'
import { sizeOf, tensor, toNumbers } from '../model.ts'
import type { NdArray, OpCall, OpTable } from '../op.ts'
import { typeOf } from './constant.ts'
import { strided, stridesOf } from './views.ts'

/** View and permutation that DepthToSpace is made of: [N, C b b, H, W] seen with six axes, then reordered. */
function blocks(shape: readonly number[], call: OpCall): { view: number[]; perm: number[]; out: number[] } {
  const size = call.int('blocksize')
  const [n, c, h, w] = shape
  if (shape.length !== 4 || c % size ** 2 !== 0)
    call.fail(`expected [N, C, H, W] with C a multiple of ${size ** 2}, got [${shape}]`)
  const channels = c / size ** 2
  const depthFirst = call.string('mode', 'DCR') === 'DCR'
  return {
    view: depthFirst ? [n, size, size, channels, h, w] : [n, channels, size, size, h, w],
    perm: depthFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3],
    out: [n, channels, h * size, w * size],
  }
}

function permuted(x: NdArray, view: readonly number[], perm: readonly number[], shape: readonly number[]): NdArray {
  const strides = stridesOf(view)
  const moved = strided(
    x,
    perm.map((p) => view[p]),
    perm.map((p) => strides[p]),
  )
  return { shape, data: moved.data }
}

/** View [N, C, H/b, b, W/b, b] of SpaceToDepth, reordered to [N, b, b, C, H/b, W/b]. */
function pixels(shape: readonly number[], call: OpCall): { view: number[]; perm: number[]; out: number[] } {
  const size = call.int('blocksize')
  const [n, c, h, w] = shape
  if (shape.length !== 4 || h % size !== 0 || w % size !== 0)
    call.fail(`expected [N, C, H, W] with H and W multiples of ${size}, got [${shape}]`)
  return {
    view: [n, c, h / size, size, w / size, size],
    perm: [0, 3, 5, 1, 2, 4],
    out: [n, c * size ** 2, h / size, w / size],
  }
}

/** Sums along an axis; `exclusive` leaves the element itself out, `reverse` runs from the end. */
function runningSums(x: NdArray, axis: number, exclusive: boolean, reverse: boolean): NdArray {
  const n = x.shape[axis]
  const inner = sizeOf(x.shape.slice(axis + 1))
  const data = new Float64Array(x.data.length)
  for (let start = 0; start < data.length; start += n * inner)
    for (let i = 0; i < inner; i++) {
      let sum = 0
      for (let k = 0; k < n; k++) {
        const at = start + (reverse ? n - 1 - k : k) * inner + i
        if (!exclusive) sum += x.data[at]
        data[at] = sum
        if (exclusive) sum += x.data[at]
      }
    }
  return { shape: x.shape, data }
}

/** Whether an element of row r and column c is kept. */
const isKept = (r: number, c: number, diagonal: number, upper: boolean): boolean =>
  upper ? c - r >= diagonal : c - r <= diagonal

export const rearrangements: OpTable = {
  DepthToSpace: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      return [{ type: x.type, shape: blocks(x.shape, call).out }]
    },
    evaluate: ([x], call) => {
      const { view, perm, out } = blocks(x!.shape, call)
      return [permuted(x!, view, perm, out)]
    },
    // As Reshape and Transpose: SpaceToDepth knows one order only, and has no kernel on the browser's GPU.
    vjp: ({ x: [x], g0, call }) => {
      const { view, perm } = blocks([1, x.size(1), x.size(2), x.size(3)], call)
      const seen = perm.map((p) => view[p])
      return [
        g0
          .reshape([-1, ...seen.slice(1)])
          .transpose(perm.map((_, i) => perm.indexOf(i)))
          .reshapeLike(x),
      ]
    },
  },
  SpaceToDepth: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      return [{ type: x.type, shape: pixels(x.shape, call).out }]
    },
    evaluate: ([x], call) => {
      const { view, perm, out } = pixels(x!.shape, call)
      return [permuted(x!, view, perm, out)]
    },
    vjp: ({ b, g0, call }) => [b.op('DepthToSpace', [g0], { blocksize: call.int('blocksize'), mode: 'DCR' })],
  },
  CumSum: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      axisOf(knownInts(inputs[1], call, 'the axis')[0], x.shape.length, call)
      return [{ type: x.type, shape: x.shape }]
    },
    evaluate: ([x, axis], call) => [
      runningSums(
        x!,
        axisOf(axis!.data[0], x!.shape.length, call),
        call.int('exclusive', 0) !== 0,
        call.int('reverse', 0) !== 0,
      ),
    ],
    vjp: ({ b, x: [, axis], g0, call }) => [
      b.op('CumSum', [g0, axis], { exclusive: call.int('exclusive', 0), reverse: 1 - call.int('reverse', 0) }),
    ],
  },
  Trilu: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      if (x.shape.length < 2) call.fail(`expected a matrix or a batch of them, got shape [${x.shape}]`)
      return [{ type: x.type, shape: x.shape }]
    },
    evaluate: ([x, k], call) => {
      const [rows, columns] = x!.shape.slice(-2)
      const upper = call.int('upper', 1) !== 0
      const diagonal = k?.data[0] ?? 0
      const keep = (i: number): boolean => isKept(Math.floor(i / columns) % rows, i % columns, diagonal, upper)
      return [{ shape: x!.shape, data: x!.data.map((v, i) => (keep(i) ? v : 0)) }]
    },
    vjp: ({ b, x, g0, call }) => {
      const [rows, columns] = x[0].shape.slice(-2)
      const upper = call.int('upper', 1) !== 0
      if (rows < 0 || columns < 0 || (x[1] && !x[1].value))
        return [b.op('Trilu', [g0, x[1]].slice(0, x[1] ? 2 : 1), { upper: Number(upper) })]
      // A constant mask: Trilu has no kernel on the browser's GPU.
      const diagonal = x[1]?.value ? toNumbers(x[1].value)[0] : 0
      const mask = Array.from({ length: rows * columns }, (_, i) =>
        Number(isKept(Math.floor(i / columns), i % columns, diagonal, upper)),
      )
      return [b.constant(tensor(mask, [rows, columns], 'bool')).where(g0, 0)]
    },
  },
  EyeLike: {
    infer: (inputs, call) => {
      const { type, shape } = required(inputs, 0, call)
      if (shape.length !== 2) call.fail(`expected a matrix, got shape [${shape}]`)
      return [{ type: call.has('dtype') ? typeOf(call.int('dtype'), call) : type, shape }]
    },
    evaluate: ([x], call) => {
      const [, columns] = x!.shape
      const k = call.int('k', 0)
      return [{ shape: x!.shape, data: x!.data.map((_, i) => Number((i % columns) - Math.floor(i / columns) === k)) }]
    },
    vjp: 'zero',
  },
}
