import { undecided } from './decided.ts'
import { GraphError } from './errors.ts'
import { Expr } from './expr.ts'
import { inferNode } from './facts.ts'
import type { Attribute, DataType, Dim, Graph, Model, Node, TensorData, Value } from './model.ts'
import { float, floats, int, ints, sizeOf, string, tensor, tensorAttribute } from './model.ts'
import type { Fact } from './op.ts'
import { OpCall } from './op.ts'
import { definitionOf } from './ops/index.ts'
import { prune } from './prune.ts'

export { concat, countOf, Expr, reduce } from './expr.ts'

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

/** An attribute with its ONNX kind, from a plain value and the attribute's name. */
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

// Stand-ins for the free dimensions: two sizes per name, whose gap is a prime of its own and of some width. So what
// depends on a free size (its multiples, quotients, remainders) differs between the two, and between names. They are
// small enough that most tables of positions can be sliced to them.
const standIns = [
  [37, 66],
  [41, 72],
  [43, 80],
  [47, 88],
  [53, 96],
  [59, 106],
  [61, 114],
  [67, 126],
  [71, 132],
  [73, 140],
]

const probeCount = 2

/** Sizes `k N + c` keep their name up to this c; what is further off is rather a product of two free sizes. */
const largestSum = 64

/** No tensor of a sensible graph has more elements. */
const mostElements = 2 ** 40

interface MutableNode {
  name: string
  op: string
  domain: string
  inputs: string[]
  outputs: string[]
  attributes: Readonly<Record<string, Attribute>>
}

/** How a builder writes its graph. */
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
  readonly #constants = new Set<string>()
  readonly #nodeNames = new Set<string>()
  readonly #reserved = new Set<string>()
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

  /** A named constant that may be trained or replaced later (an initialiser). */
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
    this.#constants.add(made.name)
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
    const call = { op, domain, inputs: operands.map((e) => e?.name ?? ''), attributes: typed }
    const found = this.#shared.get(keyOf(call, outputs))
    if (found) return found
    const names = Array.from({ length: outputs }, () => this.fresh(op.toLowerCase()))
    return this.node({ name: names[0], ...call, outputs: names })
  }

  /** Adds a node as it is (used when an existing model is taken in). */
  node(node: Node): readonly Expr[] {
    const call = OpCall.of(node, this.opset)
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.get(name)))
    const definition = definitionOf(node.op, node.domain)
    if (!definition) throw new GraphError(`${call.label}: the operator is not known to this package`)
    const infer = (p: number): readonly Fact[] =>
      inferNode(
        definition,
        inputs.map((e) => e?.facts[p]),
        call,
      )
    let probes: (readonly Fact[])[]
    try {
      // What does not depend on the free dimensions is inferred once.
      const once = inputs.every((e) => e?.facts[0] === e?.facts[1])
      probes = once ? new Array(probeCount).fill(infer(0)) : Array.from({ length: probeCount }, (_, p) => infer(p))
    } catch (error) {
      if (error instanceof GraphError) throw error
      throw new GraphError(`${call.label}: its inputs do not fit the operator (${(error as Error).message})`)
    }
    // Runtimes want the names of nodes to be different; empty ones are allowed.
    const taken = this.#nodeNames.has(node.name)
    const nodeName = taken ? this.fresh(node.name) : node.name
    if (nodeName !== '') this.#nodeNames.add(nodeName)
    const copy = { ...node, name: nodeName, inputs: [...node.inputs], outputs: [...node.outputs] }
    const index = this.#nodes.push(copy) - 1
    const open = undecided(node, inputs)
    const made = node.outputs.map((name, i) => {
      if (name === '') return undefined as unknown as Expr
      if (!probes[0][i]) throw new GraphError(`${call.label}: it has no output ${i}`)
      const expr = this.#define(
        name,
        probes.map((facts) => facts[i]),
        open,
      )
      this.#producers.set(name, index)
      return expr
    })
    const key = keyOf(node, node.outputs.length)
    const random = node.op.startsWith('Random') || node.op === 'Dropout'
    if (!random && !node.outputs.includes('') && !this.#shared.has(key)) this.#shared.set(key, made)
    return made
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
    const call = OpCall.of(node, this.opset)
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

  /** The node that makes an expression; inputs and constants have none. */
  producerOf(expr: Expr): Node | undefined {
    const at = this.#producers.get(expr.name)
    return at === undefined ? undefined : this.#nodes[at]
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
      if (!this.#exprs.has(name) && !this.#reserved.has(name)) return name
    }
  }

  /** Keeps names free for tensors that come later: {@link fresh} does not invent them. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.#reserved.add(name)
  }

  /** Whether a tensor is a constant that was made without a name (so that nobody can ask for it by name). */
  isAnonymous(name: string): boolean {
    return this.#constants.has(name)
  }

  get nodes(): readonly Node[] {
    return this.#nodes
  }

  /** The finished model; nodes and constants that no output needs are left out. */
  build(options: { readonly producer?: string; readonly metadata?: Readonly<Record<string, string>> } = {}): Model {
    if (this.#outputs.length === 0) throw new GraphError('the graph has no output; call output(name, expr) first')
    const graph: Graph = {
      name: this.#name,
      nodes: this.#nodes,
      inputs: [...this.#inputs],
      outputs: [...this.#outputs],
      initializers: this.#initializers,
      values: [],
    }
    return prune({
      opset: this.opset,
      domains: {},
      irVersion: this.opset >= 21 ? 10 : this.opset >= 19 ? 9 : 8,
      producer: options.producer ?? 'espalier',
      metadata: options.metadata ?? {},
      functions: [],
      graph,
    })
  }

  #symbol(name: string): readonly number[] {
    // Names that `dimensions` gave: multiples of a free size (a batch merged with heads) and sums (rows put in front).
    const [, factor, base, sum] = /^(?:(\d+)\*)?(.+?)([+-]\d+)?$/.exec(name) ?? []
    if ((factor || sum) && base && !this.#symbols.has(name)) {
      const derived = this.#symbol(base).map((d) => Number(factor ?? 1) * d + Number(sum ?? 0))
      if (derived.every((d) => d > 1)) return derived
    }
    let sizes = this.#symbols.get(name)
    if (!sizes) {
      sizes = standIns[this.#symbols.size]
      if (!sizes)
        throw new GraphError(`more than ${standIns.length} free dimensions; fix some of them by giving shapes`)
      this.#symbols.set(name, sizes)
    }
    return sizes
  }

  /** Sizes of an expression; a free one by its name, `undefined` where it has none of its own. */
  dimensions(expr: Expr): Dim[] {
    return expr.facts[0].shape.map((d, i) => {
      const other = expr.facts[1].shape[i]
      if (other === d) return d
      let best: { name: string; factor: number; sum: number } | undefined
      for (const [name, [p, q]] of this.#symbols) {
        const factor = (other - d) / (q - p)
        const sum = d - factor * p
        if (!Number.isInteger(factor) || factor < 1 || Math.abs(sum) > largestSum) continue
        if (!best || Math.abs(sum) < Math.abs(best.sum)) best = { name, factor, sum }
      }
      if (!best) return undefined
      const { name, factor, sum } = best
      return `${factor === 1 ? '' : `${factor}*`}${name}${sum === 0 ? '' : sum < 0 ? sum : `+${sum}`}`
    })
  }

  #define(name: string, facts: readonly Fact[], open = false): Expr {
    if (this.#exprs.has(name)) throw new GraphError(`"${name}" is made twice`)
    for (const { shape } of facts) {
      if (shape.some((d) => d < 0)) throw new GraphError(`"${name}" would have shape [${shape}], which is below 0`)
      if (!(sizeOf(shape) <= mostElements))
        throw new GraphError(`"${name}" would have shape [${shape}], which is too large to be meant`)
    }
    const expr = new Expr(this, name, facts, open)
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

/** What makes two nodes the same computation. */
function keyOf(node: Omit<Node, 'name' | 'outputs'>, outputs: number): string {
  return `${node.domain}|${node.op}|${outputs}|${node.inputs}|${JSON.stringify(node.attributes, plain)}`
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, String)
  return value
}
