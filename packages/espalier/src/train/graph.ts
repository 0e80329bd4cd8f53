import { type Expr, type GraphBuilder, importModel, type Model, type TensorData, tensor, vjp } from '@espalier/graph'

/**
 * Writes a scalar loss onto a network: it may declare further inputs (targets) and read the network's tensors with
 * `b.get(name)`.
 */
export type Loss = (b: GraphBuilder) => Expr

/** The model with some initialisers turned into inputs of the same name, to be fed at every run. */
export function liftParameters(model: Model, names: readonly string[]): Model {
  const initializers = new Map(model.graph.initializers)
  const inputs = [...model.graph.inputs]
  for (const name of names) {
    const value = initializers.get(name)
    if (!value) throw new Error(`the model has no parameter "${name}"; it has ${[...initializers.keys()].join(', ')}`)
    inputs.push({ name, type: value.type, shape: value.shape })
    initializers.delete(name)
  }
  return { ...model, graph: { ...model.graph, inputs, initializers } }
}

/** The model with other values for some of its initialisers: trained weights, ready to be run fast. */
export function bakeParameters(model: Model, values: ReadonlyMap<string, Float32Array>): Model {
  const initializers = new Map<string, TensorData>(model.graph.initializers)
  for (const [name, data] of values) {
    const had = initializers.get(name)
    if (!had) throw new Error(`the model has no parameter "${name}"`)
    initializers.set(name, tensor(data, had.shape))
  }
  return { ...model, graph: { ...model.graph, initializers } }
}

/**
 * Forward, loss and backward in one graph. Its inputs are those of the model and of the loss, and every trained
 * parameter under its own name (fed from memory at each step, which costs no copy); its outputs are `loss` and
 * `grad_<parameter>`.
 */
export function trainingGraph(model: Model, parameters: readonly string[], loss: Loss): Model {
  const b = importModel(liftParameters(model, parameters))
  b.output('loss', loss(b))
  return vjp(b.build(), { wrt: parameters, outputs: ['loss'], seed: 'ones', keepOutputs: true, strict: true })
}

/** `mean (output - target)^2`; the target is a new input of the output's shape. */
export function meanSquare(output: string, target = 'target'): Loss {
  return (b) => {
    const y = b.get(output)
    return y.sub(b.inputLike(target, y)).square().mean()
  }
}

/**
 * `-mean_n sum_k target_nk log softmax(logits)_nk`: the targets `[n, classes]` are probabilities (one-hot, or smoothed).
 */
export function crossEntropy(logits: string, target = 'target'): Loss {
  return (b) => {
    const y = b.get(logits)
    return y.logSoftmax(-1).mul(b.inputLike(target, y)).sum([-1]).mean().neg()
  }
}
