import type { GraphBuilder, Operand } from './build.ts'
import { GraphError } from './errors.ts'
import type { DataType, Dim, TensorData } from './model.ts'
import { elementCodes, sizeOf, tensor, toNumbers } from './model.ts'
import type { Fact } from './op.ts'

/** Zeros up to this many elements are stored; larger ones are made when the graph runs. */
const storedZeros = 256

/** A tensor in a graph under construction: a name, a type, and what is known of its shape. */
export class Expr {
  readonly b: GraphBuilder
  readonly name: string
  /** One fact per probe of the free dimensions. */
  readonly facts: readonly Fact[]

  /** Its value is a decision about a free size, such as `N = 1`: equal for the stand-ins, which proves nothing. */
  readonly undecided: boolean

  constructor(b: GraphBuilder, name: string, facts: readonly Fact[], undecided = false) {
    this.b = b
    this.name = name
    this.facts = facts
    this.undecided = undecided
  }

  get type(): DataType {
    return this.facts[0].type
  }
  get rank(): number {
    return this.facts[0].shape.length
  }
  /** Sizes, -1 where the size is free. */
  get shape(): readonly number[] {
    return this.facts[0].shape.map((d, i) => (d === this.facts[1].shape[i] ? d : -1))
  }
  /** Sizes; a free one by its name where it has one. */
  get dims(): readonly Dim[] {
    return this.b.dimensions(this)
  }
  /** Size of one axis (negative counts from the end). @throws GraphError when it is free */
  size(axis: number): number {
    const d = this.shape.at(axis)
    if (d === undefined || d < 0)
      throw new GraphError(
        `"${this.name}" has no fixed size on axis ${axis}: its shape is [${this.dims.map((s) => s ?? '?').join(', ')}]; fix it (option \`shapes\` when a model is read in)`,
      )
    return d
  }
  /** The value, where it depends neither on data nor on free dimensions. */
  get value(): TensorData | undefined {
    const [a, b] = this.facts
    if (this.undecided || !a.value || !b.value || a.value.type === 'string') return undefined
    if (a.value === b.value) return a.value
    if (String(a.shape) !== String(b.shape)) return undefined
    const [p, q] = [toNumbers(a.value), toNumbers(b.value)]
    return p.every((v, i) => Object.is(v, q[i])) ? a.value : undefined
  }
  /** Whether its value follows from shapes, and differs with the free dimensions. */
  get varies(): boolean {
    return this.facts.every((f) => f.value) && !this.value
  }

  /** Whether two expressions have the same shape for every size of the free dimensions. */
  sameShape(other: Expr): boolean {
    return this.facts.every(
      (f, p) =>
        f.shape.length === other.facts[p].shape.length && f.shape.every((d, i) => d === other.facts[p].shape[i]),
    )
  }

  add(y: Operand): Expr {
    return this.b.op('Add', [this, y])
  }
  sub(y: Operand): Expr {
    return this.b.op('Sub', [this, y])
  }
  mul(y: Operand): Expr {
    return this.b.op('Mul', [this, y])
  }
  div(y: Operand): Expr {
    return this.b.op('Div', [this, y])
  }
  pow(y: Operand): Expr {
    return this.b.op('Pow', [this, y])
  }
  matmul(y: Operand): Expr {
    return this.b.op('MatMul', [this, y])
  }
  neg(): Expr {
    return this.b.op('Neg', [this])
  }
  exp(): Expr {
    return this.b.op('Exp', [this])
  }
  log(): Expr {
    return this.b.op('Log', [this])
  }
  sqrt(): Expr {
    return this.b.op('Sqrt', [this])
  }
  square(): Expr {
    return this.mul(this)
  }
  reciprocal(): Expr {
    return this.b.op('Reciprocal', [this])
  }
  abs(): Expr {
    return this.b.op('Abs', [this])
  }
  sin(): Expr {
    return this.b.op('Sin', [this])
  }
  cos(): Expr {
    return this.b.op('Cos', [this])
  }
  tanh(): Expr {
    return this.b.op('Tanh', [this])
  }
  sigmoid(): Expr {
    return this.b.op('Sigmoid', [this])
  }
  relu(): Expr {
    return this.b.op('Relu', [this])
  }
  /** `x * sigmoid(x)`. */
  silu(): Expr {
    return this.mul(this.sigmoid())
  }
  softmax(axis = -1): Expr {
    return this.b.op('Softmax', [this], { axis })
  }
  logSoftmax(axis = -1): Expr {
    return this.b.op('LogSoftmax', [this], { axis })
  }
  greater(y: Operand): Expr {
    return this.b.op('Greater', [this, y])
  }
  less(y: Operand): Expr {
    return this.b.op('Less', [this, y])
  }
  equal(y: Operand): Expr {
    return this.b.op('Equal', [this, y])
  }
  /** Element-wise choice; this is the boolean condition. */
  where(yes: Operand, no: Operand): Expr {
    const like = [yes, no].find((v): v is Expr => v instanceof Expr)
    const operand = (v: Operand): Operand => (typeof v === 'number' ? this.b.scalar(v, like?.type ?? 'float32') : v)
    return this.b.op('Where', [this, operand(yes), operand(no)])
  }
  cast(type: DataType): Expr {
    if (type === this.type) return this
    return this.b.op('Cast', [this], { to: elementCodes[type] })
  }

  /** Sum over axes (all when left out). */
  sum(axes?: readonly number[], keepdims = false): Expr {
    return reduce(this, 'ReduceSum', axes, keepdims, 13)
  }
  mean(axes?: readonly number[], keepdims = false): Expr {
    return reduce(this, 'ReduceMean', axes, keepdims, 18)
  }
  max(axes?: readonly number[], keepdims = false): Expr {
    return reduce(this, 'ReduceMax', axes, keepdims, 18)
  }

  /** Reshape to sizes; one may be -1. */
  reshape(shape: readonly number[]): Expr {
    return this.b.op('Reshape', [this, this.b.int64(shape)])
  }
  /** Reshape to the shape of another expression, free dimensions included. */
  reshapeLike(like: Expr): Expr {
    if (this.sameShape(like)) return this
    const target = reshapeTarget(this, like)
    return target ? this.reshape(target) : this.b.op('Reshape', [this, like.shapeOf()])
  }
  /** The `Shape` of this tensor as an int64 expression. */
  shapeOf(): Expr {
    return this.b.op('Shape', [this])
  }
  transpose(perm: readonly number[]): Expr {
    if (perm.every((p, i) => p === i)) return this
    return this.b.op('Transpose', [this], { perm })
  }
  /** Swaps the last two axes. */
  get T(): Expr {
    const perm = Array.from({ length: this.rank }, (_, i) => i)
    perm.push(...perm.splice(-2).reverse())
    return this.transpose(perm)
  }
  unsqueeze(axes: readonly number[]): Expr {
    return this.b.opset >= 13
      ? this.b.op('Unsqueeze', [this, this.b.int64(axes)])
      : this.b.op('Unsqueeze', [this], { axes })
  }
  squeeze(axes: readonly number[]): Expr {
    return this.b.opset >= 13
      ? this.b.op('Squeeze', [this, this.b.int64(axes)])
      : this.b.op('Squeeze', [this], { axes })
  }
  /** Broadcasts to the shape of `like`. */
  expandLike(like: Expr): Expr {
    if (this.sameShape(like)) return this
    const target = expandTarget(this, like)
    return this.b.op('Expand', [this, target ? this.b.int64(target) : like.shapeOf()])
  }
  /** Part of an axis, `start <= i < end`. */
  slice(axis: number, start: number, end: number, step = 1): Expr {
    const { b } = this
    return b.op('Slice', [this, b.int64([start]), b.int64([end]), b.int64([axis]), b.int64([step])])
  }
  /** Zeros of this shape. */
  zerosLike(): Expr {
    const fixed = !this.shape.includes(-1)
    if (fixed && sizeOf(this.shape) <= storedZeros) return this.b.constant(tensor(0, this.shape, this.type))
    const shape = fixed ? this.b.int64(this.shape) : this.shapeOf()
    return this.b.op('ConstantOfShape', [shape], { value: tensor([0], [1], this.type) })
  }
  /** Sums over the axes along which `like` was broadcast to this shape. */
  unbroadcast(like: Expr): Expr {
    if (this.sameShape(like)) return this
    const extra = this.rank - like.rank
    const axes: number[] = []
    for (let i = 0; i < this.rank; i++)
      if (i < extra || this.facts.some((f, p) => like.facts[p].shape[i - extra] === 1 && f.shape[i] !== 1)) axes.push(i)
    const summed = axes.length > 0 ? this.sum(axes, true) : this
    return summed.reshapeLike(like)
  }
}

/**
 * A constant target that Reshape may use from `from` to the shape of `to`, whatever the free dimensions are: one of
 * them is -1, others 0 (copied from the same axis). `undefined` where there is none.
 */
export function reshapeTarget(from: Expr, to: Expr): number[] | undefined {
  const target = [...to.shape]
  if (target.includes(0)) return undefined
  const free = target.flatMap((d, i) => (d < 0 ? [i] : []))
  if (free.length <= 1) return target
  const copied = free.filter((i) => to.facts.every((f, p) => from.facts[p].shape[i] === f.shape[i]))
  if (free.length - copied.length > 1) return undefined
  for (const i of copied) target[i] = 0
  return target
}

/**
 * A constant target that Expand may use from `from` to the shape of `to`: a free dimension that the tensor has already
 * is written as 1. `undefined` where one is missing, which needs the run-time shape.
 */
export function expandTarget(from: Expr, to: Expr): number[] | undefined {
  const has = (i: number): boolean =>
    to.facts.every((f, p) => (from.facts[p].shape[i - (to.rank - from.rank)] ?? 1) === f.shape[i])
  return to.shape.every((d, i) => d >= 0 || has(i)) ? to.shape.map((d) => (d < 0 ? 1 : d)) : undefined
}

/** A Reduce op, with its axes as an input from opset `since` on and as an attribute before. */
export function reduce(
  x: Expr,
  op: string,
  axes: readonly number[] | undefined,
  keepdims: boolean,
  since: number,
): Expr {
  const list = axes?.map((a) => (a < 0 ? a + x.rank : a))
  const keep = keepdims ? 1 : 0
  if (list === undefined) return x.b.op(op, [x], { keepdims: keep })
  return x.b.opset >= since
    ? x.b.op(op, [x, x.b.int64(list)], { keepdims: keep })
    : x.b.op(op, [x], { keepdims: keep, axes: list })
}

/** Concatenates along an axis. */
export function concat(parts: readonly Expr[], axis: number): Expr {
  return parts.length === 1 ? parts[0] : parts[0].b.op('Concat', parts, { axis })
}

/** Number of elements of an expression per probe. */
export function countOf(x: Expr): number[] {
  return x.facts.map((f) => sizeOf(f.shape))
}
