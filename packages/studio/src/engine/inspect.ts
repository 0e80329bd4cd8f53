import { readModel, type Value } from '@espalier/graph'

/** An input or output of a graph. */
export interface Port {
  readonly name: string
  readonly type: string
  /** Sizes; a name where one is free. */
  readonly shape: readonly (number | string)[]
}

/** What an ONNX file says of itself. */
export interface Inspection {
  readonly opset: number
  readonly nodes: number
  readonly parameters: number
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

/** Reads the header of a network. @throws one line for what is wrong with it as a model of the page */
export function inspect(bytes: Uint8Array): Inspection {
  if (bytes.length === 0) throw new Error('the file is empty')
  const { opset, graph } = readModel(bytes)
  const weights = new Set(graph.initializers.keys())
  const inputs = graph.inputs.filter(({ name }) => !weights.has(name)).map(portOf)
  const double = inputs.find(({ type }) => type === 'float64')
  if (double) {
    throw new Error(`its input ${double.name} is float64; runs here feed float32: export the model in single precision`)
  }
  const parameters = [...graph.initializers.values()].reduce(
    (sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1),
    0,
  )
  return { opset, nodes: graph.nodes.length, parameters, inputs, outputs: graph.outputs.map(portOf) }
}

function portOf({ name, type, shape }: Value): Port {
  return { name, type: type ?? 'unknown', shape: (shape ?? []).map((size) => size ?? 'any') }
}
