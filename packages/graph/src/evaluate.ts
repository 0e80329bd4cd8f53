import { GraphError } from './errors.ts'
import { toData } from './facts.ts'
import type { Model, TensorData } from './model.ts'
import { sizeOf, toNumbers } from './model.ts'
import { normalize } from './normalize.ts'
import type { Fact, NdArray } from './op.ts'
import { OpCall } from './op.ts'
import { definitionOf } from './ops/index.ts'

/** A tensor at run time: its numbers, and the fact that shape inference sees. */
interface Known {
  readonly array: NdArray
  readonly fact: Fact
}

/** A fact whose value is made only if an operator asks for it (axes, target shapes, scales). */
function known(array: NdArray, type: Fact['type']): Known {
  let value: TensorData | undefined
  const fact: Fact = {
    type,
    shape: array.shape,
    get value() {
      value ??= toData(array, type)
      return value
    },
  }
  return { array, fact }
}

const isTensorData = (t: NdArray | TensorData): t is TensorData => 'type' in t

/**
 * Runs a model in float64, whatever its element types say: the reference against which gradient rules and other
 * runtimes are checked. Slow and exact; use a runtime for real work.
 *
 * @param inputs by name; plain arrays take the type that the model declares
 * @returns the graph's outputs by name
 * @throws GraphError where an input is missing or does not fit, and where an operator has no reference kernel
 */
export function evaluate(
  model: Model,
  inputs: Readonly<Record<string, NdArray | TensorData>> = {},
): Record<string, NdArray> {
  // Functions and decided branches are written out first; a plain graph is run as it is, in its own operator set.
  const plain = model.functions.length === 0 && model.graph.nodes.every((n) => definitionOf(n.op, n.domain))
  const { graph, opset } = plain ? model : normalize(model)
  const tensors = new Map<string, Known>()
  for (const [name, value] of graph.initializers)
    if (value.type !== 'string')
      tensors.set(name, { array: { shape: value.shape, data: toNumbers(value) }, fact: { ...value, value } })
  for (const { name, type, shape } of graph.inputs) {
    const given = inputs[name]
    if (!given)
      throw new GraphError(
        `input "${name}" was not given; the model takes: ${graph.inputs.map((v) => v.name).join(', ')}`,
      )
    const array = isTensorData(given) ? { shape: given.shape, data: toNumbers(given) } : given
    if (array.data.length !== sizeOf(array.shape))
      throw new GraphError(`input "${name}" has ${array.data.length} numbers for shape [${array.shape}]`)
    if (shape && (shape.length !== array.shape.length || shape.some((d, i) => fixed(d) && d !== array.shape[i])))
      throw new GraphError(`input "${name}" has shape [${array.shape}], expected [${shape.map((d) => d ?? '?')}]`)
    tensors.set(name, known(array, isTensorData(given) ? given.type : (type ?? 'float32')))
  }
  for (const node of graph.nodes) {
    const call = OpCall.of(node, opset)
    const definition = definitionOf(node.op, node.domain)
    if (!definition?.evaluate) throw new GraphError(`${call.label}: the operator has no reference kernel`)
    const operands = node.inputs.map((name) => {
      if (name === '') return undefined
      const found = tensors.get(name)
      if (!found) throw new GraphError(`${call.label}: "${name}" is used but nothing makes it before`)
      return found
    })
    const facts = operands.map((t) => t?.fact)
    let outputs: readonly Fact[]
    let results: readonly NdArray[]
    try {
      outputs = definition.infer(facts, call)
      results = definition.evaluate(
        operands.map((t) => t?.array),
        call,
        outputs,
        facts,
      )
    } catch (error) {
      if (error instanceof GraphError) throw error
      throw new GraphError(`${call.label}: its inputs do not fit the operator (${(error as Error).message})`)
    }
    node.outputs.forEach((name, i) => {
      if (name === '') return
      if (!results[i]) throw new GraphError(`${call.label}: it has no output ${i}`)
      tensors.set(name, known(results[i], outputs[i].type))
    })
  }
  return Object.fromEntries(
    graph.outputs.map(({ name }) => {
      const found = tensors.get(name)
      if (!found) throw new GraphError(`output "${name}" is made by no node`)
      return [name, found.array]
    }),
  )
}

const fixed = (d: number | string | undefined): boolean => typeof d === 'number' && d >= 0
