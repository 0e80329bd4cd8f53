import type { GraphBuilder } from './build.ts'
import type { Expr } from './expr.ts'
import { expandTarget, reshapeTarget } from './expr.ts'
import type { Model, Node, TensorData } from './model.ts'
import { isFloat, sizeOf, tensor } from './model.ts'
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

/** Gives Reshape, Expand and Resize a constant target where one does for every size of the free dimensions. */
function retargeted(b: GraphBuilder, node: Node, initializers: Map<string, TensorData>): Node {
  const target = { Reshape: 1, Expand: 1, Resize: 3 }[node.op]
  if (target === undefined || !node.inputs[target] || initializers.has(node.inputs[target])) return node
  const [from, to] = [b.get(node.inputs[0]), b.get(node.outputs[0])]
  const hold = (constant: Expr): string => {
    initializers.set(constant.name, constant.facts[0].value as TensorData)
    return constant.name
  }
  if (node.op === 'Resize') {
    const scales = scalesOf(node, from, to)
    return scales ? { ...node, inputs: [node.inputs[0], node.inputs[1], hold(b.constant(scales))] } : node
  }
  const shape = node.op === 'Reshape' ? reshapeTarget(from, to) : expandTarget(from, to)
  return shape ? { ...node, inputs: [node.inputs[0], hold(b.int64(shape))], attributes: {} } : node
}

/** Scales that do the same as sizes, where free axes keep their size and the others are hit exactly. */
function scalesOf(node: Node, from: Expr, to: Expr): TensorData | undefined {
  if (node.attributes.axes || node.attributes.keep_aspect_ratio_policy) return undefined
  const scales = to.facts[0].shape.map((d, i) => Math.fround(d / from.facts[0].shape[i]))
  const exact = (scale: number, i: number): boolean =>
    (scale === 1 || to.shape[i] >= 0) &&
    // Runtimes multiply in float32 or in float64.
    to.facts.every((f, p) => {
      const size = scale * from.facts[p].shape[i]
      return Math.floor(size) === f.shape[i] && Math.floor(Math.fround(size)) === f.shape[i]
    })
  return scales.every(exact) ? tensor(scales, [scales.length]) : undefined
}
