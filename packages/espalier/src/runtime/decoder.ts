import { sizeOf, stack, type Tensor } from '../tensor/tensor.ts'
import { lazySession } from './lazy-session.ts'
import type { Runtime, SessionOptions } from './runtime.ts'

/** Turns latents into samples, and gradients of samples into gradients of latents. */
export interface Decoder {
  /** Shape of one latent. */
  readonly event: readonly number[]
  decode(latents: readonly Tensor[]): Promise<Tensor[]>
  /** `J^T v` with `J = d sample / d latent`, one for each latent. */
  pullback(latents: readonly Tensor[], cotangents: readonly Tensor[]): Promise<Tensor[]>
}

export interface DecoderOptions {
  /** Shape of one latent, such as `[4, 64, 64]`. */
  readonly event: readonly number[]
  /**
   * Names of the graph's input and output. Defaults `latent_sample` and `sample`, as exports of VAE decoders have them.
   */
  readonly input?: string
  readonly output?: string
  /**
   * The diffusion model's latents are `(z - shift) scale` of the decoder's z (its config's `scaling_factor`). Default
   * 1.
   */
  readonly scale?: number
  readonly shift?: number
  /** Latents of one call, at most. Default 16. */
  readonly maxBatch?: number
  readonly session?: SessionOptions
}

/** A decoder that owns its sessions. */
export interface LoadedDecoder extends Decoder {
  release(): Promise<void>
}

/**
 * The decoder of a latent diffusion model (Rombach et al. 2022) as an ONNX graph, with its gradient by `vjp`, which is
 * made and loaded when it is first asked for.
 *
 * @param model the ONNX file; its rows must not depend on one another
 * @throws Error where the graph has no such input or output, or a latent is of another size
 */
export async function loadDecoder(
  runtime: Runtime,
  model: Uint8Array,
  options: DecoderOptions,
): Promise<LoadedDecoder> {
  const { event, input = 'latent_sample', output = 'sample', scale = 1, shift = 0, maxBatch = 16 } = options
  if (!(Number.isFinite(scale) && scale !== 0 && Number.isFinite(shift))) {
    throw new Error(`a decoder's scale is ${scale} and its shift ${shift}, expected finite numbers, the scale not 0`)
  }
  const session = await runtime.load(model, options.session)
  const has = (values: readonly { readonly name: string }[], name: string) =>
    values.some((value) => value.name === name)
  if (!has(session.inputs, input) || !has(session.outputs, output)) {
    await session.release()
    const names = [session.inputs, session.outputs].map((values) => values.map(({ name }) => name).join(', '))
    throw new Error(`a decoder from "${input}" to "${output}" was asked for; the graph has ${names[0]} to ${names[1]}`)
  }
  const names = { inputs: { state: input, time: '' }, output }
  const gradient = lazySession(async () => {
    const { networkGradient } = await import('./gradient-graph.ts')
    return runtime.load(networkGradient(model, names), options.session)
  })
  const size = sizeOf(event)

  /** The decoder's own latents of a batch: undoes scale and shift. */
  const unscaled = (latents: readonly Tensor[]): Tensor => {
    const odd = latents.findIndex(({ data }) => data.length !== size)
    if (odd >= 0) throw new Error(`latent ${odd} is [${latents[odd].shape}]; the decoder takes [${event}]`)
    const { shape, data } = stack(
      latents.map(({ data }) => data),
      event,
    )
    return { shape, data: data.map((v) => v / scale + shift) }
  }
  const rows = (shape: readonly number[], data: Float32Array): Tensor[] => {
    const width = sizeOf(shape.slice(1))
    return Array.from({ length: shape[0] }, (_, i) => ({
      shape: shape.slice(1),
      data: data.slice(i * width, (i + 1) * width),
    }))
  }
  const inBatches = async (n: number, run: (from: number, to: number) => Promise<Tensor[]>): Promise<Tensor[]> => {
    const all: Tensor[] = []
    for (let from = 0; from < n; from += maxBatch) all.push(...(await run(from, Math.min(n, from + maxBatch))))
    return all
  }
  return {
    event,
    decode: (latents) =>
      inBatches(latents.length, async (from, to) => {
        const { shape, data } = (await session.run({ [input]: unscaled(latents.slice(from, to)) }, [output]))[output]
        return rows(shape, data as Float32Array)
      }),
    pullback: (latents, cotangents) =>
      inBatches(latents.length, async (from, to) => {
        const own = await gradient.open()
        const v = cotangents.slice(from, to)
        const seed = own.inputs.find(({ name }) => name !== input)?.name
        const [{ name: result }] = own.outputs
        const fed: Record<string, Tensor> = {
          [seed ?? '']: stack(
            v.map(({ data }) => data),
            v[0].shape,
          ),
        }
        // A linear decoder's gradient does not look at the latent.
        if (has(own.inputs, input)) fed[input] = unscaled(latents.slice(from, to))
        const { shape, data } = (await own.run(fed, [result]))[result]
        return rows(
          shape,
          (data as Float32Array).map((g) => g / scale),
        )
      }),
    async release() {
      await Promise.all([session.release(), gradient.release()])
    },
  }
}
