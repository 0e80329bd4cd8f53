/** One number in place of a picture: clean data in two narrow clusters, the degraded value between them. */

import { GaussianMixture, meanReverting } from 'espalier/process'
import { execute, start } from 'espalier/solve'
import { normal, type Tensor } from 'espalier/tensor'
import { rowKeys } from '../support/restoration.ts'
import type { Method } from './methods.ts'

/** How this part is named in the table. */
export const world = 'one number, two clusters'
export const w1 = 'W1 to the exact law'

/** The process of the paper, of pictures in [0, 1]. */
const process = meanReverting()
/** Of the residual: clean minus degraded. */
const residual = new GaussianMixture({ means: [[-0.4], [0.6]], stds: [0.06, 0.1], weights: [0.4, 0.6] })

/** The law of the state at the end of a run, where a little noise is left: `a(0) r + s(0) eps`. */
const end = { a: process.a(0), s: process.s(0) }

/** Quantiles of the exact law at `(i + 1/2) / n`, from its density summed on a fine grid. */
export function exactQuantiles(n: number): Float64Array {
  const [low, high, cells] = [-1.5, 1.8, 100_000]
  const width = (high - low) / cells
  const out = new Float64Array(n)
  let below = 0
  let i = 0
  for (let k = 0; k < cells && i < n; k++) {
    const mass = width * Math.exp(residual.logDensity([low + (k + 0.5) * width], end.a, end.s))
    for (; i < n && (i + 0.5) / n <= below + mass; i++) out[i] = low + (k + ((i + 0.5) / n - below) / mass) * width
    below += mass
  }
  return out.fill(high, i)
}

/** `int |F - G|` of samples and the exact law: the 1-Wasserstein distance. */
export function wasserstein1(samples: ArrayLike<number>, quantiles: Float64Array): number {
  const sorted = Float64Array.from(samples).sort()
  return sorted.reduce((sum, x, i) => sum + Math.abs(x - quantiles[i]), 0) / sorted.length
}

export async function drawWorld({ solver, grid }: Method, steps: number, seed: number, count: number): Promise<Tensor> {
  const plan = solver(process, grid(process, steps))
  const denoiser = residual.denoiser(process)
  const keys = rowKeys(seed, 'world', count)
  return execute(plan, denoiser, start(plan, denoiser, keys), { keys })
}

export function exactDraws(seed: number, count: number): Float64Array {
  const noise = new Float64Array(1)
  return Float64Array.from(rowKeys(seed, 'exact', count), (own) => {
    normal(own, noise)
    return end.a * residual.sample(own)[0] + end.s * noise[0]
  })
}
