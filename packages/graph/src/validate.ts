import { GraphError } from './errors.ts'
import type { FunctionDefinition, Graph, Model, Node } from './model.ts'
import { allocate, sizeOf } from './model.ts'
import { labelOf } from './op.ts'
import { definitionOf, operators } from './ops/index.ts'
import { usedBy } from './prune.ts'
import { nearest, remedyFor, standardOperators } from './standard.ts'

/** The key under which a node finds the function that defines it. */
export const functionKey = (f: { readonly domain: string; readonly name: string }): string =>
  `${f.domain === 'ai.onnx' ? '' : f.domain}:${f.name}`

/** Model-local functions by {@link functionKey}. */
export function functionsOf(model: Model): ReadonlyMap<string, FunctionDefinition> {
  return new Map(model.functions.map((f) => [functionKey(f), f]))
}

/**
 * Checks that a model makes sense before anything is computed with it: every tensor is made once and before it is
 * used, every output is made, and every operator is known here or defined by a function of the model.
 *
 * @returns the model; nodes that were only in the wrong order are sorted, everything else is as it was
 * @throws GraphError with one line that names the node or tensor and says what to do
 */
export function validate(model: Model): Model {
  return checked(model, true)
}

/** {@link validate} without a look at the operators: what holds for a graph that is only taken apart. */
export function wellFormed(model: Model): Model {
  return checked(model, false)
}

function checked(model: Model, operators: boolean): Model {
  const check = new Checker(model, functionsOf(model), operators)
  const ordered = model.functions.map((f) => check.function(f))
  check.recursion()
  return { ...model, functions: ordered, graph: check.graph(model.graph, new Set(), 'the graph') }
}

class Checker {
  readonly model: Model
  readonly functions: ReadonlyMap<string, FunctionDefinition>

  readonly operators: boolean

  constructor(model: Model, functions: ReadonlyMap<string, FunctionDefinition>, operators: boolean) {
    this.model = model
    this.functions = functions
    this.operators = operators
  }

  /** Checks a graph whose nodes may also use the tensors `outer`; returns it with its nodes in order. */
  graph(graph: Graph, outer: ReadonlySet<string>, place: string): Graph {
    const made = new Map<string, string>()
    const make = (name: string, by: string): void => {
      const before = made.get(name)
      if (before) throw new GraphError(`tensor "${name}" is made twice: ${before} and ${by}; rename one of them`)
      made.set(name, by)
    }
    for (const input of graph.inputs) {
      if (input.name === '') throw new GraphError(`an input of ${place} has no name`)
      make(input.name, 'as an input')
    }
    for (const [name, value] of graph.initializers) {
      make(name, 'as an initialiser')
      const kind = allocate(value.type, 0).constructor
      if (value.data.length !== sizeOf(value.shape) || value.data.constructor !== kind)
        throw new GraphError(
          `initialiser "${name}" of type ${value.type} and shape [${value.shape}] holds ${value.data.length} elements in a ${value.data.constructor.name}; expected ${sizeOf(value.shape)} in a ${kind.name}`,
        )
    }
    for (const node of graph.nodes) {
      if (!node.outputs.some((name) => name !== '')) throw new GraphError(`${labelOf(node)} makes no output`)
      for (const name of node.outputs) if (name !== '') make(name, `by ${labelOf(node)}`)
    }
    const known = new Set([...outer, ...made.keys()])
    for (const node of graph.nodes) {
      for (const name of node.inputs) if (name !== '' && !known.has(name)) this.#missing(labelOf(node), name, known)
      this.operator(node, this.model.domains)
    }
    const outputs = new Set<string>()
    for (const { name } of graph.outputs) {
      if (outputs.has(name)) throw new GraphError(`output "${name}" is listed twice`)
      outputs.add(name)
      if (!known.has(name)) this.#missing(`the list of outputs of ${place}`, name, known)
    }
    const nodes = sorted(graph.nodes)
    return { ...graph, nodes: nodes.map((node) => this.#branches(node, known)) }
  }

  /** Checks the graphs inside a node, which may use the tensors around it. */
  #branches(node: Node, known: ReadonlySet<string>): Node {
    const entries = Object.entries(node.attributes)
    if (!entries.some(([, a]) => a.kind === 'graph' || a.kind === 'graphs')) return node
    const attributes = entries.map(([name, a]) => {
      const place = `"${name}" of ${labelOf(node)}`
      if (a.kind === 'graph') return [name, { ...a, value: this.graph(a.value, known, place) }] as const
      if (a.kind === 'graphs') return [name, { ...a, value: a.value.map((g) => this.graph(g, known, place)) }] as const
      return [name, a] as const
    })
    return { ...node, attributes: Object.fromEntries(attributes) }
  }

  /** Checks the body of a model-local function; returns it with its nodes in order. */
  function(f: FunctionDefinition): FunctionDefinition {
    const known = new Set(f.inputs)
    for (const node of f.nodes) {
      for (const name of node.outputs) if (name !== '') known.add(name)
    }
    const place = `function ${f.domain ? `${f.domain}.` : ''}${f.name}`
    for (const node of f.nodes) {
      for (const name of node.inputs)
        if (name !== '' && !known.has(name)) this.#missing(`${labelOf(node)} in ${place}`, name, known)
      this.operator(node, { ...this.model.domains, ...f.opsets })
    }
    for (const name of f.outputs) if (!known.has(name)) this.#missing(`the list of outputs of ${place}`, name, known)
    return { ...f, nodes: sorted(f.nodes) }
  }

  /** Functions that call each other in a circle cannot be written out. */
  recursion(): void {
    const state = new Map<string, 'open' | 'done'>()
    const visit = (key: string): void => {
      if (state.get(key) === 'done') return
      if (state.get(key) === 'open')
        throw new GraphError(`function ${key.replace(':', '.').replace(/^\./, '')} calls itself`)
      state.set(key, 'open')
      for (const node of this.functions.get(key)?.nodes ?? []) {
        const called = functionKey({ domain: node.domain, name: node.op })
        if (this.functions.has(called)) visit(called)
      }
      state.set(key, 'done')
    }
    for (const key of this.functions.keys()) visit(key)
  }

  /** Names an operator that is defined nowhere. */
  operator(node: Node, domains: Readonly<Record<string, number>>): void {
    if (!this.operators) return
    const { op, domain } = node
    const called = this.functions.get(functionKey({ domain, name: op }))
    if (called) {
      if (node.inputs.length > called.inputs.length || node.outputs.length > called.outputs.length)
        throw new GraphError(
          `${labelOf(node)}: function ${op} has ${called.inputs.length} inputs and ${called.outputs.length} outputs, the node gives ${node.inputs.length} and wants ${node.outputs.length}`,
        )
      return
    }
    if (definitionOf(op, domain) || (domain === '' && op === 'If')) return
    if (domain !== '' && !(domain in domains))
      throw new GraphError(
        `${labelOf(node)}: its domain "${domain}" is not among the operator sets of the model (${['ai.onnx', ...Object.keys(domains)].join(', ')}); export the model again`,
      )
    if (domain !== '')
      throw new GraphError(
        `${labelOf(node)}: operators of domain "${domain}" are not supported; ${remedyFor(op, domain)}`,
      )
    if (standardOperators.has(op))
      throw new GraphError(`${labelOf(node)}: the operator is not supported; ${remedyFor(op, domain)}`)
    const near = nearest(op, [...standardOperators, ...Object.keys(operators)])
    throw new GraphError(
      `${labelOf(node)}: "${op}" is no operator of the ONNX standard${near ? `; did you mean ${near}?` : ''}`,
    )
  }

  #missing(who: string, name: string, known: Iterable<string>): never {
    const near = nearest(name, known)
    throw new GraphError(`${who} uses "${name}", which nothing makes${near ? `; did you mean "${near}"?` : ''}`)
  }
}

/** The nodes in an order in which everything is made before it is used; the given order where it is one. */
function sorted(nodes: readonly Node[]): readonly Node[] {
  const producer = new Map<string, number>()
  nodes.forEach((node, i) => {
    for (const name of node.outputs) if (name !== '') producer.set(name, i)
  })
  const needs = nodes.map((node) => {
    const found = new Set<number>()
    for (const name of usedBy(node)) {
      const at = producer.get(name)
      if (at !== undefined) found.add(at)
    }
    return [...found]
  })
  if (needs.every((list, i) => list.every((j) => j < i))) return nodes
  const out: Node[] = []
  // 1: being visited, 2: placed. An explicit stack, since exported graphs are deeper than the call stack.
  const state = new Uint8Array(nodes.length)
  for (let root = 0; root < nodes.length; root++) {
    if (state[root] === 2) continue
    const stack = [{ at: root, next: 0 }]
    state[root] = 1
    while (stack.length > 0) {
      const top = stack[stack.length - 1]
      if (top.next === needs[top.at].length) {
        state[top.at] = 2
        out.push(nodes[top.at])
        stack.pop()
        continue
      }
      const child = needs[top.at][top.next++]
      if (state[child] === 1) {
        const ring = stack.slice(stack.findIndex((s) => s.at === child)).map((s) => labelOf(nodes[s.at]))
        ring.push(ring[0])
        const shown = ring.length > 12 ? [...ring.slice(0, 11), '...'] : ring
        throw new GraphError(`these nodes need each other in a circle: ${shown.join(' <- ')}`)
      }
      if (state[child] === 0) {
        state[child] = 1
        stack.push({ at: child, next: 0 })
      }
    }
  }
  return out
}
