import { readModel, type Value, writeModel } from '@espalier/graph'

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
  /** The network with its weights, where they lay in files beside it. */
  readonly whole?: Uint8Array
}

/** Operator sets that onnxruntime-web 1.30 runs. */
const OLDEST = 7
const NEWEST = 26

/**
 * Reads the header of a network.
 *
 * @param beside files that came with it, by name: weights may lie there
 * @throws one line for what is wrong with it as a model of the page
 */
export function inspect(bytes: Uint8Array, beside: ReadonlyMap<string, Uint8Array> = new Map()): Inspection {
  if (bytes.length === 0) throw new Error('the file is empty')
  let apart = false
  const model = readModel(bytes, {
    external(location) {
      apart = true
      const name = location.split('/').at(-1) as string
      const found = beside.get(name)
      if (found) return found
      throw new Error('it was not given; give both files together')
    },
  })
  const { opset, graph } = model
  if (opset < OLDEST || opset > NEWEST) {
    throw new Error(
      `it is of ONNX operator set ${opset}; ${OLDEST} to ${NEWEST} run here: export it again, with opset_version=17`,
    )
  }
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
  return {
    ...{ opset, nodes: graph.nodes.length, parameters, inputs, outputs: graph.outputs.map(portOf) },
    whole: apart ? writeModel(model) : undefined,
  }
}

function portOf({ name, type, shape }: Value): Port {
  return { name, type: type ?? 'unknown', shape: (shape ?? []).map((size) => size ?? 'any') }
}
