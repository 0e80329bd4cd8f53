import type { Model } from '@espalier/graph'
import { fold, key, purpose, stream } from 'espalier/tensor'
import { crossEntropy, warmupCosine } from 'espalier/train'
import { type Augmentation, writeAugmented } from '../augment.ts'
import { type DataSet, fashionData, mnistData } from '../data.ts'
import { Epochs } from '../epochs.ts'
import { accuracy } from '../evaluate.ts'
import { oneHot } from '../images.ts'
import { digitClassifier, digitJudge, type Network } from '../networks.ts'
import type { Recipe } from '../recipe.ts'

interface ClassifierOptions {
  readonly name: string
  readonly title: string
  readonly data: DataSet
  readonly seed: number
  readonly augmentation: Augmentation
  readonly build: (seed: number) => Network
}

/** Cross-entropy on shifted, rotated and scaled images. */
function classifier({ name, title, data, seed, augmentation, build }: ClassifierOptions): Recipe {
  const classes = data.classes.length
  return {
    name,
    title,
    data: data.source,
    defaults: { seed, steps: 3000, batch: 128 },
    task({ seed, batch }) {
      const images = data.read('train')
      const event = images.height * images.width
      const root = key(seed)
      const epochs = new Epochs(images.count, purpose(root, 'epochs'))
      const draws = purpose(root, 'augmentation')
      const x = new Float32Array(batch * event)
      const labels = new Uint8Array(batch)
      return {
        ...build(seed),
        loss: crossEntropy('logits'),
        batch(step) {
          const drawn = stream(fold(draws, step))
          for (let row = 0; row < batch; row++) {
            const index = epochs.index(step * batch + row)
            labels[row] = images.labels[index]
            writeAugmented(images, index, augmentation, drawn, x, row * event)
          }
          return {
            x: { shape: [batch, 1, images.height, images.width], data: x },
            target: { shape: [batch, classes], data: oneHot(labels, classes) },
          }
        },
      }
    },
    optimizer: ({ steps }) => ({ rate: warmupCosine(2e-3, steps, 200), decay: 0.02, clip: 1 }),
    ema: 0.998,
    card: () => ({
      type: 'classifier',
      name,
      event: [1, 28, 28],
      valueRange: [-1, 1],
      input: 'x',
      outputs: { logits: 'logits', features: 'features' },
      classes: data.classes,
    }),
    evaluate: async (model: Model) => ({ testAccuracy: await accuracy(model, data.read('test')) }),
  }
}

const digitAugmentation = { shift: 2, rotation: 0.2, scale: 0.1 }

export const mnistClassifier: Recipe = classifier({
  name: 'mnist-classifier',
  title: 'digit classifier: reward and features',
  data: mnistData,
  seed: 11,
  augmentation: digitAugmentation,
  build: digitClassifier,
})

export const mnistJudge: Recipe = classifier({
  name: 'mnist-judge',
  title: 'digit classifier of another build, for evaluation alone',
  data: mnistData,
  seed: 12,
  augmentation: digitAugmentation,
  build: (seed) => digitJudge(seed),
})

export const fashionJudge: Recipe = classifier({
  name: 'fashion-judge',
  title: 'classifier of clothes, for evaluation',
  data: fashionData,
  seed: 13,
  // The clothes are centred and upright: less than for handwriting.
  augmentation: { shift: 1, rotation: 0.05, scale: 0.05 },
  build: (seed) => digitJudge(seed, 'fashion-judge'),
})
