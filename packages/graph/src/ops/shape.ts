/** Layout operators: the gradient puts every number back where it came from. */
import type { Expr } from '../build.ts'
import { concat } from '../build.ts'
import { axesOf, axisOf, broadcast, knownInts, required } from '../facts.ts'
import type { DataType } from '../model.ts'
import { elementCodes, isFloat, sizeOf, tensor, toNumbers } from '../model.ts'
import type { Fact, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'

/** Row-major strides. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]
  }
  return strides
}

/** Reads `source` at a linear function of the output's index: offset + sum_i index_i * step_i. */
export function strided(source: NdArray, shape: readonly number[], steps: readonly number[], offset = 0): NdArray {
  const data = new Float64Array(sizeOf(shape))
  const index = new Array<number>(shape.length).fill(0)
  let at = offset
  for (let i = 0; i < data.length; i++) {
    data[i] = source.data[at]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++
      at += steps[axis]
      if (index[axis] < shape[axis]) break
      at -= steps[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return { shape, data }
}

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

function splitSizes(inputs: readonly (Fact | undefined)[], call: OpCall, size: number): number[] {
  if (inputs[1]) return knownInts(inputs[1], call, 'the list of split sizes')
  if (call.has('split')) return [...call.ints('split')]
  const n = call.int('num_outputs', call.outputs)
  const chunk = Math.ceil(size / n)
  return Array.from({ length: n }, (_, i) => Math.max(0, Math.min(chunk, size - i * chunk)))
}

interface SliceAxis {
  readonly axis: number
  readonly start: number
  readonly step: number
  readonly count: number
}

/** Start, step and count per sliced axis, clamped as the standard says. */
export function sliceAxes(inputs: readonly (Fact | undefined)[], call: OpCall): SliceAxis[] {
  const x = required(inputs, 0, call)
  const old = call.opset < 10
  const starts = old ? [...call.ints('starts')] : knownInts(inputs[1], call, 'starts')
  const ends = old ? [...call.ints('ends')] : knownInts(inputs[2], call, 'ends')
  const axes = old
    ? [
        ...call.ints(
          'axes',
          starts.map((_, i) => i),
        ),
      ]
    : inputs[3]
      ? knownInts(inputs[3], call, 'axes')
      : starts.map((_, i) => i)
  const steps = inputs[4] ? knownInts(inputs[4], call, 'steps') : starts.map(() => 1)
  return axes.map((a, i) => {
    const axis = axisOf(a, x.shape.length, call)
    const n = x.shape[axis]
    const step = steps[i]
    if (step === 0) call.fail('a slice step is 0')
    const clamp = (v: number): number => {
      const w = v < 0 ? v + n : v
      return step > 0 ? Math.min(Math.max(w, 0), n) : Math.min(Math.max(w, -1), n - 1)
    }
    const start = step > 0 ? clamp(starts[i]) : Math.min(Math.max(starts[i] < 0 ? starts[i] + n : starts[i], 0), n - 1)
    const end = clamp(ends[i])
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) }
  })
}

/** How many places a slice of step 1 or -1 leaves out on either side. */
function cut({ axis, start, step, count }: SliceAxis, x?: Fact): { before: number; after: number } {
  const last = start + (count - 1) * step
  const [low, high] = count === 0 ? [start, start - 1] : [Math.min(start, last), Math.max(start, last)]
  return { before: low, after: (x?.shape[axis] ?? 0) - 1 - high }
}

/** Spreads g's axis out by `step` with zeros between (MatMul with a constant 0/1 matrix) and places it at `start` in n. */
function placeAlong(g: Expr, axis: number, n: number, start: number, step: number): Expr {
  const { b } = g
  const count = g.size(axis)
  const matrix = new Float32Array(n * count)
  for (let k = 0; k < count; k++) matrix[(start + k * step) * count + k] = 1
  return alongAxis(g, axis, b.constant(tensor(matrix, [n, count], g.type)))
}

/** `matrix @ x` along one axis. */
export function alongAxis(x: Expr, axis: number, matrix: Expr): Expr {
  const perm = Array.from({ length: x.rank }, (_, i) => i)
  perm.push(...perm.splice(axis, 1))
  const inverse = perm.map((_, i) => perm.indexOf(i))
  return x.transpose(perm).matmul(matrix.T).transpose(inverse)
}

const codeTypes = new Map(Object.entries(elementCodes).map(([type, code]) => [code, type as DataType]))

const identity = (vjp: OpDefinition['vjp']): OpDefinition => ({
  infer: (inputs, call) => [{ type: required(inputs, 0, call).type, shape: inputs[0]!.shape }],
  evaluate: ([x]) => [x!],
  vjp,
})

const integerRange: Partial<Record<DataType, number>> = {
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  uint32: 32,
}

export const layout: OpTable = {
  Identity: identity(({ g0 }) => [g0]),
  Dropout: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      if (inputs[2]?.value && toNumbers(inputs[2].value)[0])
        call.fail('Dropout in training mode is not supported; feed a mask and multiply')
      return [
        { type: x.type, shape: x.shape },
        { type: 'bool', shape: x.shape },
      ]
    },
    evaluate: ([x]) => [x!, { shape: x!.shape, data: x!.data.map(() => 1) }],
    vjp: ({ g0 }) => [g0],
  },
  Cast: {
    infer: (inputs, call) => {
      const type =
        codeTypes.get(call.int('to')) ?? call.fail(`cast to element type number ${call.int('to')} is not supported`)
      return [{ type, shape: required(inputs, 0, call).shape }]
    },
    evaluate: ([x], _, [y]) => [{ shape: y.shape, data: castTo(x!.data, y.type) }],
    vjp: ({ x: [x], y: [y], g0 }) => [isFloat(x.type) && isFloat(y.type) ? g0.cast(x.type) : undefined],
  },
  CastLike: {
    infer: (inputs, call) => [{ type: required(inputs, 1, call).type, shape: required(inputs, 0, call).shape }],
    evaluate: ([x], _, [y]) => [{ shape: y.shape, data: castTo(x!.data, y.type) }],
    vjp: ({ x: [x], y: [y], g0 }) => [isFloat(x.type) && isFloat(y.type) ? g0.cast(x.type) : undefined],
  },
  Constant: {
    infer: (_, call) => {
      const value = call.has('value')
        ? call.tensor('value')
        : call.has('value_float')
          ? tensor(call.float('value_float'))
          : call.has('value_int')
            ? tensor(call.int('value_int'), [], 'int64')
            : call.has('value_floats')
              ? tensor([...call.floats('value_floats')])
              : call.has('value_ints')
                ? tensor([...call.ints('value_ints')], undefined, 'int64')
                : call.fail('a Constant of this kind (string or sparse) is not supported')
      return [{ type: value.type, shape: value.shape, value }]
    },
    evaluate: (_, __, [y]) => [{ shape: y.shape, data: toNumbers(y.value!) }],
  },
  ConstantOfShape: {
    infer: (inputs, call) => {
      const fill = call.has('value') ? call.tensor('value') : tensor(0, [1])
      return [{ type: fill.type, shape: knownInts(inputs[0], call, 'the shape') }]
    },
    evaluate: (_, call, [y]) => {
      const fill = call.has('value') ? toNumbers(call.tensor('value'))[0] : 0
      return [{ shape: y.shape, data: new Float64Array(sizeOf(y.shape)).fill(fill) }]
    },
    vjp: 'zero',
  },
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
  Range: {
    infer: (inputs, call) => {
      const [start, limit, delta] = [0, 1, 2].map((i) => knownInts(inputs[i], call, 'the range')[0])
      return [{ type: required(inputs, 0, call).type, shape: [Math.max(0, Math.ceil((limit - start) / delta))] }]
    },
    evaluate: ([start, , delta], _, [y]) => [
      {
        shape: y.shape,
        data: Float64Array.from({ length: y.shape[0] }, (_, i) => start!.data[0] + i * delta!.data[0]),
      },
    ],
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
  Concat: {
    infer: (inputs, call) => {
      const parts = inputs.map((_, i) => required(inputs, i, call))
      const axis = axisOf(call.int('axis'), parts[0].shape.length, call)
      for (const p of parts)
        if (p.shape.length !== parts[0].shape.length || p.shape.some((d, i) => i !== axis && d !== parts[0].shape[i]))
          call.fail(`shapes ${parts.map((q) => `[${q.shape}]`).join(', ')} do not join along axis ${axis}`)
      const size = parts.reduce((a, p) => a + p.shape[axis], 0)
      return [{ type: parts[0].type, shape: parts[0].shape.map((d, i) => (i === axis ? size : d)) }]
    },
    evaluate: (parts, call, [y]) => {
      const axis = axisOf(call.int('axis'), y.shape.length, call)
      const data = new Float64Array(sizeOf(y.shape))
      const outer = sizeOf(y.shape.slice(0, axis))
      let at = 0
      for (let o = 0; o < outer; o++)
        for (const p of parts) {
          const chunk = sizeOf(p!.shape.slice(axis))
          data.set(p!.data.subarray(o * chunk, (o + 1) * chunk), at)
          at += chunk
        }
      return [{ shape: y.shape, data }]
    },
    vjp: ({ b, x, g0, call, needs }) => {
      const axis = axisOf(call.int('axis'), x[0].rank, call)
      if (x.every((part) => part.shape[axis] >= 0)) {
        let start = 0
        return x.map((part, i) => {
          const from = start
          start += part.size(axis)
          return needs(i) ? g0.slice(axis, from, start) : undefined
        })
      }
      // Parts of free sizes: the sizes are read at run time.
      const sizes = b.op(
        'Concat',
        x.map((part) => sizeAt(part, axis)),
        { axis: 0 },
      )
      return b.call('Split', [g0, sizes], { axis }, x.length)
    },
  },
  Split: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const axis = axisOf(call.int('axis', 0), x.shape.length, call)
      const sizes = splitSizes(inputs, call, x.shape[axis])
      if (sizes.reduce((a, b) => a + b, 0) !== x.shape[axis])
        call.fail(`sizes [${sizes}] do not add up to ${x.shape[axis]} (axis ${axis})`)
      return sizes.map((d) => ({ type: x.type, shape: x.shape.map((s, i) => (i === axis ? d : s)) }))
    },
    evaluate: ([x], call, outputs) => {
      const axis = axisOf(call.int('axis', 0), x!.shape.length, call)
      const strides = stridesOf(x!.shape)
      let start = 0
      return outputs.map((y) => {
        const part = strided(x!, y.shape, strides, start * strides[axis])
        start += y.shape[axis]
        return part
      })
    },
    vjp: ({ x: [x], y, g, call }) => {
      const axis = axisOf(call.int('axis', 0), x.rank, call)
      return [
        concat(
          y.map((part, i) => g[i] ?? part.zerosLike()),
          axis,
        ),
      ]
    },
  },
  Slice: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const shape = [...x.shape]
      for (const s of sliceAxes(inputs, call)) shape[s.axis] = s.count
      return [{ type: x.type, shape }]
    },
    evaluate: ([x], call, [y], facts) => {
      const strides = stridesOf(x!.shape)
      let offset = 0
      const steps = [...strides]
      for (const s of sliceAxes(facts, call)) {
        offset += s.start * strides[s.axis]
        steps[s.axis] *= s.step
      }
      return [strided(x!, y.shape, steps, offset)]
    },
    vjp: ({ b, x, g0, call }) => {
      const probes = x[0].facts.map((_, p) =>
        sliceAxes(
          x.map((e) => e?.facts[p]),
          call,
        ),
      )
      let g = g0
      const begins = new Array<Amount>(x[0].rank).fill(0)
      const ends = new Array<Amount>(x[0].rank).fill(0)
      for (const [i, s] of probes[0].entries()) {
        const { axis, step } = s
        if (Math.abs(step) > 1) {
          g = placeAlong(g, axis, x[0].size(axis), s.start, step)
          continue
        }
        if (step < 0) g = b.op('Slice', [g, b.int64([-1]), b.int64([-(2 ** 53)]), b.int64([axis]), b.int64([-1])])
        // Places cut off before and after, per probe: what differs between them depends on a free size.
        const [before, after] = [
          probes.map((all) => cut(all[i]).before),
          probes.map((all, p) => cut(all[i], x[0].facts[p]).after),
        ]
        const fixed = (counts: readonly number[]): boolean => counts.every((n) => n === counts[0])
        if (!fixed(before) && !fixed(after))
          call.fail('a slice whose both ends depend on a free size has no gradient here; fix that size')
        // x = before + slice + after
        const rest = (known: number): Expr =>
          sizeAt(x[0], axis)
            .sub(sizeAt(g0, axis))
            .sub(b.int64([known]))
        begins[axis] = fixed(before) ? before[0] : rest(after[0])
        ends[axis] = fixed(after) ? after[0] : rest(before[0])
      }
      return [padded(g, begins, ends)]
    },
  },
  Pad: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const { begins, ends } = padAmounts(inputs, call)
      return [{ type: x.type, shape: x.shape.map((d, i) => d + begins[i] + ends[i]) }]
    },
    evaluate: ([x, , value], call, [y], facts) => {
      const { begins } = padAmounts(facts, call)
      const mode = call.string('mode', 'constant')
      const fill = value ? value.data[0] : call.float('value', 0)
      const strides = stridesOf(x!.shape)
      const index = new Array<number>(y.shape.length).fill(0)
      const data = new Float64Array(sizeOf(y.shape))
      for (let i = 0; i < data.length; i++) {
        let at = 0
        for (let a = 0; a < index.length; a++) {
          const source = padSource(index[a] - begins[a], x!.shape[a], mode)
          at = source < 0 || at < 0 ? -1 : at + source * strides[a]
        }
        data[i] = at < 0 ? fill : x!.data[at]
        for (let a = index.length - 1; a >= 0; a--) {
          if (++index[a] < y.shape[a]) break
          index[a] = 0
        }
      }
      return [{ shape: y.shape, data }]
    },
    vjp: ({ b, x, g0, call, needs }) => {
      const { begins, ends } = padAmounts(
        x.map((e) => e?.facts[0]),
        call,
      )
      const mode = call.string('mode', 'constant')
      const free = x[1] && !x[1].value
      if (mode === 'constant') {
        const dx = free
          ? b.op('Pad', [g0, x[1].neg(), undefined, x[3]].slice(0, x[3] ? 4 : 2))
          : padded(
              g0,
              begins.map((p) => -p),
              ends.map((p) => -p),
            )
        // The fill value is seen wherever x is not.
        return [dx, undefined, x[2] && needs(2) ? g0.sum().sub(dx.sum()).reshapeLike(x[2]) : undefined]
      }
      if (free) call.fail(`the amounts of a ${mode} pad depend on a free size; fix that size`)
      // y = A x along each padded axis, with one 1 per row of A: dx = A^T g.
      let g = g0
      for (let axis = 0; axis < begins.length; axis++) {
        if (begins[axis] === 0 && ends[axis] === 0) continue
        const n = x[0].size(axis)
        const m = n + begins[axis] + ends[axis]
        const adjoint = new Float32Array(n * m)
        for (let i = 0; i < m; i++) adjoint[padSource(i - begins[axis], n, mode) * m + i] = 1
        g = alongAxis(g, axis, b.constant(tensor(adjoint, [n, m], g.type)))
      }
      return [g]
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

/** The numbers after a cast; float types keep them as they are (the interpreter works in float64 throughout). */
function castTo(data: Float64Array, type: DataType): Float64Array {
  if (isFloat(type)) return data
  if (type === 'bool') return data.map((v) => Number(v !== 0))
  const bits = integerRange[type]
  return data.map((v) => (bits ? wrap(Math.trunc(v), bits, type.startsWith('u')) : Math.trunc(v)))
}

function wrap(v: number, bits: number, unsigned: boolean): number {
  const m = 2 ** bits
  const r = ((v % m) + m) % m
  return unsigned || r < m / 2 ? r : r - m
}

function permutation(rank: number, call: OpCall): readonly number[] {
  return call.ints(
    'perm',
    Array.from({ length: rank }, (_, i) => rank - 1 - i),
  )
}

/** A number of places, or an int64 expression of shape [1] where it depends on a free size. */
export type Amount = number | Expr

/** Pads with zeros and crops (negative amounts) at once. */
export function padded(x: Expr, begins: readonly Amount[], ends: readonly Amount[]): Expr {
  const amounts = [...begins, ...ends]
  if (amounts.every((p) => p === 0)) return x
  const { b } = x
  const known = amounts.filter((p) => typeof p === 'number')
  const pads =
    known.length === amounts.length
      ? b.int64(known)
      : b.op(
          'Concat',
          amounts.map((p) => (typeof p === 'number' ? b.int64([p]) : p)),
          { axis: 0 },
        )
  return b.op('Pad', [x, pads])
}

/** Views x with sizes of which several may be known at run time only. */
export function viewAs(x: Expr, sizes: readonly Amount[]): Expr {
  const { b } = x
  const known = sizes.filter((d) => typeof d === 'number')
  if (known.length === sizes.length) return x.reshape(known)
  if (known.length === sizes.length - 1 && !known.includes(-1) && !known.includes(0))
    return x.reshape(sizes.map((d) => (typeof d === 'number' ? d : -1)))
  const parts = sizes.map((d) => (typeof d === 'number' ? b.int64([d]) : d))
  return b.op('Reshape', [x, b.op('Concat', parts, { axis: 0 })])
}

/** The size of one axis as an int64 expression of shape [1], read at run time where it is free. */
export function sizeAt(x: Expr, axis: number): Expr {
  const { b } = x
  if (x.shape[axis] >= 0) return b.int64([x.shape[axis]])
  return b.op('Slice', [x.shapeOf(), b.int64([axis]), b.int64([axis + 1])])
}

function padAmounts(inputs: readonly (Fact | undefined)[], call: OpCall): { begins: number[]; ends: number[] } {
  const rank = required(inputs, 0, call).shape.length
  const pads = call.opset < 11 ? [...call.ints('pads')] : knownInts(inputs[1], call, 'the list of pads')
  const axes = inputs[3]
    ? knownInts(inputs[3], call, 'axes').map((a) => axisOf(a, rank, call))
    : Array.from({ length: rank }, (_, i) => i)
  if (pads.length !== 2 * axes.length)
    call.fail(`${pads.length} pads were given for ${axes.length} axes (two each are expected)`)
  const begins = new Array<number>(rank).fill(0)
  const ends = new Array<number>(rank).fill(0)
  axes.forEach((a, i) => {
    begins[a] = pads[i]
    ends[a] = pads[i + axes.length]
  })
  return { begins, ends }
}

/** Which input index a padded index shows; -1 for the constant. */
function padSource(i: number, n: number, mode: string): number {
  if (i >= 0 && i < n) return i
  if (mode === 'constant') return -1
  if (mode === 'edge') return i < 0 ? 0 : n - 1
  if (mode === 'wrap') return ((i % n) + n) % n
  const period = Math.max(2 * (n - 1), 1)
  const r = ((i % period) + period) % period
  return r < n ? r : period - r
}
