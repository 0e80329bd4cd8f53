import type { DifferentiableDenoiser } from '../process/denoiser.ts'
import { pulledToData } from '../process/prediction.ts'
import { sizeOf } from '../tensor/tensor.ts'
import type { BoundNetwork } from './network.ts'
import type { RuntimeTensor, Session } from './runtime.ts'

/** What the names of cotangents and gradients begin with: no exporter writes names like it. */
export const gradientPrefix = 'espalier_grad_'

/** {@link DifferentiableDenoiser.pullback} of a network whose gradient graph `open` gives, at every call. */
export function networkPullback(
  network: BoundNetwork,
  open: () => Promise<Session>,
): DifferentiableDenoiser['pullback'] {
  const { config, kind, names } = network
  const size = sizeOf(config.event)
  const [seed, result] = [`${gradientPrefix}${names.output}`, `${gradientPrefix}${names.state}`]
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
