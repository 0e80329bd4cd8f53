import type { GraphBuilder } from './build.ts'
import { expandTarget, reshapeTarget } from './expr.ts'
import type { Model, Node, TensorData } from './model.ts'
import { isFloat, sizeOf } from './model.ts'
import { prune } from './prune.ts'

/** Computed float constants beyond this many elements stay computed: the file would grow, the run would not get faster. */
const largestFolded = 4096

/**
 * Replaces what is known before the graph runs by constants: chains that start at shapes or at constants, and the
 * targets of Reshape and Expand, so that `Shape -> Gather -> Concat -> Reshape` becomes one Reshape. Free dimensions
 * stay free: a value that depends on them is left as it is.
 *
 * A tensor counts as known by where it comes from, not by luck: every path to it starts at a shape or a constant.
 * Named float initialisers do not count, since they may be trained or replaced later.
 *
 * @param b the builder that made the model, which knows every shape
 */
export function specialise(b: GraphBuilder, model: Model): Model {
  const { graph } = model
  const outputs = new Set(graph.outputs.map((v) => v.name))
  const fixed = new Set<string>()
  for (const [name, value] of graph.initializers) if (b.isAnonymous(name) || !isFloat(value.type)) fixed.add(name)
  const initializers = new Map(graph.initializers)
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const free = node.op === 'Shape' || node.op === 'Size'
    const known = free || node.inputs.every((name) => name === '' || fixed.has(name))
    if (known && !node.op.startsWith('Random')) for (const name of node.outputs) fixed.add(name)
    const values = known && !node.outputs.some((name) => outputs.has(name)) ? valuesOf(b, node) : undefined
    if (values) for (const [name, value] of values) initializers.set(name, value)
    else nodes.push(retargeted(b, node, initializers))
  }
  return prune({ ...model, graph: { ...graph, nodes, initializers } })
}

/** The outputs of a node as constants, where all of them are known and small enough. */
function valuesOf(b: GraphBuilder, node: Node): Map<string, TensorData> | undefined {
  const values = new Map<string, TensorData>()
  for (const name of node.outputs) {
    if (name === '') continue
    const { value } = b.get(name)
    if (!value || (isFloat(value.type) && sizeOf(value.shape) > largestFolded)) return undefined
    values.set(name, value)
  }
  return values
}

/** Gives Reshape and Expand a constant target where one does for every size of the free dimensions. */
function retargeted(b: GraphBuilder, node: Node, initializers: Map<string, TensorData>): Node {
  if (node.op !== 'Reshape' && node.op !== 'Expand') return node
  if (initializers.has(node.inputs[1])) return node
  const [from, to] = [b.get(node.inputs[0]), b.get(node.outputs[0])]
  const target = node.op === 'Reshape' ? reshapeTarget(from, to) : expandTarget(from, to)
  if (!target) return node
  const constant = b.int64(target)
  initializers.set(constant.name, constant.facts[0].value!)
  const attributes = node.op === 'Reshape' ? {} : node.attributes
  return { ...node, inputs: [node.inputs[0], constant.name], attributes }
}
