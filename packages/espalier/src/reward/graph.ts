import type { ClassifierCard } from '../runtime/card.ts'
import type { Session } from '../runtime/runtime.ts'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import { sizeOf, stack, type Tensor } from '../tensor/tensor.ts'
import type { Reward } from './reward.ts'

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
  const { name, event, index = 0, transform = 'none', maxBatch = 256 } = options
  const input = options.input ?? 'x'
  const output = options.output ?? session.outputs[0]?.name
  if (
    !session.inputs.some((value) => value.name === input) ||
    !session.outputs.some((value) => value.name === output)
  ) {
    throw new Error(`Reward "${name}": the graph has no input "${input}" with output "${output}".`)
  }
  const size = sizeOf(event)

  const evaluate = async (samples: readonly Tensor[]): Promise<Float64Array> => {
    const n = samples.length
    const odd = samples.findIndex((sample) => sample.data.length !== size)
    if (odd >= 0) throw new Error(`Sample ${odd} is [${samples[odd].shape}]; the reward takes [${event}].`)
    const batch = stack(
      samples.map((sample) => sample.data),
      event,
    )
    const result = (await session.run({ [input]: batch }, [output]))[output]
    const width = result.data.length / n
    if (!(result.data instanceof Float32Array) || !Number.isInteger(width) || index >= width) {
      const given = `${result.type} [${result.shape.join(', ')}]`
      throw new Error(`Output "${output}" is ${given}; the reward reads number ${index} of each of ${n} float32 rows.`)
    }
    return Float64Array.from({ length: n }, (_, i) =>
      pick(result.data as Float32Array, i * width, width, index, transform),
    )
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

const names = { softmax: 'p', 'log-softmax': 'log p', 'log-odds': 'log odds' } as const

/**
 * The probability that a classifier gives to a class, its logarithm (which ends at 0), or its log-odds (which does not).
 *
 * @param label a class name of the card
 * @throws Error when the card has no such class
 */
export function classReward(
  session: Session,
  card: ClassifierCard,
  label: string,
  transform: keyof typeof names = 'log-softmax',
): Reward<Tensor> {
  const index = card.classes.indexOf(label)
  if (index < 0)
    throw new Error(`"${card.name}" knows no class "${label}"; its classes are ${card.classes.join(', ')}.`)
  return graphReward(session, {
    name: `${names[transform]}(${label})`,
    event: card.event,
    input: card.input,
    output: card.outputs.logits,
    index,
    transform,
  })
}
