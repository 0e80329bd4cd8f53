import { type Model, writeModel } from '@espalier/graph'
import { featureDistance, mean, psnr, ssim } from 'espalier/measure'
import { type NetworkCard, parseModelCard } from 'espalier/runtime'
import { ddim, type Solver } from 'espalier/solve'
import { fold, key, purpose, type Tensor } from 'espalier/tensor'
import { type DataSet, heldOut } from './data.ts'
import { type DegradationSpecification, degradation } from './degrade.ts'
import { classify, predictedClasses } from './evaluate.ts'
import { cnnFidTo } from './fid.ts'
import { imagesTensor, slice } from './images.ts'
import { loadZoo } from './models.ts'
import type { EvaluateOptions } from './recipe.ts'
import { restoreImages } from './sample.ts'

/** How near images are to the clean ones that they should be: means over the images. */
export interface Fidelity {
  /** dB, of values in [-1, 1]. */
  readonly psnr: number
  readonly ssim: number
  /** Distance of the judge's features, each scaled to length 1. */
  readonly featureDistance: number
  /** Frechet distance of the judge's features: 0 for the clean images themselves. */
  readonly cnnFid: number
  /** Share of the images that the judge gives their label. */
  readonly agreement: number
}

/** Prepares the comparison with clean images, whose features are computed once. */
export async function fidelityTo(
  judge: string,
  clean: Tensor,
  labels: ArrayLike<number>,
): Promise<(images: Tensor) => Promise<Fidelity>> {
  const classifier = loadZoo(judge).model
  const { features } = await classify(classifier, clean)
  const fid = await cnnFidTo(judge, clean)
  const round = (value: number) => Number(value.toPrecision(4))
  return async (images) => {
    const seen = await classify(classifier, images)
    const right = predictedClasses(seen.logits).reduce((sum, k, i) => sum + (k === labels[i] ? 1 : 0), 0)
    return {
      psnr: round(mean(psnr(images, clean, 2))),
      ssim: round(mean(ssim(images, clean, 2))),
      featureDistance: round(mean(featureDistance(seen.features, features))),
      cnnFid: await fid(images),
      agreement: right / labels.length,
    }
  }
}

export interface RestorationEvaluation {
  readonly images: number
  readonly judge: string
  readonly rows: readonly ({
    readonly degradation: DegradationSpecification
    /** `degraded`: what the network is given. */
    readonly method: string
    /** Network calls an image. */
    readonly nfe: number
  } & Fidelity)[]
}

export interface EvaluateRestorationOptions extends EvaluateOptions {
  readonly data: DataSet
  readonly judge: string
  readonly degradations: readonly DegradationSpecification[]
  /** On even times. Default DDIM. */
  readonly solver?: Solver
  readonly method?: string
  readonly steps: number
  /** Of the part of the test set to measure with. Default 2000. */
  readonly images?: number
  readonly seed?: number
}

/** How well a restoration network undoes each degradation, on test images that it has never seen. */
export async function evaluateRestoration(
  model: Model,
  card: unknown,
  options: EvaluateRestorationOptions,
): Promise<RestorationEvaluation> {
  const { data, judge, degradations, solver = ddim(), method = 'ddim', steps, seed = 0, signal, onProgress } = options
  const parsed = parseModelCard(card) as NetworkCard
  const set = heldOut(data).measure
  const some = slice(set, 0, options.images ?? 2000)
  const clean = imagesTensor(some)
  const fidelity = await fidelityTo(judge, clean, some.labels)
  const root = purpose(key(seed), 'degrade')
  const keys = Array.from({ length: some.count }, (_, i) => fold(root, i))
  const rows: RestorationEvaluation['rows'][number][] = []
  for (const [part, spec] of degradations.entries()) {
    const degraded = degradation(spec)(clean, keys)
    rows.push({ degradation: spec, method: 'degraded', nfe: 0, ...(await fidelity(degraded)) })
    const restored = await restoreImages(writeModel(model), parsed, degraded, {
      steps,
      solver,
      seed,
      signal,
      onBatch: (done) => onProgress?.((part + done / some.count) / degradations.length),
    })
    rows.push({ degradation: spec, method, nfe: steps, ...(await fidelity(restored)) })
  }
  return { images: some.count, judge, rows }
}
