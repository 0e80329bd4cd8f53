/** Takes models into a builder in one normal form, whatever wrote them. */
import type { Expr } from './build.ts'
import { GraphBuilder } from './build.ts'
import { GraphError } from './errors.ts'
import type { Attribute, Dim, FunctionDefinition, Graph, Model, Node } from './model.ts'
import { toNumbers } from './model.ts'
import { labelOf } from './op.ts'
import { specialise } from './specialise.ts'
import { nearest, remedyFor } from './standard.ts'
import { oldestOpset, upgradeNode } from './upgrade.ts'
import { functionKey, functionsOf, validate } from './validate.ts'

/** Sizes of inputs, by name: a number fixes a dimension, a string leaves it free under that name. */
export type Shapes = Readonly<Record<string, readonly (number | string)[]>>

/** How to rewrite a model. */
export interface NormalizeOptions {
  /** Sizes of inputs where the model leaves dimensions free that must be fixed, or states no shape. */
  readonly shapes?: Shapes
  /** The operator set to write the model in, 17 or more and not below the model's own. Default: the least possible. */
  readonly opset?: number
}

/** The operator set in which a model is differentiated: its own, or 17 for older ones (Scatter with a sum needs 16). */
export const workingOpset = (model: Model, wanted = 17): number => Math.max(17, wanted, model.opset)

/**
 * Rewrites a model into its normal form: functions and decided branches are written out, operator sets below 17 are
 * raised to 17, Identity nodes are dropped, and what follows from constants and shapes alone is computed. Outputs,
 * inputs and initialisers keep their names.
 *
 * @throws GraphError where the model is not valid, or has control flow that depends on data
 */
export function normalize(model: Model, options: NormalizeOptions = {}): Model {
  const b = importModel(model, options.shapes, workingOpset(model, options.opset))
  for (const { name } of model.graph.outputs) b.output(name, b.get(name))
  const made = b.build({ producer: model.producer, metadata: model.metadata })
  return specialise(b, { ...made, irVersion: Math.max(model.irVersion, made.irVersion) })
}

/**
 * Takes an existing model into a builder of its own, in normal form, inferring every shape on the way. Its tensors are
 * found by their names with `get`, except those of dropped Identity nodes that are no outputs.
 *
 * @param keep tensors that stay although they are the output of an Identity
 */
export function importModel(
  model: Model,
  shapes: Shapes = {},
  opset: number = workingOpset(model),
  keep: Iterable<string> = [],
): GraphBuilder {
  const checked = validate(model)
  const { graph } = checked
  const b = new GraphBuilder({ opset, name: graph.name })
  const names = [
    ...graph.inputs.map((v) => v.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((n) => n.outputs),
  ]
  b.reserve(names)
  checkShapes(graph, shapes)
  for (const input of graph.inputs) {
    const shape = shapes[input.name] ?? input.shape
    if (!input.type) throw new GraphError(`input "${input.name}" has no tensor type that can be held; remove it`)
    if (!shape)
      throw new GraphError(
        `input "${input.name}" states no shape; give it, such as \`shapes: { ${JSON.stringify(input.name)}: ['N', 3, 224, 224] }\``,
      )
    b.input(input.name, shape, input.type)
  }
  const importer = new Importer(b, checked, new Set([...keep, ...graph.outputs.map((v) => v.name)]))
  const scope = importer.scope(new Map(graph.inputs.map((v) => [v.name, v.name])), (name) => name)
  importer.graph(graph, scope)
  return b
}

function checkShapes({ inputs }: Graph, shapes: Shapes): void {
  for (const [name, shape] of Object.entries(shapes)) {
    const input = inputs.find((v) => v.name === name)
    if (!input) {
      const near = nearest(
        name,
        inputs.map((v) => v.name),
      )
      throw new GraphError(
        `\`shapes\` names "${name}", which is no input (${near ? `did you mean "${near}"?` : `inputs are: ${inputs.map((v) => v.name).join(', ')}`})`,
      )
    }
    const fits = (stated: Dim, i: number): boolean => typeof stated !== 'number' || stated === shape[i]
    if (input.shape && (input.shape.length !== shape.length || !input.shape.every(fits)))
      throw new GraphError(
        `\`shapes\` gives [${shape.join(', ')}] for input "${name}", whose shape is [${input.shape.map((d) => d ?? '?').join(', ')}]`,
      )
  }
}

/** The tensors that a piece of a model sees, with their names in the builder. */
interface Scope {
  readonly names: Map<string, string>
  readonly parent?: Scope
  readonly opset: number
  /** Name in the builder of a tensor that is made in this scope; asked twice, it answers the same. */
  readonly name: (tensor: string) => string
  /** Inside a function: the attributes of the node that calls it. */
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** Writes the nodes of a (validated) model into a builder. */
export class Importer {
  readonly #b: GraphBuilder
  readonly #model: Model
  readonly #functions: ReadonlyMap<string, FunctionDefinition>
  readonly #keep: ReadonlySet<string>

  /** @throws GraphError when the builder's operator set is older than the model's, or the model's is too old */
  constructor(b: GraphBuilder, model: Model, keep: ReadonlySet<string>) {
    if (model.opset < oldestOpset)
      throw new GraphError(
        `the model is written in operator set ${model.opset}; ${oldestOpset} is the oldest that is understood, export it again`,
      )
    if (b.opset < Math.max(model.opset, 17))
      throw new GraphError(
        `the builder writes operator set ${b.opset}, the model needs ${Math.max(model.opset, 17)}; make it with \`new GraphBuilder({ opset: ${Math.max(model.opset, 17)} })\``,
      )
    this.#b = b
    this.#model = model
    this.#functions = functionsOf(model)
    this.#keep = keep
  }

  /** The outermost scope. */
  scope(names: Map<string, string>, name: Scope['name']): Scope {
    return { names, name: remember(name), opset: this.#model.opset }
  }

  /** Adds initialisers (those that are not given already) and nodes. */
  graph(graph: Graph, scope: Scope): void {
    for (const [name, value] of graph.initializers)
      if (!scope.names.has(name)) scope.names.set(name, this.#b.parameter(scope.name(name), value).name)
    for (const node of graph.nodes) this.#node(node, scope)
  }

  /** The builder's expression of a tensor of the scope. */
  get(scope: Scope, name: string): Expr {
    for (let s: Scope | undefined = scope; s; s = s.parent) {
      const found = s.names.get(name)
      if (found !== undefined) return this.#b.get(found)
    }
    throw new GraphError(`"${name}" is used but nothing makes it`)
  }

  #node(raw: Node, scope: Scope): void {
    const node = bound(raw, scope.attributes)
    const called = this.#functions.get(functionKey({ domain: node.domain, name: node.op }))
    if (called) this.#call(node, called, scope)
    else if (node.domain === '' && node.op === 'If') this.#branch(node, scope)
    else if (node.domain === '' && node.op === 'Identity')
      this.#alias(node.outputs[0], this.get(scope, node.inputs[0]), scope)
    else this.#plain(node, scope)
  }

  #plain(node: Node, scope: Scope): void {
    const b = this.#b
    const resolved: Node = {
      ...node,
      inputs: node.inputs.map((name) => (name === '' ? '' : this.get(scope, name).name)),
      outputs: node.outputs.map((name) => {
        if (name === '') return ''
        const made = scope.name(name)
        scope.names.set(name, made)
        return made
      }),
    }
    const label = labelOf(node)
    const upgraded = upgradeNode(resolved, scope.opset, b.opset, {
      type: (name) => b.get(name).type,
      shape: (name) => b.get(name).facts[0].shape,
      constant: (value) => b.constant(value).name,
      fresh: (stem) => b.fresh(stem),
      fail: (message) => {
        throw new GraphError(`${label}: ${message}`)
      },
    })
    for (const n of upgraded) b.node(n)
  }

  /** Gives an existing tensor another name; a node is made only where that name must exist. */
  #alias(name: string, expr: Expr, scope: Scope): void {
    if (!scope.parent && !scope.attributes && this.#keep.has(name)) {
      const outputs = [scope.name(name)]
      this.#b.node({ name: outputs[0], op: 'Identity', domain: '', inputs: [expr.name], outputs, attributes: {} })
      scope.names.set(name, outputs[0])
    } else scope.names.set(name, expr.name)
  }

  #call(node: Node, f: FunctionDefinition, scope: Scope): void {
    const names = new Map<string, string>()
    f.inputs.forEach((name, i) => {
      // An optional input that the call leaves out is omitted inside as well.
      names.set(name, node.inputs[i] ? this.get(scope, node.inputs[i]).name : '')
    })
    const nodes = f.nodes.map((n) => ({ ...n, inputs: n.inputs.map((name) => (names.get(name) === '' ? '' : name)) }))
    const opset = f.opsets[''] ?? scope.opset
    const attributes = { ...f.defaults, ...node.attributes }
    this.#inline(node.outputs, scope, nodes, f.outputs, { names, opset, attributes })
  }

  #branch(node: Node, scope: Scope): void {
    const decision = this.get(scope, node.inputs[0])
    const condition = decision.value
    if (!condition)
      throw new GraphError(
        decision.undecided || decision.varies
          ? `${labelOf(node)}: which branch is taken depends on a size that is free; fix that size with \`shapes\``
          : `${labelOf(node)}: the operator is not supported; ${remedyFor('If', '')}`,
      )
    const name = toNumbers(condition)[0] ? 'then_branch' : 'else_branch'
    const branch = node.attributes[name]
    if (branch?.kind !== 'graph') throw new GraphError(`${labelOf(node)}: attribute "${name}" is missing`)
    const { nodes, outputs, initializers } = branch.value
    const names = new Map<string, string>()
    for (const [key, value] of initializers) names.set(key, this.#b.parameter(this.#b.fresh(key), value).name)
    const inner = { names, parent: scope, opset: scope.opset, attributes: scope.attributes }
    this.#inline(
      node.outputs,
      scope,
      nodes,
      outputs.map((v) => v.name),
      inner,
    )
  }

  /** Writes nodes of an inner scope out in the place of a node with these outputs. */
  #inline(
    outputs: readonly string[],
    scope: Scope,
    nodes: readonly Node[],
    innerOutputs: readonly string[],
    inner: Omit<Scope, 'name'>,
  ): void {
    const made = new Set(nodes.flatMap((n) => n.outputs))
    const wanted = new Map<string, string>()
    outputs.forEach((name, i) => {
      const source = innerOutputs[i]
      if (name !== '' && made.has(source) && !wanted.has(source)) wanted.set(source, scope.name(name))
    })
    const full: Scope = { ...inner, name: remember((tensor) => wanted.get(tensor) ?? this.#b.fresh(tensor)) }
    for (const node of nodes) this.#node(node, full)
    outputs.forEach((name, i) => {
      if (name === '') return
      const expr = this.get(full, innerOutputs[i])
      if (expr.name === scope.name(name)) scope.names.set(name, expr.name)
      else this.#alias(name, expr, scope)
    })
  }
}

function remember(name: (tensor: string) => string): (tensor: string) => string {
  const known = new Map<string, string>()
  return (tensor) => {
    const found = known.get(tensor) ?? name(tensor)
    known.set(tensor, found)
    return found
  }
}

/** A node of a function's body with the attributes of the call in place of its references. */
function bound(node: Node, given: Readonly<Record<string, Attribute>> | undefined): Node {
  const entries = Object.entries(node.attributes)
  if (!entries.some(([, a]) => a.kind === 'reference')) return node
  const attributes = entries.flatMap(([name, a]) => {
    if (a.kind !== 'reference') return [[name, a] as const]
    const value = given && Object.hasOwn(given, a.value) ? given[a.value] : undefined
    return value ? [[name, value] as const] : []
  })
  return { ...node, attributes: Object.fromEntries(attributes) }
}
