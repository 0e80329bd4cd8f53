/** The flow of digits, its rarity classifiers, and the real digits that samples are measured against. */

import { writeModel } from '@espalier/graph'
import {
  classify,
  imagesTensor,
  loadZoo,
  minorityScoreOptions,
  minorityScores,
  minorityScoring,
  minorityTask,
  mnistData,
  recipes,
} from '@espalier/zoo'
import { type LoadedNoisyClassifier, minorityScore, noisyClassifier } from 'espalier/guide'
import { frechetMetric, type Metric, mean, RealSet } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import type { Denoiser } from 'espalier/process'
import { type ClassifierCard, loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { concatenate, gather, logSumExp, purpose, row, type Tensor } from 'espalier/tensor'
import { bakeParameters, train } from 'espalier/train'

/** What is measured of a seed's samples. */
export const metrics = {
  distance: 'AvgkNN',
  lof: 'LOF',
  rarity: 'rarity score',
  score: 'minority score',
  outside: 'share out of the manifold',
  precision: 'precision, rarest tenth',
  recall: 'recall, rarest tenth',
  sure: 'judge: log p of the likeliest digit',
  digits: 'entropy of the digits drawn (bits)',
  fid: 'CNN-FID to the rarest tenth',
} as const

/** Of samples that are drawn with repetitions. */
export const distinct = 'share of distinct samples'

/** One value of each metric but the FID, NaN where there are too few samples for it. */
export type Measured = Record<Exclude<(typeof metrics)[keyof typeof metrics], typeof metrics.fid>, number>

/** Samples from which on their own neighbours say something. */
const enough = 20

export interface World {
  readonly denoiser: Denoiser
  readonly classifier: LoadedNoisyClassifier
  /** A classifier that the recipe of the zoo's trains in a few steps, on true or on shuffled labels. */
  trained(steps: number, options: { readonly shuffle: boolean }): Promise<LoadedNoisyClassifier>
  /** Scores with noises of their own, such as those that choose and those that judge. */
  scores(samples: Tensor, what: string): Promise<Float64Array>
  measured(samples: Tensor): Promise<Measured>
  /** To the real digits of the rarest tenth. Compare equal numbers of samples. */
  readonly fid: Metric
  /** Real digits of a class, from the part that the classifier was trained on. */
  real(label: number, from: number, count: number): Tensor
  close(): Promise<void>
}

/** @param reference real digits that density is measured among; none of them was scored or trained on */
export async function openWorld(reference: number): Promise<World> {
  const flow = loadZoo(minorityScoring.model) as { model: Uint8Array; card: NetworkCard }
  const noisy = loadZoo('mnist-minority') as { model: Uint8Array; card: ClassifierCard }
  const judge = loadZoo('mnist-judge').model
  const runtime = nodeRuntime({ workers: 0 })
  const denoiser = await loadDenoiser(runtime, flow.model, flow.card)
  const classifier = await noisyClassifier(runtime, noisy.model, noisy.card)
  const digits = mnistData.read('train')
  const { labels } = minorityScores()
  const real = (label: number, from: number, count: number) => {
    const members = [...labels.keys()].filter((i) => labels[i] === label).slice(from, from + count)
    return concatenate(members.map((i) => imagesTensor(digits, i, i + 1)))
  }
  const read = async (images: Tensor) => classify(judge, images)
  const from = minorityScoring.images
  const all = new RealSet((await read(imagesTensor(digits, from, from + reference))).features)
  const rarest = real(9, 0, 1000)
  const rareSet = new RealSet((await read(gather(rarest, [...Array(500).keys()]))).features, 5)
  const opened: { release(): Promise<void> }[] = [denoiser, classifier]
  const scores = (samples: Tensor, what: string) =>
    minorityScore(denoiser, samples, { ...minorityScoreOptions, key: purpose(minorityScoreOptions.key, what) })
  return {
    denoiser,
    classifier,
    scores,
    real,
    async trained(steps, { shuffle }) {
      const settings = { seed: 1, steps, batch: 64 }
      const task = minorityTask(settings, { shuffle })
      const optimizer = recipes['mnist-minority'].optimizer(settings)
      const { average } = await train(task, { runtime, steps, optimizer, ema: 0.98 })
      const found = await noisyClassifier(runtime, writeModel(bakeParameters(task.model, average)), noisy.card)
      opened.push(found)
      return found
    },
    async measured(samples) {
      const { features, logits } = await read(samples)
      const { scores: rarity, outside } = all.rarity(features)
      const few = samples.shape[0] < enough
      const { precision, recall } = few ? { precision: NaN, recall: NaN } : rareSet.precisionRecall(features)
      const inside = rarity.filter((value) => !Number.isNaN(value))
      const { sure, entropy } = judgement(logits)
      return {
        [metrics.distance]: mean(all.averageDistance(features)),
        [metrics.lof]: mean(all.localOutlierFactor(features)),
        [metrics.rarity]: mean(inside),
        [metrics.score]: mean(await scores(samples, 'judging')),
        [metrics.outside]: outside,
        [metrics.precision]: precision,
        [metrics.recall]: recall,
        [metrics.sure]: sure,
        [metrics.digits]: entropy,
      }
    },
    fid: frechetMetric(metrics.fid, async (images) => (await read(images)).features, {
      ...{ target: rarest, floor: [real(9, 1000, 1000)], floorName: 'other real digits of the rarest tenth' },
    }),
    async close() {
      for (const model of opened) await model.release()
      await runtime.close()
    },
  }
}

/** Mean `log max_k p_k`, and the entropy of the digits that are likeliest. */
function judgement(logits: Tensor): { sure: number; entropy: number } {
  const [n, classes] = logits.shape
  const counts = new Float64Array(classes)
  let sure = 0
  for (let i = 0; i < n; i++) {
    const own = row(logits, i)
    const top = Math.max(...own)
    sure += (top - logSumExp(Float64Array.from(own))) / n
    counts[own.indexOf(top)]++
  }
  const entropy = counts.reduce((sum, c) => sum - (c > 0 ? (c / n) * Math.log2(c / n) : 0), 0)
  return { sure, entropy }
}
