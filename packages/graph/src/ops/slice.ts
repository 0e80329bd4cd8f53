/** Cutting and joining: the gradient puts every number back where it came from. */
import type { Expr } from '../build.ts'
import { concat } from '../build.ts'
import { axisOf, knownInts, required } from '../facts.ts'
import { sizeOf, tensor } from '../model.ts'
import type { Fact, OpCall, OpTable } from '../op.ts'
import type { Amount } from './views.ts'
import { alongAxis, padded, sizeAt, strided, stridesOf } from './views.ts'

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

export const slices: OpTable = {
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
}
