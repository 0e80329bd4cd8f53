import type { Expr } from './build.ts'
import { GraphBuilder } from './build.ts'
import { GraphError } from './errors.ts'
import type { Model, Node } from './model.ts'
import { isFloat } from './model.ts'
import type { Backward } from './op.ts'
import { OpCall } from './op.ts'
import { definitionOf, differentiableOps } from './ops/index.ts'

export interface VjpOptions {
  /** Names of the inputs or initialisers to differentiate with respect to. Default: every float input. */
  readonly wrt?: readonly string[]
  /** Names of the outputs that receive a cotangent. Default: every float output. */
  readonly outputs?: readonly string[]
  /**
   * `'input'` (default): the new model takes one cotangent input `grad_<output>` per chosen output.
   * `'ones'`: every cotangent is 1, as for a scalar loss; no input is added.
   */
  readonly seed?: 'input' | 'ones'
  /** Also return the original outputs. Default false. */
  readonly keepOutputs?: boolean
  /** Tensors that the reverse sweep treats as constants. */
  readonly stopGradient?: readonly string[]
  /** Refuse an input that the outputs do not depend on, instead of returning zeros. Default false. */
  readonly strict?: boolean
  /** Sizes of inputs, by name, where the model leaves dimensions free that must be fixed; a string stays free. */
  readonly shapes?: Readonly<Record<string, readonly (number | string)[]>>
}

/** Takes an existing model into a builder, inferring every shape on the way. */
export function importModel(model: Model, shapes: VjpOptions['shapes'] = {}): GraphBuilder {
  const b = new GraphBuilder({ opset: model.opset, name: model.graph.name })
  for (const input of model.graph.inputs) {
    const shape = shapes[input.name] ?? input.shape
    if (!shape || !input.type) throw new GraphError(`input "${input.name}" states no shape; give it with \`shapes\``)
    b.input(input.name, shape, input.type)
  }
  for (const [name, value] of model.graph.initializers) b.parameter(name, value)
  for (const node of model.graph.nodes) b.node(node)
  return b
}

/**
 * Vector-Jacobian product of an ONNX model, as an ONNX model.
 *
 * The result has the inputs of `model` and, for every chosen output y, a cotangent input `grad_<y>` of y's shape;
 * for every chosen x it returns `grad_<x> = sum_y (dy/dx)^T grad_<y>`. Reverse-mode accumulation
 * (Griewank & Walther, Evaluating Derivatives, 2008, section 3.2) over the graph in reverse topological order.
 *
 * @throws GraphError naming the node and operator where no gradient rule exists, or where shapes depend on data
 */
export function vjp(model: Model, options: VjpOptions = {}): Model {
  const { graph } = model
  const b = importModel(model, options.shapes)
  const wrt = options.wrt ?? graph.inputs.filter((v) => isFloat(v.type)).map((v) => v.name)
  const outputs = options.outputs ?? graph.outputs.map((v) => v.name).filter((name) => isFloat(b.get(name).type))
  for (const name of wrt) {
    if (!graph.inputs.some((v) => v.name === name) && !graph.initializers.has(name))
      throw new GraphError(
        `"${name}" is neither an input nor an initialiser; inputs are: ${graph.inputs.map((v) => v.name).join(', ')}`,
      )
    if (!isFloat(b.get(name).type))
      throw new GraphError(`"${name}" is of type ${b.get(name).type}; only float tensors have gradients`)
  }
  for (const name of outputs)
    if (!graph.outputs.some((v) => v.name === name))
      throw new GraphError(`"${name}" is not an output; outputs are: ${graph.outputs.map((v) => v.name).join(', ')}`)
  if (wrt.length === 0)
    throw new GraphError('the model has no float input to differentiate with respect to; name an initialiser in `wrt`')
  if (outputs.length === 0) throw new GraphError('the model has no float output to differentiate')

  const gradients = reverse(b, graph.nodes, wrt, outputs, options)

  if (options.keepOutputs) for (const v of graph.outputs) b.output(v.name, b.get(v.name))
  for (const name of wrt) {
    const g = gradients.get(name)
    if (!g && options.strict) throw new GraphError(`the chosen outputs do not depend on "${name}"`)
    b.output(`grad_${name}`, g ?? b.get(name).zerosLike())
  }
  const made = b.build({ producer: 'espalier', metadata: model.metadata })
  return { ...made, domains: model.domains, irVersion: Math.max(model.irVersion, made.irVersion) }
}

function reverse(
  b: GraphBuilder,
  nodes: readonly Node[],
  wrt: readonly string[],
  outputs: readonly string[],
  options: VjpOptions,
): Map<string, Expr> {
  const stop = new Set(options.stopGradient ?? [])
  const active = activeTensors(b, nodes, wrt, outputs, stop)
  const contributions = new Map<string, Expr[]>()
  const give = (name: string, g: Expr): void => {
    const list = contributions.get(name)
    if (list) list.push(g)
    else contributions.set(name, [g])
  }
  for (const name of outputs) {
    const y = b.get(name)
    if (options.seed === 'ones') {
      if (active.has(name)) give(name, y.rank === 0 ? b.scalar(1, y.type) : b.scalar(1, y.type).expandLike(y))
      continue
    }
    const seed = b.inputLike(`grad_${name}`, y)
    if (active.has(name)) give(name, seed)
  }
  const total = (name: string): Expr | undefined => contributions.get(name)?.reduce((a, g) => a.add(g))
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]
    if (!node.outputs.some((name) => contributions.has(name))) continue
    if (!node.inputs.some((name) => active.has(name))) continue
    const call = new OpCall(
      node.op,
      node.domain,
      b.opset,
      node.attributes,
      node.outputs.length,
      `${node.op} "${node.name || node.outputs[0]}"`,
    )
    const rule = definitionOf(node.op, node.domain)?.vjp
    if (rule === 'zero') continue
    if (!rule) {
      const to = wrt.join(', ')
      throw new GraphError(
        `${call.label} lies on the path to ${to} and has no gradient rule; cut the path with \`stopGradient\`, or use operators that have one: ${differentiableOps().join(' ')}`,
      )
    }
    const g = node.outputs.map((name) => (name ? total(name) : undefined))
    const context: Backward = {
      call,
      b,
      x: node.inputs.map((name) => (name ? b.get(name) : undefined) as Expr),
      y: node.outputs.map((name) => (name ? b.get(name) : undefined) as Expr),
      g,
      get g0(): Expr {
        return g[0] ?? b.get(node.outputs[0]).zerosLike()
      },
      needs: (k) => active.has(node.inputs[k]),
      extraOutput: (k) => b.extraOutput(b.get(node.outputs[0]), k),
    }
    rule(context).forEach((dx, k) => {
      const name = node.inputs[k]
      if (!dx || !name || !active.has(name)) return
      if (!dx.sameShape(b.get(name)))
        throw new GraphError(
          `${call.label}: its gradient rule gave shape [${dx.shape}] for input ${k} of shape [${b.get(name).shape}]`,
        )
      give(name, dx)
    })
  }
  const result = new Map<string, Expr>()
  for (const name of wrt) {
    const g = total(name)
    if (g) result.set(name, g)
  }
  return result
}

/** Tensors on a differentiable path from `wrt` to `outputs`. */
function activeTensors(
  b: GraphBuilder,
  nodes: readonly Node[],
  wrt: readonly string[],
  outputs: readonly string[],
  stop: ReadonlySet<string>,
): Set<string> {
  const reached = new Set(wrt.filter((name) => !stop.has(name)))
  for (const node of nodes) {
    if (definitionOf(node.op, node.domain)?.vjp === 'zero') continue
    if (!node.inputs.some((name) => reached.has(name))) continue
    for (const name of node.outputs) if (name && !stop.has(name) && isFloat(b.get(name).type)) reached.add(name)
  }
  const wanted = new Set(outputs)
  for (let i = nodes.length - 1; i >= 0; i--)
    if (nodes[i].outputs.some((name) => wanted.has(name)))
      for (const name of nodes[i].inputs) if (name) wanted.add(name)
  return new Set([...reached].filter((name) => wanted.has(name)))
}
