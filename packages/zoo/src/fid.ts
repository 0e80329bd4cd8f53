import { type Model, writeModel } from '@espalier/graph'
import { fitGaussian, frechetDistance, type GaussianFit } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import { parseProcess, uniformGrid } from 'espalier/process'
import { type NetworkCard, networkDenoiser, parseModelCard } from 'espalier/runtime'
import { ddim, execute, start } from 'espalier/solve'
import { fold, key, purpose, type Tensor } from 'espalier/tensor'
import { classify, imagesTensor, predictedClasses } from './evaluate.ts'
import { readMnist } from './mnist.ts'
import { loadZoo } from './models.ts'
import type { EvaluateOptions } from './recipe.ts'

export interface SampleDigitsOptions {
  readonly count: number
  /** DDIM steps, each one network evaluation a row. */
  readonly steps: number
  readonly seed: number
  /** One class per row; -1 asks for no class. */
  readonly labels: ArrayLike<number>
  /** Rows at once. Default 100. */
  readonly batch?: number
  readonly onBatch?: (done: number) => void
  readonly signal?: AbortSignal
}

/** Digits drawn with deterministic DDIM on even times, row i from its own stream. `[count, 1, 28, 28]`. */
export async function sampleDigits(
  model: Uint8Array,
  card: NetworkCard,
  options: SampleDigitsOptions,
): Promise<Tensor> {
  const { count, steps, seed, labels, batch = 100 } = options
  const process = parseProcess(card.process)
  const plan = ddim()(process, uniformGrid(process, steps))
  const root = purpose(key(seed), 'samples')
  const runtime = nodeRuntime({ workers: 0 })
  try {
    const denoiser = networkDenoiser(await runtime.load(model), { ...card, process })
    const size = card.event.reduce((product, n) => product * n, 1)
    const classes = card.classes?.length ?? 0
    const data = new Float32Array(count * size)
    for (let at = 0; at < count; at += batch) {
      options.signal?.throwIfAborted()
      const n = Math.min(batch, count - at)
      const keys = Array.from({ length: n }, (_, i) => fold(root, at + i))
      const label = new Float32Array(n * classes)
      for (let i = 0; i < n; i++) if (labels[at + i] >= 0) label[i * classes + labels[at + i]] = 1
      const condition = { label: { shape: [n, classes], data: label } }
      data.set((await execute(plan, denoiser, start(plan, denoiser, keys), { condition })).data, at * size)
      options.onBatch?.(at + n)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { shape: [count, ...card.event], data }
  } finally {
    await runtime.close()
  }
}

/** CNN-FID: Frechet distance on a digit classifier's features, to as many real test digits. */
export interface DigitFid {
  readonly features: string
  /** Classes in equal numbers, each asked for. */
  readonly conditional: number
  readonly unconditional: number
  /** Of as many training images: what a perfect sampler would get. */
  readonly floor: number
}

export interface DigitEvaluation {
  readonly samples: number
  readonly sampler: string
  readonly cnnFid: readonly DigitFid[]
  /** Share of the conditional samples that the judge assigns to the class that was asked for. */
  readonly classAgreement: number
}

/**
 * CNN-FID of a digit network against the test images (at most 10,000), on the features of both digit classifiers of
 * the zoo, and how often the judge sees the class that was asked for.
 */
export async function evaluateDigits(
  model: Model,
  card: unknown,
  options: EvaluateOptions & { readonly samples?: number; readonly steps?: number; readonly seed?: number } = {},
): Promise<DigitEvaluation> {
  const { samples = 10_000, steps = 50, seed = 0, signal, onProgress } = options
  const parsed = parseModelCard(card) as NetworkCard
  const bytes = writeModel(model)
  const asked = Uint8Array.from({ length: samples }, (_, i) => i % 10)
  const draw = (labels: ArrayLike<number>, part: number) =>
    sampleDigits(bytes, parsed, {
      count: samples,
      steps,
      seed: seed + part,
      labels,
      signal,
      onBatch: (done) => onProgress?.((part + done / samples) / 2),
    })
  const sets = {
    test: imagesTensor(readMnist('test'), 0, samples),
    train: imagesTensor(readMnist('train'), 0, samples),
    conditional: await draw(asked, 0),
    unconditional: await draw(new Int8Array(samples).fill(-1), 1),
  }
  const cnnFid: DigitFid[] = []
  let classAgreement = 0
  for (const name of ['mnist-judge', 'mnist-classifier']) {
    const classifier = loadZoo(name).model
    const fit = async (images: Tensor): Promise<GaussianFit> =>
      fitGaussian((await classify(classifier, images)).features)
    const real = await fit(sets.test)
    const distance = async (images: Tensor) => Number(frechetDistance(real, await fit(images)).toPrecision(4))
    cnnFid.push({
      features: name,
      conditional: await distance(sets.conditional),
      unconditional: await distance(sets.unconditional),
      floor: await distance(sets.train),
    })
    if (name !== 'mnist-judge') continue
    const seen = predictedClasses((await classify(classifier, sets.conditional)).logits)
    classAgreement = seen.reduce((sum, k, i) => sum + (k === asked[i] ? 1 : 0), 0) / samples
  }
  return { samples, sampler: `ddim, ${steps} steps, uniform times`, cnnFid, classAgreement }
}
