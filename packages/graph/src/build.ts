import { GraphError } from './errors.ts'
import { inferNode } from './facts.ts'
import type { Attribute, DataType, Dim, Graph, Model, Node, TensorData, Value } from './model.ts'
import { elementCodes, float, floats, int, ints, sizeOf, string, tensor, tensorAttribute, toNumbers } from './model.ts'
import type { Fact } from './op.ts'
import { OpCall } from './op.ts'
import { definitionOf } from './ops/index.ts'

/** An operand: an expression, a number (a scalar of the other operand's type), or a constant. */
export type Operand = Expr | number | TensorData

/** Attributes as plain values; a number becomes an int or a float by the attribute's name in the ONNX standard. */
export type Attributes = Readonly<
  Record<string, Attribute | number | string | readonly number[] | readonly string[] | TensorData | undefined>
>

// Attributes that the standard defines as floats; every other number is an int.
const floatNames = new Set(
  'alpha beta gamma epsilon momentum ratio scale lambd bias low high mean coordinate_scale cubic_coeff_a extrapolation_value value_float size_factor clip spatial_scale norm_coefficient threshold softcap'.split(
    ' ',
  ),
)
const floatsNames = new Set(['scales', 'value_floats', 'roi'])

export function attribute(name: string, value: NonNullable<Attributes[string]>): Attribute {
  if (typeof value === 'number') return floatNames.has(name) ? float(value) : int(value)
  if (typeof value === 'string') return string(value)
  if (Array.isArray(value)) {
    if (value.length > 0 && typeof value[0] === 'string') return { kind: 'strings', value: value as string[] }
    return floatsNames.has(name) ? floats(value as number[]) : ints(value as number[])
  }
  if ('kind' in (value as object)) return value as Attribute
  return tensorAttribute(value as TensorData)
}

// Stand-ins for the free dimensions: two primes per name, so that a size that depends on one differs between the probes.
const primes = [
  [101, 103],
  [107, 109],
  [113, 127],
  [131, 137],
  [139, 149],
  [151, 157],
  [163, 167],
  [173, 179],
  [181, 191],
  [193, 197],
]

export const probeCount = 2

interface MutableNode {
  name: string
  op: string
  domain: string
  inputs: string[]
  outputs: string[]
  attributes: Readonly<Record<string, Attribute>>
}

export interface BuilderOptions {
  /** Target version of the standard operator set. Default 18. */
  readonly opset?: number
  readonly name?: string
  /** Set before every name that the builder invents. Default `''`. */
  readonly prefix?: string
}

/**
 * Writes an ONNX graph like formulas:
 *
 * ```ts
 * const b = new GraphBuilder()
 * const x = b.input('x', ['N', 784])
 * const h = x.matmul(b.parameter('w', w)).add(b.parameter('b', bias)).relu()
 * b.output('y', h)
 * const model = b.build()
 * ```
 *
 * Shapes are inferred and checked at every step. Equal calls (same operator, attributes, inputs) are emitted once.
 */
export class GraphBuilder {
  readonly opset: number
  readonly #name: string
  readonly #prefix: string
  readonly #nodes: MutableNode[] = []
  readonly #inputs: Value[] = []
  readonly #outputs: Value[] = []
  readonly #initializers = new Map<string, TensorData>()
  readonly #exprs = new Map<string, Expr>()
  readonly #producers = new Map<string, number>()
  readonly #symbols = new Map<string, readonly number[]>()
  readonly #shared = new Map<string, readonly Expr[]>()
  #counter = 0

  constructor(options: BuilderOptions = {}) {
    this.opset = options.opset ?? 18
    this.#name = options.name ?? 'graph'
    this.#prefix = options.prefix ?? ''
  }

  /** Declares a graph input. A string dimension is free and may be shared by name between inputs. */
  input(name: string, shape: readonly Dim[], type: DataType = 'float32'): Expr {
    this.#inputs.push({ name, type, shape })
    const sizes = shape.map((d, i) => (typeof d === 'number' ? [d, d] : this.#symbol(d ?? `${name}_${i}`)))
    return this.#define(
      name,
      Array.from({ length: probeCount }, (_, p) => ({ type, shape: sizes.map((s) => s[p]) })),
    )
  }

  /** Declares an input that has the type and the shape of an expression, free sizes included. */
  inputLike(name: string, like: Expr): Expr {
    this.#inputs.push({ name, type: like.type, shape: like.dims })
    return this.#define(
      name,
      like.facts.map(({ type, shape }) => ({ type, shape })),
    )
  }

  /** A named trainable constant (an initialiser). */
  parameter(name: string, value: TensorData): Expr {
    this.#initializers.set(name, value)
    return this.#define(name, new Array<Fact>(probeCount).fill({ type: value.type, shape: value.shape, value }))
  }

  /** An anonymous constant; small equal ones are stored once. */
  constant(value: TensorData): Expr {
    const small = value.data.length <= 64
    const key = small
      ? `constant|${value.type}|${value.shape}|${Array.from(value.data as ArrayLike<unknown>, String)}`
      : ''
    const found = small ? this.#shared.get(key) : undefined
    if (found) return found[0]
    const made = this.parameter(this.fresh('constant'), value)
    if (small) this.#shared.set(key, [made])
    return made
  }

  /** A scalar constant. */
  scalar(value: number, type: DataType = 'float32'): Expr {
    return this.constant(tensor(value, [], type))
  }

  /** A list of int64 numbers, as shapes, axes and indices want it. */
  int64(values: readonly number[]): Expr {
    return this.constant(tensor(values, [values.length], 'int64'))
  }

  /** Calls an operator with one output. */
  op(op: string, inputs: readonly (Operand | undefined)[], attributes: Attributes = {}): Expr {
    return this.call(op, inputs, attributes, 1)[0]
  }

  /** Calls an operator; returns its first `outputs` outputs. */
  call(
    op: string,
    inputs: readonly (Operand | undefined)[],
    attributes: Attributes = {},
    outputs = 1,
    domain = '',
  ): readonly Expr[] {
    const operands = this.#operands(inputs)
    const typed: Record<string, Attribute> = {}
    for (const [name, value] of Object.entries(attributes))
      if (value !== undefined) typed[name] = attribute(name, value)
    const key = `${domain}|${op}|${outputs}|${operands.map((e) => e?.name ?? '')}|${JSON.stringify(typed, keyOf)}`
    const found = this.#shared.get(key)
    if (found) return found
    const names = Array.from({ length: outputs }, () => this.fresh(op.toLowerCase()))
    const made = this.node({
      name: names[0],
      op,
      domain,
      inputs: operands.map((e) => e?.name ?? ''),
      outputs: names,
      attributes: typed,
    })
    if (!op.startsWith('Random') && op !== 'Dropout') this.#shared.set(key, made)
    return made
  }

  /** Adds a node as it is (used when an existing model is taken in). */
  node(node: Node): readonly Expr[] {
    const call = new OpCall(
      node.op,
      node.domain,
      this.opset,
      node.attributes,
      node.outputs.length,
      `${node.op} "${node.name || node.outputs[0]}"`,
    )
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.get(name)))
    const definition = definitionOf(node.op, node.domain)
    if (!definition) throw new GraphError(`${call.label}: the operator is not known to this package`)
    const probes = Array.from({ length: probeCount }, (_, p) =>
      inferNode(
        definition,
        inputs.map((e) => e?.facts[p]),
        call,
      ),
    )
    const index = this.#nodes.push({ ...node, inputs: [...node.inputs], outputs: [...node.outputs] }) - 1
    return node.outputs.map((name, i) => {
      if (name === '') return undefined as unknown as Expr
      if (!probes[0][i]) throw new GraphError(`${call.label}: it has no output ${i}`)
      const made = this.#define(
        name,
        probes.map((facts) => facts[i]),
      )
      this.#producers.set(name, index)
      return made
    })
  }

  /** Names output i of the node that made `expr` (it may have been left out) and returns it. */
  extraOutput(expr: Expr, i: number): Expr {
    const at = this.#producers.get(expr.name)
    if (at === undefined) throw new GraphError(`"${expr.name}" is not the output of a node`)
    const node = this.#nodes[at]
    const had = node.outputs[i]
    if (had) return this.get(had)
    while (node.outputs.length < i) node.outputs.push('')
    const name = this.fresh(`${node.op.toLowerCase()}_extra`)
    node.outputs[i] = name
    const call = new OpCall(
      node.op,
      node.domain,
      this.opset,
      node.attributes,
      node.outputs.length,
      `${node.op} "${node.name}"`,
    )
    const definition = definitionOf(node.op, node.domain)
    const facts = Array.from(
      { length: probeCount },
      (_, p) =>
        definition!.infer(
          node.inputs.map((n) => (n ? this.get(n).facts[p] : undefined)),
          call,
        )[i],
    )
    this.#producers.set(name, at)
    return this.#define(name, facts)
  }

  /** The expression of a name. @throws GraphError when there is none */
  get(name: string): Expr {
    const found = this.#exprs.get(name)
    if (!found) throw new GraphError(`"${name}" is used but nothing makes it before`)
    return found
  }

  has(name: string): boolean {
    return this.#exprs.has(name)
  }

  /** Declares an output; an Identity is added where the name differs from the expression's. */
  output(name: string, expr: Expr): void {
    if (this.#outputs.some((o) => o.name === name)) throw new GraphError(`output "${name}" is declared twice`)
    const made =
      expr.name === name
        ? expr
        : this.node({ name, op: 'Identity', domain: '', inputs: [expr.name], outputs: [name], attributes: {} })[0]
    this.#outputs.push({ name, type: made.type, shape: made.dims })
  }

  /** A name that nothing has yet. */
  fresh(stem: string): string {
    for (;;) {
      const name = `${this.#prefix}${stem}_${this.#counter++}`
      if (!this.#exprs.has(name)) return name
    }
  }

  get nodes(): readonly Node[] {
    return this.#nodes
  }

  /** The finished model; nodes and constants that no output needs are left out. */
  build(options: { readonly producer?: string; readonly metadata?: Readonly<Record<string, string>> } = {}): Model {
    if (this.#outputs.length === 0) throw new GraphError('the graph has no output; call output(name, expr) first')
    const needed = new Set(this.#outputs.map((o) => o.name))
    const nodes: Node[] = []
    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      const node = this.#nodes[i]
      if (!node.outputs.some((name) => needed.has(name))) continue
      for (const name of node.inputs) if (name) needed.add(name)
      nodes.push(node)
    }
    const graph: Graph = {
      name: this.#name,
      nodes: nodes.reverse(),
      inputs: this.#inputs,
      outputs: this.#outputs,
      initializers: new Map([...this.#initializers].filter(([name]) => needed.has(name))),
      values: [],
    }
    return {
      opset: this.opset,
      domains: {},
      irVersion: this.opset >= 21 ? 10 : this.opset >= 19 ? 9 : 8,
      producer: options.producer ?? 'espalier',
      metadata: options.metadata ?? {},
      functions: [],
      graph,
    }
  }

  #symbol(name: string): readonly number[] {
    let sizes = this.#symbols.get(name)
    if (!sizes) {
      sizes = primes[this.#symbols.size]
      if (!sizes) throw new GraphError(`more than ${primes.length} free dimensions; fix some of them by giving shapes`)
      this.#symbols.set(name, sizes)
    }
    return sizes
  }

  /** Sizes of an expression; a free one by its name, `undefined` where it has none of its own. */
  dimensions(expr: Expr): Dim[] {
    return expr.facts[0].shape.map((d, i) => {
      const other = expr.facts[1].shape[i]
      if (other === d) return d
      for (const [name, sizes] of this.#symbols) if (sizes[0] === d && sizes[1] === other) return name
      return undefined
    })
  }

  #define(name: string, facts: readonly Fact[]): Expr {
    if (this.#exprs.has(name)) throw new GraphError(`"${name}" is made twice`)
    const expr = new Expr(this, name, facts)
    this.#exprs.set(name, expr)
    return expr
  }

  #operands(inputs: readonly (Operand | undefined)[]): (Expr | undefined)[] {
    const first = inputs.find((x): x is Expr => x instanceof Expr)
    return inputs.map((x) => {
      if (x === undefined || x instanceof Expr) return x
      return typeof x === 'number' ? this.scalar(x, first?.type ?? 'float32') : this.constant(x)
    })
  }
}

function keyOf(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, String)
  return value
}

/** A tensor in a graph under construction: a name, a type, and what is known of its shape. */
export class Expr {
  readonly b: GraphBuilder
  readonly name: string
  /** One fact per probe of the free dimensions. */
  readonly facts: readonly Fact[]

  constructor(b: GraphBuilder, name: string, facts: readonly Fact[]) {
    this.b = b
    this.name = name
    this.facts = facts
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
      throw new GraphError(`"${this.name}" has no fixed size on axis ${axis}: shape [${this.shape}]`)
    return d
  }
  /** The value, where it depends on neither data nor free dimensions. */
  get value(): TensorData | undefined {
    const [a, b] = this.facts
    if (!a.value || !b.value || a.value.type === 'string') return undefined
    if (a.value === b.value) return a.value
    if (String(a.shape) !== String(b.shape)) return undefined
    const [p, q] = [toNumbers(a.value), toNumbers(b.value)]
    return p.every((v, i) => Object.is(v, q[i])) ? a.value : undefined
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
    const shape = like.shape
    if (shape.filter((d) => d < 0).length <= 1 && !shape.includes(0)) return this.reshape(shape)
    return this.b.op('Reshape', [this, like.shapeOf()])
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
    // A free dimension that this tensor has already may be written as 1; one that it lacks needs the run-time shape.
    const at = (p: number, i: number): number => this.facts[p].shape[i - (like.rank - this.rank)] ?? 1
    const free = like.shape.some((d, i) => d < 0 && at(0, i) !== like.facts[0].shape[i])
    const target = free ? like.shapeOf() : this.b.int64(like.shape.map((d) => (d < 0 ? 1 : d)))
    return this.b.op('Expand', [this, target])
  }
  /** Part of an axis, `start <= i < end`. */
  slice(axis: number, start: number, end: number, step = 1): Expr {
    const { b } = this
    return b.op('Slice', [this, b.int64([start]), b.int64([end]), b.int64([axis]), b.int64([step])])
  }
  /** Zeros of this shape. */
  zerosLike(): Expr {
    if (!this.shape.includes(-1)) return this.b.constant(tensor(0, this.shape, this.type))
    return this.b.op('ConstantOfShape', [this.shapeOf()], { value: tensor([0], [1], this.type) })
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
