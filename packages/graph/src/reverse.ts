import type { Expr, GraphBuilder } from './build.ts'
import { GraphError } from './errors.ts'
import type { Node } from './model.ts'
import { isFloat } from './model.ts'
import type { Backward, Rule } from './op.ts'
import { labelOf, OpCall } from './op.ts'
import { definitionOf, differentiableOps } from './ops/index.ts'

/** What to differentiate; names are those of the builder. */
export interface Sweep {
  readonly wrt: readonly string[]
  /** Cotangents by output. */
  readonly seeds: ReadonlyMap<string, Expr>
  /** Tensors that count as constants. */
  readonly stop: ReadonlySet<string>
}

/**
 * The reverse sweep: from the cotangents of the outputs back to `wrt`, node by node in reverse order. Contributions to
 * one tensor are added when the node that makes it is reached; a tensor that nothing flows back to has none.
 *
 * @returns gradients by name; absent where the outputs do not depend on the tensor
 */
export function reverse(b: GraphBuilder, nodes: readonly Node[], sweep: Sweep): Map<string, Expr> {
  const { active, path } = activeTensors(b, nodes, sweep)
  const contributions = new Map<string, Expr[]>()
  const give = (name: string, g: Expr): void => {
    const list = contributions.get(name)
    if (list) list.push(g)
    else contributions.set(name, [g])
  }
  const total = (name: string): Expr | undefined => contributions.get(name)?.reduce((a, g) => a.add(g))
  for (const [name, seed] of sweep.seeds) if (active.has(name)) give(name, seed)

  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]
    if (!node.outputs.some((name) => contributions.has(name))) continue
    const through = node.inputs.find((name) => active.has(name))
    if (through === undefined) continue
    const rule = definitionOf(node.op, node.domain)?.vjp
    if (rule === 'zero') continue
    if (!rule)
      throw new GraphError(
        `${labelOf(node)} has no gradient rule and is reached from ${path(through)}; cut the path with \`stopGradient: ["${through}"]\`, or use operators that have one: ${differentiableOps().join(' ')}`,
      )
    const found = apply(
      b,
      node,
      rule,
      active,
      node.outputs.map((name) => (name ? total(name) : undefined)),
      () => path(through),
    )
    found.forEach((dx, k) => {
      if (dx && active.has(node.inputs[k])) give(node.inputs[k], dx)
    })
  }
  const result = new Map<string, Expr>()
  for (const name of sweep.wrt) {
    const g = total(name)
    if (g) result.set(name, g)
  }
  return result
}

/** Gradients of a node's inputs, checked against the inputs' types and shapes. */
function apply(
  b: GraphBuilder,
  node: Node,
  rule: Rule,
  active: ReadonlySet<string>,
  cotangents: readonly (Expr | undefined)[],
  path: () => string,
): readonly (Expr | undefined)[] {
  const label = labelOf(node)
  const inputs = node.inputs.map((name) => (name ? b.get(name) : undefined) as Expr)
  const outputs = node.outputs.map((name) => (name ? b.get(name) : undefined) as Expr)
  const { g, forgotten } = watched(cotangents)
  const context: Backward = {
    call: OpCall.of(node, b.opset),
    b,
    x: inputs,
    y: outputs,
    g,
    get g0(): Expr {
      return g[0] ?? outputs[0].zerosLike()
    },
    needs: (k) => active.has(node.inputs[k]),
    extraOutput: (k) => b.extraOutput(b.get(node.outputs.find((name) => name !== '') as string), k),
  }
  let found: readonly (Expr | undefined)[]
  try {
    found = rule(context)
  } catch (error) {
    const { message } = error as Error
    const named = message.startsWith(label) ? message : `${label}: ${message}`
    throw new GraphError(`${named} (reached from ${path()})`, { cause: error })
  }
  const left = forgotten()
  if (left !== undefined)
    throw new GraphError(
      `${label}: its output ${left} ("${node.outputs[left]}") is used, and no gradient flows through that output; put it into \`stopGradient\``,
    )
  found.forEach((dx, k) => {
    const x = inputs[k]
    if (dx && active.has(node.inputs[k]) && !(dx.sameShape(x) && dx.type === x.type))
      throw new GraphError(
        `${label}: its gradient rule gave ${dx.type} [${dx.shape}] for input ${k}, which is ${x.type} [${x.shape}]`,
      )
  })
  return found
}

/** Cotangents that note which of them are read: one that a rule does not look at would be lost silently. */
function watched(cotangents: readonly (Expr | undefined)[]): {
  g: readonly (Expr | undefined)[]
  forgotten: () => number | undefined
} {
  const read = new Set<number>()
  const g: (Expr | undefined)[] = []
  cotangents.forEach((value, k) => {
    Object.defineProperty(g, k, {
      enumerable: true,
      get: () => {
        read.add(k)
        return value
      },
    })
  })
  const forgotten = (): number | undefined => {
    const k = cotangents.findIndex((value, i) => value !== undefined && !read.has(i))
    return k < 0 ? undefined : k
  }
  return { g, forgotten }
}

/** Tensors on a differentiable path from `wrt` to the outputs, and how such a tensor is reached, for errors. */
function activeTensors(
  b: GraphBuilder,
  nodes: readonly Node[],
  { wrt, seeds, stop }: Sweep,
): { active: ReadonlySet<string>; path: (tensor: string) => string } {
  const reached = new Set(wrt.filter((name) => !stop.has(name)))
  const from = new Map<string, { tensor: string; node: Node }>()
  for (const node of nodes) {
    if (definitionOf(node.op, node.domain)?.vjp === 'zero') continue
    const tensor = node.inputs.find((name) => reached.has(name))
    if (tensor === undefined) continue
    for (const name of node.outputs)
      if (name && !stop.has(name) && isFloat(b.get(name).type)) {
        reached.add(name)
        from.set(name, { tensor, node })
      }
  }
  const wanted = new Set(seeds.keys())
  for (let i = nodes.length - 1; i >= 0; i--)
    if (nodes[i].outputs.some((name) => wanted.has(name)))
      for (const name of nodes[i].inputs) if (name) wanted.add(name)
  const path = (tensor: string): string => {
    const steps: string[] = []
    let at = tensor
    for (let step = from.get(at); step; step = from.get(at)) {
      steps.unshift(labelOf(step.node))
      at = step.tensor
    }
    const shown = steps.length > 6 ? [...steps.slice(0, 3), '...', ...steps.slice(-2)] : steps
    return [`"${at}"`, ...shown].join(' -> ')
  }
  return { active: new Set([...reached].filter((name) => wanted.has(name))), path }
}
