import type { ClassifierCard } from '../runtime/card.ts'
import { lazySession } from '../runtime/lazy-session.ts'
import type { Runtime, RuntimeTensor, Session, SessionOptions } from '../runtime/runtime.ts'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import { sizeOf, stack, type Tensor } from '../tensor/tensor.ts'
import type { DifferentiableReward, Reward } from './reward.ts'
import { valueGradientNames } from './value-gradient-names.ts'

export interface GraphRewardOptions {
  readonly name: string
  /** Shape of one sample. */
  readonly event: readonly number[]
  /** Name of the graph's sample input `[n, ...event]`, float32. Default `x`. */
  readonly input?: string
  /** Name of an output `[n]` or `[n, k]`, float32. Default: the graph's first. */
  readonly output?: string
  /** Which of the k numbers. Default 0. */
  readonly index?: number
  /** What to make of the k numbers first. Default `none`. `log-odds` is `log p / (1 - p)` of the softmax, unbounded. */
  readonly transform?: 'none' | 'softmax' | 'log-softmax' | 'log-odds'
  /** Samples of one call, at most. Default 256. */
  readonly maxBatch?: number
}

/** A reward that is a number in the output of an ONNX graph. */
export function graphReward(session: Session, options: GraphRewardOptions): Reward<Tensor> {
  const { name, event, maxBatch = 256 } = options
  const input = options.input ?? 'x'
  const output = options.output ?? session.outputs[0]?.name
  if (
    !session.inputs.some((value) => value.name === input) ||
    !session.outputs.some((value) => value.name === output)
  ) {
    throw new Error(`Reward "${name}": the graph has no input "${input}" with output "${output}".`)
  }

  const evaluate = async (samples: readonly Tensor[]): Promise<Float64Array> => {
    const result = await session.run({ [input]: batchOf(samples, event) }, [output])
    return numbers(result[output], samples.length, { ...options, output })
  }

  return {
    name,
    async evaluate(samples) {
      const values = new Float64Array(samples.length)
      for (let from = 0; from < samples.length; from += maxBatch) {
        values.set(await evaluate(samples.slice(from, from + maxBatch)), from)
      }
      return values
    },
  }
}

/** @throws Error that names the first sample of another size */
function batchOf(samples: readonly Tensor[], event: readonly number[]): Tensor {
  const size = sizeOf(event)
  const odd = samples.findIndex((sample) => sample.data.length !== size)
  if (odd >= 0) throw new Error(`Sample ${odd} is [${samples[odd].shape}]; the reward takes [${event}].`)
  return stack(
    samples.map((sample) => sample.data),
    event,
  )
}

/** The rewards of n rows of the graph's output. */
export function numbers(
  { type, shape, data }: RuntimeTensor,
  n: number,
  { output, index = 0, transform = 'none' }: Pick<GraphRewardOptions, 'output' | 'index' | 'transform'>,
): Float64Array {
  const width = data.length / n
  if (!(data instanceof Float32Array) || !Number.isInteger(width) || index >= width) {
    const given = `${type} [${shape.join(', ')}]`
    throw new Error(`Output "${output}" is ${given}; the reward reads number ${index} of each of ${n} float32 rows.`)
  }
  return Float64Array.from({ length: n }, (_, i) => pick(data, i * width, width, index, transform))
}

/** One number of a row, in float64. */
function pick(
  data: Float32Array,
  start: number,
  width: number,
  index: number,
  transform: NonNullable<GraphRewardOptions['transform']>,
): number {
  if (transform === 'none') return data[start + index]
  const logits = data.subarray(start, start + width)
  const logit = logits[index]
  if (transform === 'log-odds') return logit - logSumExp(logits.filter((_, i) => i !== index))
  const logProbability = logit - logSumExp(logits)
  return transform === 'softmax' ? Math.exp(logProbability) : logProbability
}

/** A reward that owns its sessions. */
export interface LoadedReward extends DifferentiableReward<Tensor> {
  release(): Promise<void>
}

/**
 * {@link graphReward} with its gradient in the sample, through the transform: `vjp` of the graph, made and loaded when
 * it is first asked for. The rows of the graph must not depend on one another.
 *
 * @param model the ONNX file
 * @throws Error as {@link graphReward}; at the first gradient, where an operator of the graph has none
 */
export async function differentiableGraphReward(
  runtime: Runtime,
  model: Uint8Array,
  options: GraphRewardOptions & { readonly session?: SessionOptions },
): Promise<LoadedReward> {
  const { event, input = 'x', maxBatch = 256 } = options
  const session = await runtime.load(model, options.session)
  const output = options.output ?? session.outputs[0]?.name
  const gradient = lazySession(async () => {
    const { graphGradient } = await import('./graph-gradient.ts')
    return runtime.load(graphGradient(model, { input, output }, options), options.session)
  })

  const differentiate = async (samples: readonly Tensor[]) => {
    const slope = valueGradientNames.gradient(input)
    const result = await (await gradient.open()).run({ [input]: batchOf(samples, event) }, [output, slope])
    // The number itself as without the gradient: in float64, from the same output.
    const values = numbers(result[output], samples.length, { ...options, output })
    const size = sizeOf(event)
    const data = result[slope].data as Float32Array
    return { values, gradients: samples.map((_, i) => ({ shape: event, data: data.slice(i * size, (i + 1) * size) })) }
  }

  try {
    return {
      ...graphReward(session, options),
      async differentiate(samples) {
        const values = new Float64Array(samples.length)
        const gradients: Tensor[] = []
        for (let from = 0; from < samples.length; from += maxBatch) {
          const part = await differentiate(samples.slice(from, from + maxBatch))
          values.set(part.values, from)
          gradients.push(...part.gradients)
        }
        return { values, gradients }
      },
      async release() {
        await Promise.all([session.release(), gradient.release()])
      },
    }
  } catch (error) {
    await session.release()
    throw error
  }
}

/** How a class reward is named, by what is made of the logits. */
export const classRewardNames = { softmax: 'p', 'log-softmax': 'log p', 'log-odds': 'log odds' } as const

/**
 * The probability that a classifier gives to a class, its logarithm (which ends at 0), or its log-odds (which does
 * not).
 *
 * @param label a class name of the card
 * @throws Error when the card has no such class
 */
export function classReward(
  session: Session,
  card: ClassifierCard,
  label: string,
  transform: keyof typeof classRewardNames = 'log-softmax',
): Reward<Tensor> {
  return graphReward(session, classOptions(card, label, transform))
}

/** {@link classReward} with its gradient in the sample. @throws Error when the card has no such class */
export function differentiableClassReward(
  runtime: Runtime,
  model: Uint8Array,
  card: ClassifierCard,
  label: string,
  transform: keyof typeof classRewardNames = 'log-softmax',
): Promise<LoadedReward> {
  return differentiableGraphReward(runtime, model, classOptions(card, label, transform))
}

function classOptions(
  card: ClassifierCard,
  label: string,
  transform: keyof typeof classRewardNames,
): GraphRewardOptions {
  if (card.noisy) {
    throw new Error(
      `"${card.name}" classifies noisy states at their times; it guides a run, and does not score samples.`,
    )
  }
  const index = card.classes.indexOf(label)
  if (index < 0)
    throw new Error(`"${card.name}" knows no class "${label}"; its classes are ${card.classes.join(', ')}.`)
  return {
    name: `${classRewardNames[transform]}(${label})`,
    event: card.event,
    input: card.input,
    output: card.outputs.logits,
    index,
    transform,
  }
}
