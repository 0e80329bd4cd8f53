/** Minority scores of the training digits: what `mnist-minority` learns to tell apart. */

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type MinorityScoreOptions, minorityScore, quantileLabels } from 'espalier/guide'
import { nodeRuntime, writeFileAtomic } from 'espalier/node'
import { loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { key, purpose, readSafetensors, writeSafetensors } from 'espalier/tensor'
import { readMnist } from './data.ts'
import { imagesTensor } from './images.ts'
import { loadZoo } from './models.ts'
import type { EvaluateOptions } from './recipe.ts'

/** Classes of rarity, from `minority-0`, the commonest tenth, to `minority-9`, the rarest. */
export const minorityClassNames: readonly string[] = Array.from({ length: 10 }, (_, j) => `minority-${j}`)

/** How digits are scored: by whom, how many of the training images, and at which noise. */
export const minorityScoring = {
  model: 'mnist-flow',
  images: 20_000,
  // Chosen on 1,000 images: here the score goes best with the distance to neighbours among features (rank correlation
  // 0.52; 0.41 at t = 0.5, 0.35 at t = 0.82).
  t: 0.65,
  draws: 4,
  seed: 21,
} as const

/** What the score is asked with, of any digits; other samples want other keys. */
export const minorityScoreOptions = {
  t: minorityScoring.t,
  draws: minorityScoring.draws,
  range: [-1, 1],
  key: purpose(key(minorityScoring.seed), 'minority'),
} as const satisfies MinorityScoreOptions

const fileName = 'scores.safetensors'
const own = fileURLToPath(new URL('../models/mnist-minority', import.meta.url))

export interface MinorityScores {
  /** Of the first training images. */
  readonly scores: Float64Array
  /** Their classes, and the largest score of each class. */
  readonly labels: Int32Array
  readonly quantiles: Float64Array
}

/**
 * The minority scores of the first training digits.
 *
 * @param folder that {@link scoreDigits} wrote to. Default: what came with the model `mnist-minority`
 * @throws Error where there are none
 */
export function minorityScores(folder: string = own): MinorityScores {
  const file = join(folder, fileName)
  if (!existsSync(file)) throw new Error(`${file} is not there; it is written by: espalier train mnist-minority`)
  const { data } = readSafetensors(readFileSync(file)).tensors.scores
  const scores = Float64Array.from(data as Float32Array)
  return { scores, ...quantileLabels(scores, minorityClassNames.length) }
}

/**
 * Scores the training digits by the unconditional flow, once: where the folder has the scores of this very network and
 * these settings, nothing is done. 80,000 network evaluations.
 */
export async function scoreDigits(
  folder: string,
  options: EvaluateOptions & { readonly by?: { readonly model: Uint8Array; readonly card: NetworkCard } } = {},
): Promise<void> {
  const { model, card } = options.by ?? (loadZoo(minorityScoring.model) as { model: Uint8Array; card: NetworkCard })
  const { images, draws } = minorityScoring
  const settings = JSON.stringify(minorityScoring)
  const sha256 = createHash('sha256').update(model).digest('hex')
  const file = join(folder, fileName)
  if (existsSync(file)) {
    const { metadata } = readSafetensors(readFileSync(file))
    if (metadata.settings === settings && metadata.model === sha256) return
  }
  const runtime = nodeRuntime({ workers: 0 })
  try {
    const denoiser = await loadDenoiser(runtime, model, card)
    const scores = await minorityScore(denoiser, imagesTensor(readMnist('train'), 0, images), {
      ...minorityScoreOptions,
      signal: options.signal,
      onProgress: (nfe) => options.onProgress?.(nfe / (images * draws)),
    })
    const tensors = { scores: { shape: [images], data: Float32Array.from(scores) } }
    writeFileAtomic(file, writeSafetensors(tensors, { format: 'espalier-minority-1', settings, model: sha256 }))
  } finally {
    await runtime.close()
  }
}
