/** A flow of digits without classes, with what rewards and judges its samples: the world of searches over a flow. */

import { loadZoo } from '@espalier/zoo'
import { nodeRuntime } from 'espalier/node'
import { type Denoiser, flow, viewed } from 'espalier/process'
import { batchedReward, classReward, type Reward, scaled, symmetry } from 'espalier/reward'
import { batched, type ClassifierCard, loadDenoiser, type NetworkCard, type Session } from 'espalier/runtime'
import { concatenate, logSumExp, type Tensor } from 'espalier/tensor'

/** Rows of one network call: what the zoo's networks like best on few cores. */
const rows = 64

export const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const

export interface Digits {
  readonly name: string
  /** On the rectified flow; concurrent callers share batches. */
  readonly denoiser: Denoiser
  /** Clean samples are clamped to it. */
  readonly range: readonly [number, number]
  /** Log-odds of a digit under the classifier that searches may see. */
  digit(label: string): Reward<Tensor>
  /** In hundredths of the squared range, 0 at best. */
  readonly symmetry: Reward<Tensor>
  /** Features of samples by the classifier that searches may see. */
  features(samples: readonly Tensor[]): Promise<Float32Array[]>
  /** What the other classifier, which no search sees, makes of samples. */
  judge(samples: readonly Tensor[]): Promise<Judgement>
  close(): Promise<void>
}

export interface Judgement {
  /** `log p / (1 - p)` of a digit, one per sample. */
  logOdds(label: string): number[]
  /** `log max_k p_k`: how sure the judge is that this is a digit at all. */
  readonly confidence: readonly number[]
  /** The likeliest digit. */
  readonly digit: readonly number[]
  /** Features, one row per sample. */
  readonly features: readonly Float32Array[]
}

/** @param name a network of digits of the zoo. Default `mnist-flow` */
export async function openDigits(name = 'mnist-flow'): Promise<Digits> {
  const { model, card } = loadZoo(name) as { model: Uint8Array; card: NetworkCard }
  const classifier = loadZoo('mnist-classifier') as { model: Uint8Array; card: ClassifierCard }
  const runtime = nodeRuntime()
  const network = await loadDenoiser(runtime, model, card)
  const session = await runtime.load(classifier.model)
  const judge = await runtime.load(loadZoo('mnist-judge').model)
  const read = async (by: Session, samples: readonly Tensor[], output: string) => {
    const { data, shape } = (await by.run({ x: stacked(samples) }, [output]))[output]
    return samples.map((_, i) => (data as Float32Array).slice(i * shape[1], (i + 1) * shape[1]))
  }
  const [low, high] = card.valueRange
  return {
    name,
    denoiser: batched(viewed(network, flow()), { maxBatch: rows }),
    range: [low, high],
    digit: (label) => batchedReward(classReward(session, classifier.card, label, 'log-odds'), { maxBatch: rows }),
    symmetry: scaled(symmetry({ valueRange: [low, high] }), 100),
    features: (samples) => read(session, samples, 'features'),
    async judge(samples) {
      const logits = await read(judge, samples, 'logits')
      const features = await read(judge, samples, 'features')
      const logP = logits.map((own) => {
        const total = logSumExp(own)
        return Float64Array.from(own, (v) => v - total)
      })
      return {
        logOdds: (label) => {
          const k = digits.indexOf(label as (typeof digits)[number])
          return logP.map((own) => own[k] - logSumExp(own.filter((_, j) => j !== k)))
        },
        confidence: logP.map((own) => Math.max(...own)),
        digit: logP.map((own) => own.indexOf(Math.max(...own))),
        features,
      }
    },
    async close() {
      await network.release()
      await session.release()
      await judge.release()
      await runtime.close()
    },
  }
}

/** Samples as one batch. */
export function stacked(samples: readonly Tensor[]): Tensor {
  return concatenate(samples.map(({ shape, data }) => ({ shape: [1, ...shape], data })))
}

/** Mean distance of all pairs: how different samples are. 0 of one. */
export function spread(rows: readonly ArrayLike<number>[]): number {
  let [sum, pairs] = [0, 0]
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < i; j++) {
      let square = 0
      for (let k = 0; k < rows[i].length; k++) square += (rows[i][k] - rows[j][k]) ** 2
      sum += Math.sqrt(square)
      pairs++
    }
  }
  return pairs === 0 ? 0 : sum / pairs
}
