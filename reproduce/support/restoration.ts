/** Restoration networks of the zoo on pictures that they have never seen: pairs, runs, and what judges the results. */

import {
  type DegradationSpecification,
  degradation,
  Epochs,
  fashionData,
  heldOut,
  loadZoo,
  writeImage,
} from '@espalier/zoo'
import { type Cell, featureDistance, fitGaussian, frechetDistance, jackknife, mean, psnr, ssim } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import type { Denoiser } from 'espalier/process'
import { loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { execute, type Plan, start } from 'espalier/solve'
import { concatenate, fold, type Key, key, purpose, row, rowSize, stack, type Tensor } from 'espalier/tensor'

/** Clean pictures and what a degradation made of them, in [-1, 1]: one tensor a seed, setting after setting. */
export interface Pairs {
  readonly settings: readonly string[]
  /** `[settings * images, 1, 28, 28]` */
  readonly clean: readonly Tensor[]
  readonly degraded: readonly Tensor[]
}

/**
 * Pictures of clothes that no network was trained on, other ones for every seed, the same for every setting.
 * @param part of the test set: `choose` is never measured with
 */
export function pairsOf(
  settings: Readonly<Record<string, DegradationSpecification>>,
  { seeds, images, part = 'measure' }: { seeds: readonly number[]; images: number; part?: 'choose' | 'measure' },
): Pairs {
  const set = heldOut(fashionData)[part]
  const order = new Epochs(set.count, purpose(key(0), 'pictures'))
  const size = set.height * set.width
  const pictures = seeds.map((seed): Tensor => {
    const data = new Float32Array(images * size)
    for (let i = 0; i < images; i++) writeImage(set, order.index(seed * images + i), data, i * size)
    return { shape: [images, 1, set.height, set.width], data }
  })
  const specs = Object.values(settings)
  return {
    settings: Object.keys(settings),
    clean: pictures.map((own) => concatenate(specs.map(() => own))),
    degraded: pictures.map((own, j) => {
      const keys = rowKeys(seeds[j], 'degrade', images)
      return concatenate(specs.map((spec) => degradation(spec)(own, keys)))
    }),
  }
}

/** Keys of the rows 0, 1, ... of a seed. */
export const rowKeys = (seed: number, what: string, count: number): Key[] =>
  Array.from({ length: count }, (_, i) => fold(purpose(key(seed), what), i))

export interface Restorer {
  readonly denoiser: Denoiser
  /**
   * What the plan makes of degraded pictures, clipped to [-1, 1]; row i draws from `keys[i]` alone.
   * @param x the states to start from. Default: noise of the keys
   */
  restore(plan: Plan, degraded: Tensor, keys: readonly Key[], x?: Tensor): Promise<Tensor>
  close(): Promise<void>
}

/** Rows of one network call. */
const rows = 64

/** A network of the zoo whose card has the condition `degraded`. */
export async function openRestorer(name: string): Promise<Restorer> {
  const { model, card } = loadZoo(name) as { model: Uint8Array; card: NetworkCard }
  const runtime = nodeRuntime()
  const denoiser = await loadDenoiser(runtime, model, card)
  const [low, high] = card.valueRange
  return {
    denoiser,
    async restore(plan, degraded, keys, x) {
      const out = new Float32Array(degraded.data.length)
      const size = rowSize(degraded)
      for (let from = 0; from < keys.length; from += rows) {
        const to = Math.min(keys.length, from + rows)
        const part = ({ data }: Tensor): Tensor => ({
          shape: [to - from, ...denoiser.event],
          data: data.subarray(from * size, to * size),
        })
        const own = keys.slice(from, to)
        const condition = { degraded: part(degraded) }
        const first = x ? part(x) : start(plan, denoiser, own)
        out.set((await execute(plan, denoiser, first, { keys: own, condition })).data, from * size)
      }
      // A process of the residual ends in one: the picture is the residual and the mean that it was taken from.
      for (let i = 0; i < out.length; i++)
        out[i] = Math.min(high, Math.max(low, card.mean ? out[i] + degraded.data[i] : out[i]))
      return { shape: degraded.shape, data: out }
    },
    async close() {
      await denoiser.release()
      await runtime.close()
    },
  }
}

/** The zoo's classifier of clothes, for what it sees: features `[n, 96]`. */
export interface Judge {
  features(images: Tensor): Promise<Tensor>
  close(): Promise<void>
}

export async function openJudge(): Promise<Judge> {
  const runtime = nodeRuntime()
  const session = await runtime.load(loadZoo('fashion-judge').model)
  const batch = 200
  return {
    async features({ shape: [n, ...event], data }) {
      const size = data.length / n
      const parts: Tensor[] = []
      for (let from = 0; from < n; from += batch) {
        const count = Math.min(batch, n - from)
        const x = { shape: [count, ...event], data: data.subarray(from * size, (from + count) * size) }
        const { features } = await session.run({ x }, ['features'])
        parts.push({ shape: [...features.shape], data: Float32Array.from(features.data as Float32Array) })
      }
      return concatenate(parts)
    },
    async close() {
      await session.release()
      await runtime.close()
    },
  }
}

export const metrics = {
  psnr: 'PSNR',
  ssim: 'SSIM',
  feature: 'feature distance',
  fid: 'CNN-FID',
} as const

/** The row of what the networks are given. */
export const degradedPicture = 'degraded picture'
/** The name of all settings together. */
export const together = 'all degradations'

type Values = Pick<Cell, 'setting' | 'metric' | 'values'>

/**
 * Prepares the comparison with the clean pictures, whose features are computed once.
 *
 * PSNR (dB), SSIM and the distance of the judge's features are means over a seed's pictures. CNN-FID compares the sets of all
 * seeds, see {@link pairedFid}: it is 0 for a perfect restoration, and has little of the bias of small sets.
 * @returns values of each setting and of all together, of pictures laid out as the pairs, one tensor a seed
 */
export async function measureAgainst(
  judge: Judge,
  pairs: Pairs,
): Promise<(images: readonly Tensor[]) => Promise<Values[]>> {
  const { settings, clean } = pairs
  const block = clean[0].shape[0] / settings.length
  const truth = await Promise.all(clean.map((images) => judge.features(images)))
  const whole = settings.length > 1 ? together : settings[0]
  const fid = pairedFid(truth)
  return async (images) => {
    const features: Tensor[] = []
    for (const one of images) features.push(await judge.features(one))
    const perImage = {
      [metrics.psnr]: images.map((one, j) => psnr(one, clean[j], 2)),
      [metrics.ssim]: images.map((one, j) => ssim(one, clean[j], 2)),
      [metrics.feature]: features.map((one, j) => featureDistance(one, truth[j])),
    }
    const values: Values[] = [{ setting: whole, metric: metrics.fid, values: fid(features) }]
    for (const [metric, scores] of Object.entries(perImage)) {
      values.push({ setting: whole, metric, values: scores.map((own) => mean(own)) })
      if (settings.length === 1) continue
      settings.forEach((setting, k) => {
        values.push({ setting, metric, values: scores.map((own) => mean(own.subarray(k * block, (k + 1) * block))) })
      })
    }
    return values
  }
}

/**
 * CNN-FID of pictures to the very ones that they should be, from features `[n, d]`, one tensor a seed: jackknife values of
 * the seeds.
 */
export function pairedFid(truth: readonly Tensor[]): (features: readonly Tensor[]) => number[] {
  const fitOf = (features: readonly Tensor[]) => (kept: readonly number[]) =>
    fitGaussian(concatenate(kept.map((j) => features[j])))
  const real = remembered(fitOf(truth))
  return (features) => {
    const own = fitOf(features)
    return jackknife(features.length, (kept) => frechetDistance(real(kept), own(kept)))
  }
}

function remembered<T>(of: (kept: readonly number[]) => T): (kept: readonly number[]) => T {
  const known = new Map<string, T>()
  return (kept) => {
    const name = kept.join()
    if (!known.has(name)) known.set(name, of(kept))
    return known.get(name)!
  }
}

/** Each row `times` times in turn: a, a, b, b. */
export function repeatRows(batch: Tensor, times: number): Tensor {
  const all = Array.from({ length: batch.shape[0] * times }, (_, i) => row(batch, Math.floor(i / times)))
  return stack(all, batch.shape.slice(1))
}
