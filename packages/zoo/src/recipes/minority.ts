import { type Model, writeModel } from '@espalier/graph'
import { mean } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import { flow } from 'espalier/process'
import { fold, key, normal, purpose, stream, uniform } from 'espalier/tensor'
import { crossEntropy, type Task, warmupCosine } from 'espalier/train'
import { mnistData, readMnist } from '../data.ts'
import { Epochs } from '../epochs.ts'
import { imagesTensor, oneHot, writeImage } from '../images.ts'
import { minorityClassNames, minorityScores, minorityScoring, scoreDigits } from '../minority.ts'
import { minorityClassifier } from '../networks.ts'
import type { Recipe, RecipeSettings } from '../recipe.ts'

/** Of the scored images, the last are kept for the measurement: a twentieth, as in the paper. */
const trained = minorityScoring.images - minorityScoring.images / 20
const classes = minorityClassNames.length
const process = flow()

/**
 * Cross-entropy of the minority class, given a noisy digit and its time; times uniform, stratified over the batch.
 *
 * @param options.shuffle gives the images each other's labels, in which there is then nothing to learn: the control
 */
export function minorityTask(
  { seed, batch }: RecipeSettings,
  options: { readonly folder?: string; readonly shuffle?: boolean } = {},
): Task {
  const images = readMnist('train')
  const labels = minorityScores(options.folder).labels.slice(0, trained)
  const event = images.height * images.width
  const root = key(seed)
  if (options.shuffle) {
    const draws = stream(purpose(root, 'shuffle'))
    for (let i = trained - 1; i > 0; i--) {
      const j = draws.integer(i + 1)
      ;[labels[i], labels[j]] = [labels[j], labels[i]]
    }
  }
  const epochs = new Epochs(trained, purpose(root, 'epochs'))
  const keys = { noise: purpose(root, 'noise'), time: purpose(root, 'time') }
  const x = new Float32Array(batch * event)
  const noise = new Float32Array(batch * event)
  const t = new Float32Array(batch)
  const target = new Int32Array(batch)
  return {
    ...minorityClassifier(seed),
    loss: crossEntropy('logits'),
    batch(step) {
      normal(fold(keys.noise, step), noise)
      uniform(fold(keys.time, step), t)
      for (let row = 0; row < batch; row++) {
        const index = epochs.index(step * batch + row)
        target[row] = labels[index]
        t[row] = (row + t[row]) / batch
        const [a, s] = [process.a(t[row]), process.s(t[row])]
        writeImage(images, index, x, row * event)
        for (let i = row * event; i < (row + 1) * event; i++) x[i] = a * x[i] + s * noise[i]
      }
      return {
        x: { shape: [batch, 1, images.height, images.width], data: x },
        t: { shape: [batch], data: t },
        target: { shape: [batch, classes], data: oneHot(target, classes) },
      }
    },
  }
}

export const mnistMinority: Recipe = {
  name: 'mnist-minority',
  title: 'classifier of noisy digits by how rare they are, for minority guidance',
  data: mnistData.source,
  details: { labels: { tenthsOf: 'minority scores', ...minorityScoring } },
  defaults: { seed: 22, steps: 4000, batch: 64 },
  prepare: scoreDigits,
  task: (settings, folder) => minorityTask(settings, { folder }),
  optimizer: ({ steps }) => ({ rate: warmupCosine(2e-3, steps, 200), decay: 0.05, clip: 1 }),
  ema: 0.998,
  card: () => ({
    type: 'classifier',
    name: 'mnist-minority',
    event: [1, 28, 28],
    valueRange: [-1, 1],
    input: 'x',
    outputs: { logits: 'logits' },
    noisy: { process: { type: 'flow' }, time: 't' },
    classes: minorityClassNames,
  }),
  evaluate,
}

/** Of the images that were kept back: how sure the classifier is of their classes, at several times. */
async function evaluate(model: Model, options: { readonly folder?: string } = {}) {
  const { labels } = minorityScores(options.folder)
  const n = minorityScoring.images - trained
  const clean = imagesTensor(readMnist('train'), trained, trained + n)
  const runtime = nodeRuntime({ workers: 0 })
  try {
    const session = await runtime.load(writeModel(model))
    const noise = new Float32Array(clean.data.length)
    const heldOut: { t: number; crossEntropy: number; accuracy: number; withinOne: number }[] = []
    for (const [i, t] of [0.1, 0.3, 0.5, 0.7, 0.9].entries()) {
      normal(fold(purpose(key(minorityScoring.seed), 'held out'), i), noise)
      const x = { shape: clean.shape, data: clean.data.map((v, j) => process.a(t) * v + process.s(t) * noise[j]) }
      const { logits } = await session.run({ x, t: { shape: [n], data: new Float32Array(n).fill(t) } }, ['logits'])
      const rows = Array.from({ length: n }, (_, row) => {
        const own = (logits.data as Float32Array).subarray(row * classes, (row + 1) * classes)
        const top = Math.max(...own)
        const total = top + Math.log(own.reduce((sum, v) => sum + Math.exp(v - top), 0))
        const label = labels[trained + row]
        return { loss: total - own[label], off: Math.abs(own.indexOf(top) - label) }
      })
      const share = (most: number) => rows.filter(({ off }) => off <= most).length / n
      const loss = Number(mean(rows.map((row) => row.loss)).toPrecision(4))
      heldOut.push({ t, crossEntropy: loss, accuracy: share(0), withinOne: share(1) })
    }
    return { images: n, chance: Number(Math.log(classes).toPrecision(4)), heldOut }
  } finally {
    await runtime.close()
  }
}
