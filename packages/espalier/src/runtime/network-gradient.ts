import { readModel, vjp, writeModel } from '@espalier/graph'
import type { DifferentiableDenoiser } from '../process/denoiser.ts'
import { pulledToData } from '../process/prediction.ts'
import { sizeOf } from '../tensor/tensor.ts'
import type { BoundNetwork, NetworkConfig } from './network.ts'
import type { RuntimeTensor, Session } from './runtime.ts'

/** What the names of cotangents and gradients begin with: no exporter writes names like it. */
const prefix = 'espalier_grad_'

/**
 * The gradient of a network in its state, as an ONNX graph with the weights as constants: it takes what the network
 * takes and the cotangent of its output.
 *
 * @param model the ONNX file of the network
 * @throws GraphError where an operator on the way has no gradient
 */
export function networkGradient(
  model: Uint8Array,
  { inputs, output }: Pick<NetworkConfig, 'inputs' | 'output'> = {},
): Uint8Array {
  const options = { wrt: [inputs?.state ?? 'x'], outputs: [output ?? 'y'], strict: true, prefix }
  return writeModel(vjp(readModel(model), options))
}

/** {@link DifferentiableDenoiser.pullback} of a network whose gradient graph `open` gives, at every call. */
export function networkPullback(
  network: BoundNetwork,
  open: () => Promise<Session>,
): DifferentiableDenoiser['pullback'] {
  const { config, kind, names } = network
  const size = sizeOf(config.event)
  const [seed, result] = [`${prefix}${names.output}`, `${prefix}${names.state}`]
  return async (x, t, cotangent, condition) => {
    if (cotangent.data.length !== x.data.length || x.data.length !== t.length * size) {
      throw new Error(
        `The cotangent of states [${x.shape}] at ${t.length} times is [${cotangent.shape}]; give one like them.`,
      )
    }
    const { feeds, checkFinite } = network.call(x, t, condition)
    const session = await open()
    const fed: Record<string, RuntimeTensor> = { [seed]: { type: 'float32', shape: x.shape, data: cotangent.data } }
    // Inputs that the gradient does not depend on are not inputs of its graph.
    for (const { name } of session.inputs) if (name !== seed) fed[name] = feeds[name]
    const data = (await session.run(fed, [result]))[result].data as Float32Array
    checkFinite(data, 'gradient of the network is')
    return pulledToData(config.process, kind, { shape: x.shape, data }, cotangent, t)
  }
}
