import { bind, type Expr, type GraphBuilder, importModel, lift, type Model, tensor, vjp } from '@espalier/graph'

/**
 * Writes a scalar loss onto a network: it may declare further inputs (targets) and read the network's tensors with
 * `b.get(name)`.
 */
export type Loss = (b: GraphBuilder) => Expr

/** The model with other values for some of its initialisers: trained weights, ready to be run fast. */
export function bakeParameters(model: Model, values: ReadonlyMap<string, Float32Array>): Model {
  const weights = [...values].map(([name, data]) => [name, tensor(data, model.graph.initializers.get(name)?.shape)])
  return bind(model, Object.fromEntries(weights))
}

/**
 * Forward, loss and backward in one graph. Its inputs are those of the model and of the loss, and every trained
 * parameter under its own name (fed from memory at each step, which costs no copy); its outputs are `loss` and
 * `grad_<parameter>`.
 */
export function trainingGraph(model: Model, parameters: readonly string[], loss: Loss): Model {
  const b = importModel(lift(model, parameters))
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

/**
 * `sum_l weight_l * -log softmax(logits)_l[target_l]` over positions, with new inputs `target` (int64 `[n, length]`) and
 * `weight` (`[n, length]`), which hold what is counted and by how much. The numbers of rows are in the weights.
 * @param logits `[n, length, vocabulary]`
 */
export function tokenCrossEntropy(logits: string): Loss {
  return (b) => {
    const y = b.get(logits)
    const [n, length] = y.dims
    const target = b.input('target', [n ?? 'N', length ?? 'length'], 'int64')
    const weight = b.input('weight', [n ?? 'N', length ?? 'length'])
    const logs = y.logSoftmax(-1)
    const chosen = b.op('GatherElements', [logs, target.unsqueeze([2])], { axis: 2 }).squeeze([2])
    return chosen.mul(weight).sum().neg()
  }
}
