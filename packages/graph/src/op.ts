import type { Expr, GraphBuilder } from './build.ts'
import { GraphError } from './errors.ts'
import type { Attribute, DataType, Graph, Node, TensorData } from './model.ts'

/**
 * What is known of a tensor without running the graph, under one assignment of sizes to the free dimensions.
 * `value` is present exactly when the tensor depends on constants and on shapes alone.
 */
export interface Fact {
  readonly type: DataType
  readonly shape: readonly number[]
  readonly value?: TensorData
}

/** A dense float64 array: the numbers of the reference interpreter, whatever the element type is. */
export interface NdArray {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/** How errors call a node: operator and name (or what it makes). */
export const labelOf = (node: Node): string => `${node.op} "${node.name || node.outputs.find((o) => o) || ''}"`

/** One use of an operator: its attributes with their defaults, its target opset. */
export class OpCall {
  readonly op: string
  readonly domain: string
  readonly opset: number
  readonly attributes: Readonly<Record<string, Attribute>>
  /** Number of outputs that the node names. */
  readonly outputs: number
  /** How errors call this node. */
  readonly label: string

  constructor(
    op: string,
    domain: string,
    opset: number,
    attributes: Readonly<Record<string, Attribute>>,
    outputs: number,
    label: string,
  ) {
    this.op = op
    this.domain = domain
    this.opset = opset
    this.attributes = attributes
    this.outputs = outputs
    this.label = label
  }

  /** A node of a graph in this version of the operator set. */
  static of(node: Node, opset: number): OpCall {
    return new OpCall(node.op, node.domain, opset, node.attributes, node.outputs.length, labelOf(node))
  }

  has(name: string): boolean {
    return name in this.attributes
  }
  int(name: string, fallback?: number): number {
    return this.#get(name, 'int', fallback)
  }
  float(name: string, fallback?: number): number {
    return this.#get(name, 'float', fallback)
  }
  string(name: string, fallback?: string): string {
    return this.#get(name, 'string', fallback)
  }
  ints(name: string, fallback?: readonly number[]): readonly number[] {
    return this.#get(name, 'ints', fallback)
  }
  floats(name: string, fallback?: readonly number[]): readonly number[] {
    return this.#get(name, 'floats', fallback)
  }
  tensor(name: string): TensorData {
    return this.#get<TensorData>(name, 'tensor')
  }
  graph(name: string): Graph {
    return this.#get<Graph>(name, 'graph')
  }
  fail(message: string): never {
    throw new GraphError(`${this.label}: ${message}`)
  }

  #get<T>(name: string, kind: Attribute['kind'], fallback?: T): T {
    const found = this.attributes[name]
    if (found === undefined) {
      if (fallback === undefined) this.fail(`attribute "${name}" is missing`)
      return fallback
    }
    if (found.kind !== kind) this.fail(`attribute "${name}" is of kind ${found.kind}, expected ${kind}`)
    return found.value as T
  }
}

/** What a gradient rule sees of one forward node. */
export interface Backward {
  readonly call: OpCall
  readonly b: GraphBuilder
  /** Forward inputs; an omitted optional input is `undefined`. */
  readonly x: readonly Expr[]
  /** Forward outputs. */
  readonly y: readonly Expr[]
  /** Cotangents of the outputs; `undefined` where nothing flows back. */
  readonly g: readonly (Expr | undefined)[]
  /** Cotangent of output 0, which is present for ops of one differentiable output. */
  readonly g0: Expr
  /** Whether a gradient for input i is wanted. */
  needs(i: number): boolean
  /** Names one more output of the forward node (such as the `Indices` of MaxPool) and returns it. */
  extraOutput(i: number): Expr
}

/** Gradients per input; `undefined` means none. Entries of inputs that are not needed are ignored. */
export type Rule = (context: Backward) => readonly (Expr | undefined)[]

/** One ONNX operator: its shapes, its mathematics, its derivative. */
export interface OpDefinition {
  /** Types and shapes of the outputs. Throws {@link GraphError} on inputs that do not fit. */
  infer(inputs: readonly (Fact | undefined)[], call: OpCall): readonly Fact[]
  /**
   * Reference mathematics in float64. `outputs` are the inferred facts.
   * Integer and boolean tensors hold their numbers; integer division truncates.
   */
  evaluate?(
    inputs: readonly (NdArray | undefined)[],
    call: OpCall,
    outputs: readonly Fact[],
    facts: readonly (Fact | undefined)[],
  ): readonly NdArray[]
  /** The reverse rule; `'zero'` where the derivative vanishes almost everywhere; absent: not differentiable here. */
  vjp?: Rule | 'zero'
}

export type OpTable = Readonly<Record<string, OpDefinition>>
