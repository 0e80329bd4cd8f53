import type { Expr, GraphBuilder } from './build.ts'
import { rename, tensorNames } from './compose.ts'
import { GraphError } from './errors.ts'
import type { Model, Node } from './model.ts'
import { isFloat } from './model.ts'
import type { Shapes } from './normalize.ts'
import { importModel, workingOpset } from './normalize.ts'
import { reverse } from './reverse.ts'
import { specialise } from './specialise.ts'
import { nearest } from './standard.ts'

/** What to differentiate by what, and how the result is laid out. */
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
  /** Tensors that the reverse sweep treats as constants, by name or by pattern. */
  readonly stopGradient?: readonly (string | RegExp)[]
  /** Refuse an input that the outputs do not depend on, instead of returning zeros. Default false. */
  readonly strict?: boolean
  /** Sizes of inputs, by name, where the model leaves dimensions free that must be fixed; a string stays free. */
  readonly shapes?: Shapes
  /** What the names of cotangents and gradients begin with. Default `grad_`. */
  readonly prefix?: string
}

/**
 * Vector-Jacobian product of an ONNX model, as an ONNX model.
 *
 * The result has the inputs of `model` and, for every chosen output y, a cotangent input `grad_<y>` of y's shape;
 * for every chosen x it returns `grad_<x> = sum_y (dy/dx)^T grad_<y>`. Reverse-mode accumulation
 * (Griewank & Walther, Evaluating Derivatives, 2008, section 3.2) over the graph in reverse topological order.
 * Applied to its own result it gives second derivatives.
 *
 * @throws GraphError naming the node, its operator, how it is reached and what to do, where the model is not valid, no
 * gradient rule exists, or shapes depend on data
 */
export function vjp(model: Model, options: VjpOptions = {}): Model {
  const prefix = options.prefix ?? 'grad_'
  const { graph } = model
  const inputs = graph.inputs.map((v) => v.name)
  const wrt = [...new Set(options.wrt ?? graph.inputs.filter((v) => isFloat(v.type)).map((v) => v.name))]
  for (const name of wrt)
    if (!inputs.includes(name) && !graph.initializers.has(name))
      throw notFound(name, 'neither an input nor an initialiser', [...inputs, ...graph.initializers.keys()], inputs)
  for (const name of options.outputs ?? [])
    if (!graph.outputs.some((v) => v.name === name)) {
      const names = graph.outputs.map((v) => v.name)
      throw notFound(name, 'not an output', names, names)
    }
  if (wrt.length === 0)
    throw new GraphError('the model has no float input to differentiate with respect to; name an initialiser in `wrt`')

  const stop = stopped(model, options.stopGradient ?? [])
  const names = (name: string): string => `${prefix}${name}`
  const free = withFreeNames(model, [...graph.outputs.map((v) => v.name), ...wrt].map(names), [
    ...wrt,
    ...(options.keepOutputs ? graph.outputs.map((v) => v.name) : []),
  ])
  const b = importModel(free.model, options.shapes, workingOpset(model), [...stop].map(free.name))
  const forward: readonly Node[] = [...b.nodes]
  const get = (name: string): Expr => b.get(free.name(name))

  const outputs = [...new Set(options.outputs ?? graph.outputs.map((v) => v.name).filter((o) => isFloat(get(o).type)))]
  for (const name of [...wrt, ...outputs])
    if (!isFloat(get(name).type))
      throw new GraphError(`"${name}" is of type ${get(name).type}; only float tensors have gradients`)
  if (outputs.length === 0) throw new GraphError('the model has no float output to differentiate')

  const seeds = new Map<string, Expr>()
  for (const name of outputs) {
    const y = get(name)
    if (options.seed !== 'ones' && wrt.includes(name))
      throw new GraphError(
        `"${name}" is both an input and an output, so its cotangent and its gradient would share the name "${names(name)}"; leave it out of \`outputs\` or of \`wrt\``,
      )
    seeds.set(y.name, options.seed === 'ones' ? ones(b, y) : b.inputLike(names(name), y))
  }
  const gradients = reverse(b, forward, { wrt, seeds, stop: new Set([...stop].map(free.name)) })

  if (options.keepOutputs) for (const v of graph.outputs) b.output(v.name, get(v.name))
  for (const name of wrt) {
    const g = gradients.get(name)
    if (!g && options.strict)
      throw new GraphError(`"${outputs.join('", "')}" does not depend on "${name}"; leave it out of \`wrt\``)
    b.output(names(name), g ?? get(name).zerosLike())
  }
  const made = b.build({ metadata: model.metadata })
  return specialise(b, { ...made, irVersion: Math.max(model.irVersion, made.irVersion) })
}

function ones(b: GraphBuilder, y: Expr): Expr {
  const one = b.scalar(1, y.type)
  return y.rank === 0 ? one : one.expandLike(y)
}

function notFound(name: string, what: string, candidates: readonly string[], shown: readonly string[]): GraphError {
  const near = nearest(name, candidates)
  return new GraphError(
    `"${name}" is ${what}; ${near ? `did you mean "${near}"?` : `there are: ${shown.join(', ') || 'none'}`}`,
  )
}

/** Tensors at which the sweep stops. A name that matches nothing is a mistake. */
function stopped(model: Model, patterns: readonly (string | RegExp)[]): Set<string> {
  const all = tensorNames(model.graph)
  const found = new Set<string>()
  for (const pattern of patterns) {
    if (typeof pattern === 'string') {
      if (!all.has(pattern)) {
        const near = nearest(pattern, all)
        throw new GraphError(
          `\`stopGradient\` names "${pattern}", which is no tensor of the model${near ? `; did you mean "${near}"?` : ''}`,
        )
      }
      found.add(pattern)
      continue
    }
    const before = found.size
    for (const name of all) if (name.search(pattern) >= 0) found.add(name)
    if (found.size === before) throw new GraphError(`\`stopGradient\` has ${pattern}, which matches no tensor`)
  }
  return found
}

/**
 * The model with the names that are about to be made set free: tensors inside it that have one get another.
 * @param fixed names that must stay, since they are asked for or returned
 */
function withFreeNames(
  model: Model,
  wanted: readonly string[],
  fixed: readonly string[],
): { model: Model; name: (old: string) => string } {
  const { graph } = model
  const taken = tensorNames(graph)
  const changes: Record<string, string> = {}
  for (const name of wanted) {
    if (!taken.has(name)) continue
    if (fixed.includes(name) || graph.inputs.some((v) => v.name === name))
      throw new GraphError(
        `"${name}" is needed for a gradient, and the model has a tensor of that name; choose another \`prefix\``,
      )
    let other = name
    while (taken.has(other) || wanted.includes(other)) other += '_'
    taken.add(other)
    changes[name] = other
  }
  const name = (old: string): string => (Object.hasOwn(changes, old) ? changes[old] : old)
  return { model: Object.keys(changes).length > 0 ? rename(model, changes) : model, name }
}
