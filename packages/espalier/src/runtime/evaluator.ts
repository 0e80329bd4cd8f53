import {
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  isDifferentiableDenoiser,
  type Target,
} from '../process/denoiser.ts'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import { type Activity, type CoalesceStatistics, coalesce, type Slice } from './coalesce.ts'

export interface BatchedOptions {
  /** Rows of one full batch. */
  readonly maxBatch: number
  /** Batches under way at once, at most. Default 2. */
  readonly inFlight?: number
  /**
   * Fill every batch up to `maxBatch` rows (with copies of its first row), so that the network always sees the same
   * shape. Costs the time of the added rows, which are no NFE. Default false.
   */
  readonly pad?: boolean
  /** Shared with the evaluator of the reward, see {@link Activity}. Default: one of its own. */
  readonly activity?: Activity
}

/** A denoiser whose concurrent calls share batches. */
export interface BatchedDenoiser extends Denoiser {
  readonly statistics: CoalesceStatistics
}

interface Request {
  readonly x: Tensor
  readonly t: Float64Array
  readonly target: Target
  readonly condition?: Condition
  /** Given where {@link DifferentiableDenoiser.pullback} is asked for, not `predict`. */
  readonly cotangent?: Tensor
  /** What the caller lends for its result. */
  readonly into?: Tensor
}

type Part = Slice<Request, Tensor>

/**
 * Puts the batching evaluator between callers and a network: code is written as if for one particle, and what is asked
 * for at the same moment (rows of different branches, with different times, targets and conditions) goes through the
 * network as one full batch. See {@link coalesce} for when a batch goes.
 *
 * Rows are assigned to batches in the order in which they arrived. What comes back for a row depends on that row alone
 * wherever the denoiser computes its rows alone: analytic worlds always, to the last bit. A network engine may choose
 * another kernel for another number of rows, and the last bits of a row may then depend on how full its batch was;
 * with `pad` the shape, and so the kernel, is always the same.
 *
 * Calls with different sets of conditions (names or shapes) are kept in separate batches, and so are different targets
 * if the denoiser has no `predictEach`. Pullbacks share batches among themselves.
 */
export function batched(denoiser: Denoiser, options: BatchedOptions): BatchedDenoiser {
  const { maxBatch, inFlight, activity, pad = false } = options
  const { process, event, rowCost, predictEach } = denoiser
  const differentiable = isDifferentiableDenoiser(denoiser) ? denoiser : undefined
  const size = sizeOf(event)
  /** Batches of states and of results that no call uses now. */
  const free: Float32Array[] = []

  const run = async (parts: readonly Part[], rows: number) => {
    const [first] = parts
    const { request } = first
    if (parts.length === 1 && rows === request.t.length && !pad) {
      const { x, t, target, condition, cotangent } = request
      const alone = cotangent
        ? differentiable!.pullback(x, t, cotangent, condition)
        : denoiser.predict(x, t, target, condition, first.result)
      const result = await alone
      if (result !== first.result) write(first, result, 0, size)
      return
    }
    const n = pad ? maxBatch : rows
    const states = free.pop() ?? new Float32Array(maxBatch * size)
    const results = free.pop() ?? new Float32Array(maxBatch * size)
    try {
      const x = { shape: [n, ...event], data: gather(parts, n, states, size, (part) => part.request.x.data) }
      const t = gather(parts, n, new Float64Array(n), 1, (part) => part.request.t)
      const condition = gatherCondition(parts, n)
      const ask = () => {
        if (request.cotangent) {
          const data = gather(parts, n, new Float32Array(n * size), size, (part) => part.request.cotangent!.data)
          return differentiable!.pullback(x, t, { shape: x.shape, data }, condition)
        }
        const same = parts.every((part) => part.request.target === request.target)
        const into = { shape: x.shape, data: results.subarray(0, n * size) }
        if (same) return denoiser.predict(x, t, request.target, condition, into)
        return predictEach!.call(denoiser, x, t, targetsOf(parts, n), condition)
      }
      const result = await ask()
      let row = 0
      for (const part of parts) {
        write(part, result, row, size)
        row += part.to - part.from
      }
    } finally {
      free.push(states, results)
    }
  }

  const evaluator = coalesce<Request, Tensor>({
    maxBatch,
    inFlight,
    activity,
    rows: (request) => request.t.length,
    key: ({ cotangent, target, condition }) =>
      (cotangent ? 'pullback' : predictEach ? '' : target) + conditionKey(condition),
    result: ({ x, into }) => into ?? { shape: x.shape, data: new Float32Array(x.data.length) },
    run,
  })

  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      check(x, t, event, size)
      if (t.length === 0) return { shape: x.shape, data: new Float32Array(0) }
      return evaluator.submit({ x, t, target, condition, into })
    },
    ...(differentiable && {
      async pullback(x, t, cotangent, condition) {
        check(x, t, event, size)
        check(cotangent, t, event, size)
        if (t.length === 0) return { shape: x.shape, data: new Float32Array(0) }
        return evaluator.submit({ x, t, target: 'data', condition, cotangent })
      },
    }),
    get statistics() {
      return evaluator.statistics
    },
  } satisfies BatchedDenoiser | (BatchedDenoiser & DifferentiableDenoiser)
}

/** @throws Error when states, times and event do not fit together */
function check(x: Tensor, t: Float64Array, event: readonly number[], size: number): void {
  const fits = x.shape.length === event.length + 1 && event.every((dimension, axis) => dimension === x.shape[axis + 1])
  if (!fits || x.data.length !== x.shape[0] * size) {
    throw new Error(`States [${x.shape.join(', ')}] with ${x.data.length} values; expected [n, ${event.join(', ')}].`)
  }
  if (t.length !== x.shape[0])
    throw new Error(`${x.shape[0]} states with ${t.length} times; expected one time per state.`)
}

function conditionKey(condition: Condition | undefined): string {
  if (!condition) return ''
  let key = ''
  for (const name of Object.keys(condition).sort()) key += `|${name}:${condition[name].shape.slice(1).join(',')}`
  return key
}

/**
 * Packs the parts' rows one after another into `target` (`n` rows of `size` values), repeating the first for padding.
 */
function gather<A extends Float32Array | Float64Array>(
  parts: readonly Part[],
  n: number,
  target: A,
  size: number,
  source: (part: Part) => A,
): A {
  let at = 0
  for (const part of parts) {
    target.set(source(part).subarray(part.from * size, part.to * size), at)
    at += (part.to - part.from) * size
  }
  for (; at < n * size; at += size) target.copyWithin(at, 0, size)
  return target.subarray(0, n * size) as A
}

function gatherCondition(parts: readonly Part[], n: number): Condition | undefined {
  const { condition } = parts[0].request
  if (!condition) return undefined
  const packed: Record<string, Tensor> = {}
  for (const name of Object.keys(condition)) {
    const event = condition[name].shape.slice(1)
    const size = sizeOf(event)
    const data = gather(parts, n, new Float32Array(n * size), size, (part) => part.request.condition![name].data)
    packed[name] = { shape: [n, ...event], data }
  }
  return packed
}

function targetsOf(parts: readonly Part[], n: number): Target[] {
  const targets: Target[] = []
  for (const part of parts) for (let row = part.from; row < part.to; row++) targets.push(part.request.target)
  while (targets.length < n) targets.push(targets[0])
  return targets
}

/** Copies the part's rows out of a batch's result, where they start at `row`. */
function write(part: Part, result: Tensor, row: number, size: number): void {
  const rows = part.to - part.from
  part.result.data.set(result.data.subarray(row * size, (row + rows) * size), part.from * size)
}
