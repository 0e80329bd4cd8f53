/** Models made from models: one inside another, a part of one, other names, constants in the place of inputs. */
import type { Expr } from './build.ts'
import { GraphBuilder } from './build.ts'
import { GraphError } from './errors.ts'
import type { Attribute, Dim, Graph, Model, Node, TensorData, Value } from './model.ts'
import { Importer, importModel, workingOpset } from './normalize.ts'
import { prune, usedBy } from './prune.ts'
import { nearest } from './standard.ts'
import { validate, wellFormed } from './validate.ts'

const list = (names: Iterable<string>): string => [...names].join(', ') || 'none'

function unknown(what: string, name: string, names: readonly string[]): GraphError {
  const near = nearest(name, names)
  return new GraphError(`"${name}" is no ${what}${near ? `; did you mean "${near}"?` : ` (there are: ${list(names)})`}`)
}

const text = (shape: readonly Dim[]): string => `[${shape.map((d) => d ?? '?').join(', ')}]`

/** Whether a value may stand where `stated` is asked for; says why not. */
function mismatch(
  stated: Pick<Value, 'type' | 'shape'>,
  given: Pick<Value, 'type'> & { shape: readonly Dim[] },
): string | undefined {
  if (stated.type && stated.type !== given.type) return `is of type ${stated.type}, ${given.type} was given`
  const { shape } = stated
  const fits = (d: Dim, i: number): boolean =>
    typeof d !== 'number' || typeof given.shape[i] !== 'number' || d === given.shape[i]
  if (shape && (shape.length !== given.shape.length || !shape.every(fits)))
    return `has shape ${text(shape)}, ${text(given.shape)} was given`
  return undefined
}

/**
 * Uses a model as a function inside a graph under construction.
 *
 * Initialisers keep their names after `prefix`; calling the same model twice under one prefix shares them.
 *
 * @param inputs an expression for every input of the model, by name; also for initialisers that are to be replaced
 * @returns the model's outputs by name
 * @throws GraphError when an input is missing, unknown, or of another type or shape than the model wants
 */
export function call(
  b: GraphBuilder,
  model: Model,
  inputs: Readonly<Record<string, Expr>>,
  prefix = '',
): Record<string, Expr> {
  const { graph } = validate(model)
  const names = new Map<string, string>()
  for (const input of graph.inputs) {
    const given = inputs[input.name]
    if (!given)
      throw new GraphError(
        `input "${input.name}" was not given; the model takes: ${list(graph.inputs.map((v) => v.name))}`,
      )
    const why = mismatch(input, { type: given.type, shape: given.dims })
    if (why) throw new GraphError(`input "${input.name}" ${why}`)
  }
  for (const [name, given] of Object.entries(inputs)) {
    const initializer = graph.initializers.get(name)
    if (!initializer && !graph.inputs.some((v) => v.name === name))
      throw unknown(
        'input of the model',
        name,
        graph.inputs.map((v) => v.name),
      )
    const why = initializer && mismatch(initializer, { type: given.type, shape: given.dims })
    if (why) throw new GraphError(`initialiser "${name}" ${why}`)
    names.set(name, given.name)
  }
  for (const [name, value] of graph.initializers) {
    const at = `${prefix}${name}`
    if (!names.has(name) && b.has(at) && b.get(at).value === value) names.set(name, at)
  }
  const importer = new Importer(b, { ...model, graph }, new Set())
  const scope = importer.scope(names, (name) =>
    b.has(`${prefix}${name}`) ? b.fresh(`${prefix}${name}`) : `${prefix}${name}`,
  )
  importer.graph(graph, scope)
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, importer.get(scope, name)]))
}

/**
 * Feeds the outputs of one model to another: `second(first(...))`.
 *
 * @param wires which output of `first` feeds which input of `second`; by default equal names, or the only output the
 * only input. Inputs of `second` that nothing feeds become inputs of the whole; one that `first` has as well is shared.
 * @throws GraphError when nothing connects the two
 */
export function chain(first: Model, second: Model, wires: Readonly<Record<string, string>> = {}): Model {
  const outputs = first.graph.outputs.map((v) => v.name)
  const inputs = second.graph.inputs.map((v) => v.name)
  for (const name of Object.keys(wires))
    if (!inputs.includes(name)) throw unknown('input of the second model', name, inputs)
  const sources = new Map<string, string>()
  for (const name of inputs) {
    const only = outputs.length === 1 && inputs.length === 1 ? outputs[0] : undefined
    const source = wires[name] ?? (outputs.includes(name) ? name : only)
    if (source === undefined) continue
    if (!outputs.includes(source)) throw unknown('output of the first model', source, outputs)
    sources.set(name, source)
  }
  if (sources.size === 0)
    throw new GraphError(
      `no output of the first model (${list(outputs)}) is named like an input of the second (${list(inputs)}); say which with \`wires\``,
    )
  const b = new GraphBuilder({ opset: workingOpset(first, second.opset), name: second.graph.name })
  const given: Record<string, Expr> = {}
  for (const v of [...first.graph.inputs, ...second.graph.inputs.filter((v) => !sources.has(v.name))])
    given[v.name] ??= declare(b, v)
  const made = call(b, first, Object.fromEntries(first.graph.inputs.map(({ name }) => [name, given[name]])))
  const feeds = inputs.map((name) => {
    const source = sources.get(name)
    return [name, source === undefined ? given[name] : made[source]] as const
  })
  for (const [name, expr] of Object.entries(call(b, second, Object.fromEntries(feeds)))) b.output(name, expr)
  return b.build({ metadata: second.metadata })
}

function declare(b: GraphBuilder, { name, type, shape }: Value): Expr {
  if (!type || !shape) throw new GraphError(`input "${name}" states no type and shape; export the model with them`)
  return b.input(name, shape, type)
}

/**
 * Replaces inputs by constants, or initialisers by other values: the reverse of {@link lift}.
 * @throws GraphError when a name is neither, or the value has another type or shape
 */
export function bind(model: Model, values: Readonly<Record<string, TensorData>>): Model {
  const { graph } = model
  const initializers = new Map(graph.initializers)
  for (const [name, value] of Object.entries(values)) {
    const stated = graph.inputs.find((v) => v.name === name) ?? graph.initializers.get(name)
    if (!stated)
      throw unknown('input or initialiser', name, [...graph.inputs.map((v) => v.name), ...graph.initializers.keys()])
    const why = mismatch(stated, value)
    if (why) throw new GraphError(`"${name}" ${why}`)
    initializers.set(name, value)
  }
  const inputs = graph.inputs.filter((v) => !Object.hasOwn(values, v.name))
  return { ...model, graph: { ...graph, inputs, initializers } }
}

/**
 * Turns initialisers into inputs of the same name, as training wants its weights: fed at every run, updated outside.
 * The values stay in `model.graph.initializers` of the model given; {@link bind} puts new ones back.
 * @throws GraphError when a name is no initialiser (or `Constant`) of the model
 */
export function lift(model: Model, names: Iterable<string>): Model {
  const { graph } = model
  const initializers = new Map(graph.initializers)
  const inputs = [...graph.inputs]
  const lifted = new Set<string>()
  for (const name of names) {
    const value = initializers.get(name) ?? constantNode(graph, name)
    if (!value) throw unknown('initialiser', name, [...graph.initializers.keys()])
    if (lifted.has(name)) continue
    lifted.add(name)
    inputs.push({ name, type: value.type, shape: value.shape })
    initializers.delete(name)
  }
  const nodes = graph.nodes.filter((n) => !(n.op === 'Constant' && lifted.has(n.outputs[0])))
  return { ...model, graph: { ...graph, nodes, inputs, initializers } }
}

function constantNode(graph: Graph, name: string): TensorData | undefined {
  const node = graph.nodes.find((n) => n.op === 'Constant' && n.domain === '' && n.outputs[0] === name)
  return node?.attributes.value?.kind === 'tensor' ? node.attributes.value.value : undefined
}

/**
 * Renames tensors: inputs, outputs, initialisers, or what lies between.
 * @param names new names by old names
 * @throws GraphError when an old name does not exist or a new one is taken
 */
export function rename(model: Model, names: Readonly<Record<string, string>>): Model {
  const taken = tensorNames(model.graph)
  for (const [from, to] of Object.entries(names)) {
    if (!taken.has(from)) throw unknown('tensor of the model', from, [...taken])
    if (to === '') throw new GraphError(`"${from}" cannot be renamed to an empty name`)
  }
  const kept = new Set([...taken].filter((name) => !Object.hasOwn(names, name)))
  for (const [from, to] of Object.entries(names)) {
    if (kept.has(to)) throw new GraphError(`"${from}" cannot be renamed to "${to}": that name is taken`)
    kept.add(to)
  }
  return { ...model, graph: renamed(model.graph, (name) => (Object.hasOwn(names, name) ? names[name] : name)) }
}

/** Names of all tensors of a graph, those inside its branches included. */
export function tensorNames(graph: Graph): Set<string> {
  const names = new Set([...graph.inputs.map((v) => v.name), ...graph.initializers.keys()])
  const walk = (g: Graph): void => {
    for (const name of tensorNames(g)) names.add(name)
  }
  for (const node of graph.nodes) {
    for (const name of node.outputs) if (name !== '') names.add(name)
    for (const a of Object.values(node.attributes)) {
      if (a.kind === 'graph') walk(a.value)
      else if (a.kind === 'graphs') a.value.forEach(walk)
    }
  }
  return names
}

function renamed(graph: Graph, name: (old: string) => string): Graph {
  const value = (v: Value): Value => ({ ...v, name: name(v.name) })
  const attribute = (a: Attribute): Attribute => {
    if (a.kind === 'graph') return { ...a, value: renamed(a.value, name) }
    return a.kind === 'graphs' ? { ...a, value: a.value.map((g) => renamed(g, name)) } : a
  }
  const node = (n: Node): Node => ({
    ...n,
    inputs: n.inputs.map(name),
    outputs: n.outputs.map(name),
    attributes: Object.fromEntries(Object.entries(n.attributes).map(([key, a]) => [key, attribute(a)])),
  })
  return {
    ...graph,
    nodes: graph.nodes.map(node),
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    initializers: new Map([...graph.initializers].map(([key, t]) => [name(key), t])),
    values: graph.values.map(value),
  }
}

/** Where to cut a model. */
export interface ExtractOptions {
  /** Tensors that become the inputs. Default: the inputs of the model that the outputs need. */
  readonly inputs?: readonly string[]
  /** Tensors that become the outputs. */
  readonly outputs: readonly string[]
}

/**
 * The part of a model between two sets of tensors: a network up to one of its layers, or from there on. The rest may
 * hold operators that are not supported.
 * @throws GraphError when a tensor does not exist, or the outputs need an input that is not listed
 */
export function extract(model: Model, { inputs, outputs }: ExtractOptions): Model {
  const { graph } = wellFormed(model)
  const names = tensorNames(graph)
  for (const name of [...(inputs ?? []), ...outputs])
    if (!names.has(name)) throw unknown('tensor of the model', name, [...names])
  const cut = new Set(inputs ?? graph.inputs.map((v) => v.name))
  const needed = new Set(outputs.filter((name) => !cut.has(name)))
  const nodes: Node[] = []
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]
    if (!node.outputs.some((name) => needed.has(name) && !cut.has(name))) continue
    // A node that is needed may also make a tensor that is an input now.
    nodes.push({ ...node, outputs: node.outputs.map((name) => (cut.has(name) ? '' : name)) })
    for (const name of usedBy(node)) needed.add(name)
  }
  const missing = graph.inputs.find((v) => needed.has(v.name) && !cut.has(v.name))
  if (missing)
    throw new GraphError(
      `${outputs.map((o) => `"${o}"`).join(', ')} also needs input "${missing.name}"; list it among \`inputs\``,
    )
  const wanted = inputs ?? graph.inputs.map((v) => v.name).filter((name) => needed.has(name) || outputs.includes(name))
  const inside = wanted.filter((name) => !graph.inputs.some((v) => v.name === name))
  const before = inside.length > 0 ? described(prune(withOutputs(model, inside)), graph) : new Map<string, Value>()
  const part: Model = {
    ...model,
    graph: {
      ...graph,
      nodes: nodes.reverse(),
      inputs: wanted.map((name) => {
        const v = graph.inputs.find((w) => w.name === name) ?? (before.get(name) as Value)
        if (!v.type) throw new GraphError(`the type of "${name}" is not known, so it cannot become an input`)
        return v
      }),
      initializers: new Map([...graph.initializers].filter(([name]) => !cut.has(name))),
    },
  }
  const whole = prune(withOutputs(part, outputs))
  const after = described(whole, graph)
  return { ...whole, graph: { ...whole.graph, outputs: outputs.map((name) => after.get(name) as Value) } }
}

const withOutputs = (model: Model, names: readonly string[]): Model => ({
  ...model,
  graph: { ...model.graph, outputs: names.map((name) => ({ name, type: undefined, shape: undefined })) },
})

/** Types and shapes of the outputs of a model: inferred where that is possible, else as the whole graph states them. */
function described(model: Model, { inputs, values, outputs, initializers }: Graph): Map<string, Value> {
  let b: GraphBuilder | undefined
  try {
    b = importModel(model)
  } catch (error) {
    // An operator that is unknown here, or sizes that are not stated: the file's own annotations remain.
    if (!(error instanceof GraphError)) throw error
  }
  const found = model.graph.outputs.map(({ name }): [string, Value] => {
    const stated = [...inputs, ...values, ...outputs].find((v) => v.name === name)
    const known = initializers.get(name)
    if (known) return [name, { name, type: known.type, shape: known.shape }]
    if (b?.has(name)) return [name, { name, type: b.get(name).type, shape: b.get(name).dims }]
    return [name, stated ?? { name, type: undefined, shape: undefined }]
  })
  return new Map(found)
}
