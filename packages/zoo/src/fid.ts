import { type Model, writeModel } from '@espalier/graph'
import { fitGaussian, frechetDistance, type GaussianFit } from 'espalier/measure'
import { type NetworkCard, parseModelCard } from 'espalier/runtime'
import type { Tensor } from 'espalier/tensor'
import type { DataSet } from './data.ts'
import { classify, predictedClasses } from './evaluate.ts'
import { imagesTensor } from './images.ts'
import { loadZoo } from './models.ts'
import type { EvaluateOptions } from './recipe.ts'
import { sampleImages } from './sample.ts'

/** CNN-FID: Frechet distance on a classifier's features, to as many real test images. */
export interface ImageFid {
  readonly features: string
  /** Classes in equal numbers, each asked for; of networks with classes. */
  readonly conditional?: number
  readonly unconditional: number
  /** Of as many training images: what a perfect sampler would get. */
  readonly floor: number
}

export interface ImageEvaluation {
  readonly samples: number
  readonly sampler: string
  readonly cnnFid: readonly ImageFid[]
  /** Share of the conditional samples that the first judge assigns to the class that was asked for. */
  readonly classAgreement?: number
}

export interface EvaluateImagesOptions extends EvaluateOptions {
  readonly data: DataSet
  /** Classifiers of the zoo whose features are compared. */
  readonly judges: readonly string[]
  /** At most 10,000. */
  readonly samples?: number
  readonly steps?: number
  readonly seed?: number
}

/**
 * CNN-FID of a network against the first test images, on the features of classifiers of the zoo, and, where it knows
 * classes, how often the first of these sees the class that was asked for.
 */
export async function evaluateImages(
  model: Model,
  card: unknown,
  options: EvaluateImagesOptions,
): Promise<ImageEvaluation> {
  const { data, judges, samples = 10_000, steps = 50, seed = 0, signal, onProgress } = options
  const parsed = parseModelCard(card) as NetworkCard
  const bytes = writeModel(model)
  const asked = Uint8Array.from({ length: samples }, (_, i) => i % data.classes.length)
  const parts = parsed.classes ? 2 : 1
  const draw = (labels: ArrayLike<number>, part: number) =>
    sampleImages(bytes, parsed, {
      count: samples,
      steps,
      seed: seed + part,
      labels,
      signal,
      onBatch: (done) => onProgress?.((part + done / samples) / parts),
    })
  const sets = {
    test: imagesTensor(data.read('test'), 0, samples),
    train: imagesTensor(data.read('train'), 0, samples),
    conditional: parsed.classes && (await draw(asked, 0)),
    unconditional: await draw(new Int8Array(samples).fill(-1), parts - 1),
  }
  const cnnFid: ImageFid[] = []
  for (const features of judges) {
    const fid = await cnnFidTo(features, sets.test)
    cnnFid.push({
      features,
      ...(sets.conditional && { conditional: await fid(sets.conditional) }),
      unconditional: await fid(sets.unconditional),
      floor: await fid(sets.train),
    })
  }
  const measured = { samples, sampler: `ddim, ${steps} steps, uniform times`, cnnFid }
  if (!sets.conditional) return measured
  const seen = predictedClasses((await classify(loadZoo(judges[0]).model, sets.conditional)).logits)
  const classAgreement = seen.reduce((sum, k, i) => sum + (k === asked[i] ? 1 : 0), 0) / samples
  return { ...measured, classAgreement }
}

/**
 * The CNN-FID to a set of real images, whose features are fitted once: Frechet distance between Gaussian fits of the
 * features of a classifier of the zoo, to four digits.
 *
 * @param judge its name, such as `mnist-judge` or `fashion-judge`
 * @param real `[n, 1, 28, 28]` in [-1, 1], as are the images that are measured
 */
export async function cnnFidTo(judge: string, real: Tensor): Promise<(images: Tensor) => Promise<number>> {
  const classifier = loadZoo(judge).model
  const fit = async (images: Tensor): Promise<GaussianFit> => fitGaussian((await classify(classifier, images)).features)
  const target = await fit(real)
  return async (images) => Number(frechetDistance(target, await fit(images)).toPrecision(4))
}
