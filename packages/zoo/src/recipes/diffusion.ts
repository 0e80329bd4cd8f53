import { parseProcess } from 'espalier/process'
import { fold, key, normal, purpose, stream, uniform } from 'espalier/tensor'
import { meanSquare, type Task, warmupCosine } from 'espalier/train'
import { type DataSet, fashionData, mnistData } from '../data.ts'
import { Epochs } from '../epochs.ts'
import { evaluateImages } from '../fid.ts'
import { oneHot, writeImage } from '../images.ts'
import {
  type DigitNetworkSize,
  digitNetwork,
  mnistFlowNetworkSize,
  mnistNetworkSize,
  mnistSmallNetworkSize,
} from '../networks.ts'
import type { EvaluateOptions, Recipe, RecipeSettings } from '../recipe.ts'

interface DiffusionOptions {
  readonly name: string
  readonly title: string
  readonly data: DataSet
  readonly size: DigitNetworkSize
  /** `velocity` on the VP-cosine process (Salimans and Ho 2022) by default. */
  readonly law?: Law
  readonly defaults: RecipeSettings
  /** Peak learning rate. */
  readonly rate: number
  /** Share of the labels that are dropped, for classifier-free guidance (Ho and Salimans 2021). None: no labels. */
  readonly dropout?: number
  readonly evaluation: {
    /** Classifiers of the zoo; the first one also says whether a sample is of the class that was asked for. */
    readonly judges: readonly string[]
    readonly samples: number
    readonly steps: number
  }
}

/** The process of a network, and what it predicts of `x_t = a x_0 + s eps`. */
interface Law {
  readonly process: { readonly type: string }
  readonly prediction: 'velocity' | 'flow'
  target(clean: number, noise: number, a: number, s: number): number
}

const velocity: Law = {
  process: { type: 'vp-cosine' },
  prediction: 'velocity',
  target: (clean, noise, a, s) => a * noise - s * clean,
}

/** Rectified flow (Liu et al. 2023; Lipman et al. 2023). */
const straight: Law = { process: { type: 'flow' }, prediction: 'flow', target: (clean, noise) => noise - clean }

/** A diffusion network of images, with classes where labels are dropped for guidance, else without. */
function diffusion(options: DiffusionOptions): Recipe {
  const { name, title, data, size, law = velocity, defaults, rate, dropout, evaluation } = options
  const classes = dropout === undefined ? 0 : data.classes.length
  const zeros = new Array<number>(classes).fill(0)
  const card = () => ({
    type: 'network',
    name,
    process: law.process,
    prediction: law.prediction,
    event: [1, 28, 28],
    valueRange: [-1, 1],
    inputs: { state: 'x', time: 't' },
    output: 'prediction',
    label: { type: 'linear', scale: 1, offset: 0 },
    ...(classes > 0 && {
      conditions: { label: { shape: [classes], default: zeros, unconditional: zeros } },
      classes: data.classes,
    }),
  })
  return {
    name,
    title,
    data: data.source,
    defaults,
    task: (settings) => ({ ...digitNetwork(settings.seed, size, name, classes), ...task(options, settings) }),
    optimizer: ({ steps }) => ({ rate: warmupCosine(rate, steps, 500, { hold: 0.6 }), decay: 0.01, clip: 1 }),
    ema: 0.999,
    card,
    evaluate: (model, options?: EvaluateOptions) => evaluateImages(model, card(), { data, ...evaluation, ...options }),
  }
}

/** Times are uniform and stratified over the batch; a share of the labels is dropped. */
function task(
  { data, law = velocity, dropout }: DiffusionOptions,
  { seed, batch }: RecipeSettings,
): Pick<Task, 'loss' | 'batch'> {
  const set = data.read('train')
  const process = parseProcess(law.process)
  const classes = data.classes.length
  const event = set.height * set.width
  const root = key(seed)
  const epochs = new Epochs(set.count, purpose(root, 'epochs'))
  const keys = { noise: purpose(root, 'noise'), time: purpose(root, 'time'), dropout: purpose(root, 'dropout') }
  const x = new Float32Array(batch * event)
  const target = new Float32Array(batch * event)
  const t = new Float32Array(batch)
  const labels = new Int32Array(batch)
  return {
    loss: meanSquare('prediction'),
    batch(step) {
      normal(fold(keys.noise, step), target)
      uniform(fold(keys.time, step), t)
      const drop = stream(fold(keys.dropout, step))
      for (let row = 0; row < batch; row++) {
        const index = epochs.index(step * batch + row)
        labels[row] = dropout === undefined || drop.uniform() < dropout ? -1 : set.labels[index]
        t[row] = (row + t[row]) / batch
        const a = process.a(t[row])
        const s = process.s(t[row])
        writeImage(set, index, x, row * event)
        for (let i = row * event; i < (row + 1) * event; i++) {
          const clean = x[i]
          const noise = target[i]
          x[i] = a * clean + s * noise
          target[i] = law.target(clean, noise, a, s)
        }
      }
      const images = [batch, 1, set.height, set.width]
      return {
        x: { shape: images, data: x },
        t: { shape: [batch], data: t },
        ...(dropout !== undefined && { label: { shape: [batch, classes], data: oneHot(labels, classes) } }),
        target: { shape: images, data: target },
      }
    },
  }
}

export const mnist: Recipe = diffusion({
  name: 'mnist',
  title: 'class-conditional diffusion network of handwritten digits',
  data: mnistData,
  size: mnistNetworkSize,
  defaults: { seed: 1, steps: 22_000, batch: 64 },
  rate: 1e-3,
  dropout: 0.1,
  evaluation: { judges: ['mnist-judge', 'mnist-classifier'], samples: 10_000, steps: 50 },
})

export const mnistSmall: Recipe = diffusion({
  name: 'mnist-small',
  title: 'the same with a network of a ninth of the cost, for T-Stitch',
  data: mnistData,
  size: mnistSmallNetworkSize,
  defaults: { seed: 2, steps: 12_000, batch: 64 },
  rate: 2e-3,
  dropout: 0.1,
  evaluation: { judges: ['mnist-judge', 'mnist-classifier'], samples: 10_000, steps: 50 },
})

export const fashion: Recipe = diffusion({
  name: 'fashion',
  title: 'class-conditional diffusion network of clothes',
  data: fashionData,
  size: mnistNetworkSize,
  defaults: { seed: 3, steps: 10_000, batch: 64 },
  rate: 1e-3,
  dropout: 0.15,
  evaluation: { judges: ['fashion-judge'], samples: 5000, steps: 25 },
})

export const mnistFlow: Recipe = diffusion({
  name: 'mnist-flow',
  title: 'rectified flow of handwritten digits, without classes',
  data: mnistData,
  size: mnistFlowNetworkSize,
  law: straight,
  defaults: { seed: 4, steps: 12_000, batch: 64 },
  rate: 1.5e-3,
  evaluation: { judges: ['mnist-judge', 'mnist-classifier'], samples: 10_000, steps: 50 },
})
