import type { Denoiser, DifferentiableDenoiser } from '../process/denoiser.ts'
import { parseGaussianMixture } from '../process/gaussian-mixture.ts'
import { parseProcess } from '../process/parse-process.ts'
import type { Process } from '../process/process.ts'
import { vpLinear } from '../process/variance-preserving.ts'
import type { ModelCard } from './card.ts'
import { networkDenoiser } from './denoiser.ts'
import { lazySession } from './lazy-session.ts'
import type { Runtime, SessionOptions } from './runtime.ts'

export interface LoadOptions {
  readonly session?: SessionOptions
  /**
   * The process of an analytic world, which has none of its own. Default: the world file's `process`, else VP-linear.
   */
  readonly process?: Process
  /**
   * Gives the denoiser its gradient, for guidance and inverse problems. The graph of a network's gradient is made and
   * loaded when it is first asked for; a world has its gradient always. Default false.
   */
  readonly gradient?: boolean
}

/** A denoiser that owns its session. */
export interface LoadedDenoiser extends Denoiser {
  release(): Promise<void>
}

/**
 * The model that a card describes, ready to sample from: a network (`model` holds the bytes of its ONNX file), or an
 * analytic world (needs no bytes).
 *
 * @throws Error when the card is of a classifier, the bytes are missing, or graph and card do not fit
 */
export async function loadDenoiser(
  runtime: Runtime,
  model: Uint8Array | undefined,
  card: ModelCard,
  options: LoadOptions & { readonly gradient: true },
): Promise<LoadedDenoiser & DifferentiableDenoiser>
export async function loadDenoiser(
  runtime: Runtime,
  model: Uint8Array | undefined,
  card: ModelCard,
  options?: LoadOptions,
): Promise<LoadedDenoiser>
export async function loadDenoiser(
  runtime: Runtime,
  model: Uint8Array | undefined,
  card: ModelCard,
  options: LoadOptions = {},
): Promise<LoadedDenoiser> {
  if (card.type === 'gaussian-mixture') {
    const { process, ...world } = card
    const own = process === undefined ? vpLinear() : parseProcess(process)
    return { ...parseGaussianMixture(world).denoiser(options.process ?? own), release: async () => {} }
  }
  if (card.type === 'classifier') {
    throw new Error(`"${card.name}" is a classifier, not a diffusion model; it can serve as a reward.`)
  }
  if (options.process)
    throw new Error(`"${card.name}" was trained on ${card.process.type}; its process cannot be chosen.`)
  if (!model) throw new Error(`"${card.name}" is a network; its ONNX file is needed beside the card.`)
  const session = await runtime.load(model, options.session)
  // Cotangents stay the caller's.
  const own = { ...options.session, transfer: false }
  const gradient = lazySession(async () => {
    // Differentiation is a third of the library, which most runs need nothing of.
    const { networkGradient } = await import('./gradient-graph.ts')
    return runtime.load(networkGradient(model, card), own)
  })
  const release = async () => {
    await Promise.all([session.release(), gradient.release()])
  }
  try {
    const config = { ...card, process: parseProcess(card.process) }
    const denoiser = options.gradient
      ? networkDenoiser(session, config, gradient.open)
      : networkDenoiser(session, config)
    return { ...denoiser, release }
  } catch (error) {
    await session.release()
    throw error
  }
}
