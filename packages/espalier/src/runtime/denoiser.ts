import type { Condition, Denoiser, DifferentiableDenoiser, Target } from '../process/denoiser.ts'
import { convert } from '../process/prediction.ts'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import { bindNetwork, type NetworkConfig } from './network.ts'
import { networkPullback } from './network-gradient.ts'
import type { Session } from './runtime.ts'

/**
 * Binds a graph to a process: states, one time per row and conditions in; the wanted prediction out.
 *
 * The time input may be `[n]` or `[n, 1]`, of any number type. Conditions that a call leaves out take the defaults of
 * the configuration; their values are cast to the type that the graph declares. A row's time label is computed apart
 * from the noise level in the conversion, both in float64.
 *
 * @param gradient gives the session of the graph of {@link networkGradient} (see {@link lazySession}); without it the
 * denoiser cannot be differentiated
 * @throws Error where the graph's inputs and output do not fit the configuration; at a call, where a condition is
 * missing or unknown, or where the network's output is not finite: names row, time, label and noise level
 */
export function networkDenoiser(session: Session, config: NetworkConfig): Denoiser
export function networkDenoiser(
  session: Session,
  config: NetworkConfig,
  gradient: () => Promise<Session>,
): DifferentiableDenoiser
export function networkDenoiser(session: Session, config: NetworkConfig, gradient?: () => Promise<Session>): Denoiser {
  const { process, event } = config
  const network = bindNetwork(session, config)
  const { kind, names } = network
  const { output } = names
  const size = sizeOf(event)

  const predictRaw = async (x: Tensor, t: Float64Array, condition: Condition | undefined, into?: Tensor) => {
    const { feeds, mean, checkFinite } = network.call(x, t, condition)
    const lent = into && { [output]: { type: 'float32' as const, ...into } }
    const { data, shape } = (await session.run(feeds, [output], lent))[output]
    if (!(data instanceof Float32Array) || data.length !== t.length * size) {
      const expected = `float32 [${t.length}, ${event.join(', ')}]`
      throw new Error(`Output "${output}" is [${shape.join(', ')}]; expected ${expected}.`)
    }
    checkFinite(data, 'network gave')
    if (mean && kind === 'data') for (let i = 0; i < data.length; i++) data[i] -= mean[i]
    return { shape: x.shape, data }
  }

  return {
    process,
    event,
    async predict(x, t, target, condition, into) {
      return convert(process, kind, target, await predictRaw(x, t, condition, into), x, t)
    },
    async predictEach(x, t, targets, condition) {
      const result = await predictRaw(x, t, condition)
      for (let from = 0, to = 0; from < t.length; from = to) {
        while (to < t.length && targets[to] === targets[from]) to++
        const rows = (tensor: Tensor) => ({
          shape: [to - from, ...event],
          data: tensor.data.subarray(from * size, to * size),
        })
        convert(process, kind, targets[from] satisfies Target, rows(result), rows(x), t.subarray(from, to))
      }
      return result
    },
    ...(gradient && { pullback: networkPullback(network, gradient) }),
  } satisfies Denoiser | DifferentiableDenoiser
}
