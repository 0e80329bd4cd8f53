import { type ProcessSpecification, parseProcess } from 'espalier/process'
import { resShift, type Solver } from 'espalier/solve'
import { fold, key, normal, purpose, uniform } from 'espalier/tensor'
import { meanSquare, type Task, warmupCosine } from 'espalier/train'
import { type DataSet, fashionData } from '../data.ts'
import { type DegradationSpecification, degradation, oneOf } from '../degrade.ts'
import { Epochs } from '../epochs.ts'
import { writeImage } from '../images.ts'
import { type Network, regressionNetwork, restorationNetwork, restorationNetworkSize } from '../networks.ts'
import type { Recipe, RecipeSettings } from '../recipe.ts'
import { evaluateRestoration } from '../restored.ts'

interface RestorationOptions {
  readonly name: string
  readonly title: string
  readonly data: DataSet
  readonly defaults: RecipeSettings
  readonly process: ProcessSpecification
  readonly prediction: 'noise' | 'data' | 'velocity'
  /** The process runs on `x - degraded`: it ends at the degraded image with noise on it, not at noise. */
  readonly residual: boolean
  /** The network is asked at the times k / n alone, k = 1..n. Default: at any time. */
  readonly times?: number
  /** Every row meets one of these, evenly. */
  readonly degradations: readonly DegradationSpecification[]
  readonly network: (seed: number) => Network
  /** What it is measured with. */
  readonly sampler: { readonly solver?: Solver; readonly method?: string; readonly steps: number }
}

/** A network that restores degraded images, trained on pairs. */
function restoration(options: RestorationOptions): Recipe {
  const { name, title, data, defaults, process, prediction, residual, degradations, network, sampler } = options
  const card = () => ({
    type: 'network',
    name,
    process,
    prediction,
    event: [1, 28, 28],
    valueRange: [-1, 1],
    inputs: { state: 'x', time: 't' },
    output: 'prediction',
    label: { type: 'linear', scale: 1, offset: 0 },
    conditions: { degraded: { shape: [1, 28, 28] } },
    ...(residual ? { mean: 'degraded' } : {}),
  })
  return {
    name,
    title,
    data: data.source,
    defaults,
    details: { degradations },
    task: (settings) => ({ ...network(settings.seed), ...task(options, settings) }),
    optimizer: ({ steps }) => ({ rate: warmupCosine(2e-3, steps, 300, { hold: 0.6 }), decay: 0.01, clip: 1 }),
    ema: 0.999,
    card,
    evaluate: (model, options) =>
      evaluateRestoration(model, card(), { data, judge: 'fashion-judge', degradations, ...sampler, ...options }),
  }
}

/**
 * `x_t = m + a (x_0 - m) + s eps` with the mean m: the degraded image, or 0. The network is given x_t and the degraded
 * image. Times are uniform and stratified over the batch.
 */
function task(options: RestorationOptions, { seed, batch }: RecipeSettings): Pick<Task, 'loss' | 'batch'> {
  const { data, prediction, residual, times, degradations } = options
  const set = data.read('train')
  const process = parseProcess(options.process)
  const degrade = oneOf(degradations.map(degradation))
  const event = set.height * set.width
  const root = key(seed)
  const epochs = new Epochs(set.count, purpose(root, 'epochs'))
  const keys = { noise: purpose(root, 'noise'), time: purpose(root, 'time'), degrade: purpose(root, 'degrade') }
  const shape = [batch, 1, set.height, set.width]
  const clean = new Float32Array(batch * event)
  const x = new Float32Array(batch * event)
  const target = new Float32Array(batch * event)
  const t = new Float32Array(batch)
  return {
    loss: meanSquare('prediction'),
    batch(step) {
      normal(fold(keys.noise, step), target)
      uniform(fold(keys.time, step), t)
      const draws = fold(keys.degrade, step)
      for (let row = 0; row < batch; row++) writeImage(set, epochs.index(step * batch + row), clean, row * event)
      const rows = Array.from({ length: batch }, (_, row) => fold(draws, row))
      const degraded = degrade({ shape, data: clean }, rows)
      for (let row = 0; row < batch; row++) {
        const u = (row + t[row]) / batch
        const time = times ? (Math.floor(u * times) + 1) / times : u
        t[row] = time
        const a = process.a(time)
        const s = process.s(time)
        for (let i = row * event; i < (row + 1) * event; i++) {
          const noise = target[i]
          const mean = residual ? degraded.data[i] : 0
          x[i] = mean + a * (clean[i] - mean) + s * noise
          if (prediction === 'data') target[i] = clean[i]
          else if (prediction === 'velocity') target[i] = a * noise - s * (clean[i] - mean)
        }
      }
      return {
        x: { shape, data: x },
        t: { shape: [batch], data: t },
        degraded,
        target: { shape, data: target },
      }
    },
  }
}

const lowResolution: DegradationSpecification = { type: 'down-up', factor: 4, noise: 0.03 }
const size = restorationNetworkSize

/** IR-SDE (Luo et al. 2023) for three degradations: blur, low resolution, lost pixels. */
export const fashionRestore: Recipe = restoration({
  name: 'fashion-restore-mr',
  title: 'mean-reverting diffusion from blurred, coarse or incomplete pictures of clothes',
  data: fashionData,
  defaults: { seed: 4, steps: 8000, batch: 64 },
  process: { type: 'mean-reverting', schedule: 'cosine', steps: 100, floor: 0.005, std: 100 / 255 },
  prediction: 'noise',
  residual: true,
  degradations: [
    { type: 'blur', sigma: 1.5 },
    { type: 'down-up', factor: 4 },
    { type: 'mask', share: 0.4 },
  ],
  network: (seed) => restorationNetwork(seed, { name: 'fashion-restore-mr', size, start: { deviation: 100 / 255 } }),
  sampler: { steps: 20 },
})

/** ResShift (Yue, Wang and Loy 2023) with T steps, trained at its T times alone. */
function residualShifting(steps: number, minNoise: number, seed: number): Recipe {
  const name = `fashion-sr-resshift${steps}`
  return restoration({
    name,
    title: `residual-shifting diffusion in ${steps} steps, 4x super-resolution of clothes`,
    data: fashionData,
    defaults: { seed, steps: 4000, batch: 64 },
    process: { type: 'residual-shifting', steps, kappa: 2, power: 0.3, minNoise },
    prediction: 'data',
    residual: true,
    times: steps,
    degradations: [lowResolution],
    network: (seed) => restorationNetwork(seed, { name, size, start: 'degraded' }),
    sampler: { solver: resShift(), method: 'res-shift', steps },
  })
}

export const fashionResShift4: Recipe = residualShifting(4, 0.2, 5)
export const fashionResShift15: Recipe = residualShifting(15, 0.04, 6)

/** SR3 (Saharia et al. 2021): an ordinary diffusion that is shown the low-resolution image. */
export const fashionConditional: Recipe = restoration({
  name: 'fashion-sr-ddpm',
  title: 'diffusion from noise given the coarse picture, 4x super-resolution of clothes',
  data: fashionData,
  defaults: { seed: 7, steps: 4000, batch: 64 },
  process: { type: 'vp-cosine' },
  prediction: 'velocity',
  residual: false,
  degradations: [lowResolution],
  network: (seed) => restorationNetwork(seed, { name: 'fashion-sr-ddpm', size, start: 'zero' }),
  sampler: { steps: 20 },
})

/**
 * Least squares. Its output is the mean of the clean images that fit the degraded one, which is what a diffusion network
 * predicts at t = 1, where the state says nothing: so it is a card like the others, exact there.
 */
export const fashionRegression: Recipe = restoration({
  name: 'fashion-sr-l2',
  title: 'regression to the mean, 4x super-resolution of clothes: a baseline',
  data: fashionData,
  defaults: { seed: 8, steps: 4000, batch: 64 },
  process: { type: 'vp-cosine' },
  prediction: 'data',
  residual: false,
  degradations: [lowResolution],
  network: (seed) => regressionNetwork(seed, { name: 'fashion-sr-l2', size }),
  sampler: { steps: 1 },
})
