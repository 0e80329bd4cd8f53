import type { ClassifierCard } from '../runtime/card.ts'
import type { Runtime, Session } from '../runtime/runtime.ts'
import { stack, type Tensor } from '../tensor/tensor.ts'
import { checkCount, inChunks, limitOf } from './chunks.ts'
import type { DifferentiableReward, Reward } from './reward.ts'

export interface CosineSimilarityOptions {
  /** Default `cosine similarity`. */
  readonly name?: string
  /** Shape of one sample. */
  readonly event: readonly number[]
  /** Name of the graph's sample input `[n, ...event]`, float32. Default `x`. */
  readonly input?: string
  /** Name of its output `[n, d]`, float32: the embedding. Default `features`. */
  readonly output?: string
  /**
   * Loads `networkGradient(model, { inputs: { state: input }, output })`, at the first gradient. Default: there is
   * none.
   */
  readonly gradient?: () => Promise<Session>
  /** Samples of one call, at most. Default 256. */
  readonly maxBatch?: number
}

/**
 * `f . g / (|f| |g|)` of the embeddings f of a sample and g of a target, both by the same graph: likeness of content,
 * -1 to 1. An embedding of zeros is like nothing: 0.
 *
 * @param target a sample of the shape `event`
 * @throws Error where the graph has no such input and output, or the target has another shape
 */
export async function cosineSimilarity(
  session: Session,
  target: Tensor,
  options: CosineSimilarityOptions & Required<Pick<CosineSimilarityOptions, 'gradient'>>,
): Promise<DifferentiableReward<Tensor>>
export async function cosineSimilarity(
  session: Session,
  target: Tensor,
  options: CosineSimilarityOptions,
): Promise<Reward<Tensor>>
export async function cosineSimilarity(
  session: Session,
  target: Tensor,
  options: CosineSimilarityOptions,
): Promise<Reward<Tensor>> {
  const { name = 'cosine similarity', event, input = 'x', output = 'features', maxBatch = 256, gradient } = options
  checkCount(maxBatch, 'maxBatch', `reward "${name}"`)
  if (!session.inputs.some((v) => v.name === input) || !session.outputs.some((v) => v.name === output)) {
    throw new Error(`reward "${name}": the graph has no input "${input}" with output "${output}"`)
  }

  /** Samples as a batch, and their embeddings. */
  const embed = async (samples: readonly Tensor[]) => {
    const odd = samples.findIndex(({ shape }) => shape.join() !== event.join())
    if (odd >= 0) throw new Error(`sample ${odd} is [${samples[odd].shape}], the embedding takes [${event}]`)
    const batch = stack(
      samples.map(({ data }) => data),
      event,
    )
    const { type, shape, data } = (await session.run({ [input]: batch }, [output]))[output]
    if (type !== 'float32' || shape.length !== 2 || shape[0] !== samples.length) {
      const given = `${type} [${shape.join(', ')}]`
      throw new Error(`output "${output}" is ${given}, expected embeddings float32 [${samples.length}, d]`)
    }
    const rows = samples.map((_, i) => (data as Float32Array).subarray(i * shape[1], (i + 1) * shape[1]))
    return { batch, shape, rows }
  }
  const [wanted] = (await embed([target])).rows
  const size = norm(wanted)
  if (!(size > 0 && size < Infinity)) {
    throw new Error(`reward "${name}": the embedding of the target has the length ${size}, expected a positive one`)
  }
  const similarity = (f: Float32Array) => {
    const length = norm(f)
    if (length === 0) return 0
    let sum = 0
    for (let k = 0; k < f.length; k++) sum += f[k] * wanted[k]
    return sum / (length * size)
  }
  const reward: Reward<Tensor> = {
    name,
    evaluate: (samples) =>
      inChunks(samples, maxBatch, limitOf(1), async (chunk) => (await embed(chunk)).rows.map(similarity)),
  }
  if (!gradient) return reward

  let opened: Promise<Session> | undefined
  const differentiate: DifferentiableReward<Tensor>['differentiate'] = async (samples) => {
    const backward = await (opened ??= gradient())
    const gradients: Tensor[] = []
    const differentiateChunk = async (chunk: readonly Tensor[]) => {
      const { batch, shape, rows } = await embed(chunk)
      const values = rows.map(similarity)
      // d/df of f.g / (|f| |g|) is (g/|g| - c f/|f|) / |f|.
      const cotangent = new Float32Array(shape[0] * shape[1])
      rows.forEach((f, i) => {
        const length = norm(f)
        if (length === 0) return
        for (let k = 0; k < f.length; k++) {
          cotangent[i * shape[1] + k] = (wanted[k] / size - (values[i] * f[k]) / length) / length
        }
      })
      const fed: Record<string, Tensor> = {}
      for (const { name } of backward.inputs) fed[name] = name === input ? batch : { shape, data: cotangent }
      const { data } = (await backward.run(fed))[backward.outputs[0].name]
      const length = batch.data.length / shape[0]
      rows.forEach((_, i) => {
        gradients.push({ shape: event, data: (data as Float32Array).slice(i * length, (i + 1) * length) })
      })
      return values
    }
    const values = await inChunks(samples, maxBatch, limitOf(1), differentiateChunk)
    return { values, gradients }
  }
  return { ...reward, differentiate } as DifferentiableReward<Tensor>
}

/**
 * {@link cosineSimilarity} in the features of a classifier, with its gradient in the sample.
 *
 * @param model the ONNX file
 * @throws Error where the card names no features, or the target does not fit; at the first gradient, where an operator
 *   has none
 */
export async function featureSimilarity(
  runtime: Runtime,
  model: Uint8Array,
  card: ClassifierCard,
  target: Tensor,
): Promise<DifferentiableReward<Tensor>> {
  const { input, event } = card
  const output = card.outputs.features
  if (output === undefined) throw new Error(`"${card.name}" gives no features (its card names none under outputs)`)
  const gradient = async () => {
    const { networkGradient } = await import('../runtime/gradient-graph.ts')
    return runtime.load(networkGradient(model, { inputs: { state: input, time: '' }, output }))
  }
  return cosineSimilarity(await runtime.load(model), target, { event, input, output, gradient })
}

function norm(values: Float32Array): number {
  let sum = 0
  for (let k = 0; k < values.length; k++) sum += values[k] * values[k]
  return Math.sqrt(sum)
}
