import { readModel, vjp, writeModel } from '@espalier/graph'
import type { NetworkConfig } from './network.ts'
import { gradientPrefix as prefix } from './network-gradient.ts'

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
