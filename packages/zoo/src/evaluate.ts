import { type Model, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import type { Tensor } from 'espalier/tensor'
import { imagesTensor, type LabelledImages } from './images.ts'

const rows = 250

/** Outputs of a classifier for many images, in batches: `logits [n, classes]` and `features [n, d]`. */
export async function classify(
  model: Uint8Array,
  images: Tensor,
): Promise<{ readonly logits: Tensor; readonly features: Tensor }> {
  const runtime = nodeRuntime({ workers: 0 })
  try {
    const session = await runtime.load(model)
    const count = images.shape[0]
    const size = images.data.length / count
    const out: Record<string, { width: number; data: Float32Array }> = {}
    for (let at = 0; at < count; at += rows) {
      const n = Math.min(rows, count - at)
      const x = { shape: [n, ...images.shape.slice(1)], data: images.data.subarray(at * size, (at + n) * size) }
      const results = await session.run({ x }, ['logits', 'features'])
      for (const [name, { shape, data }] of Object.entries(results)) {
        out[name] ??= { width: shape[1], data: new Float32Array(count * shape[1]) }
        out[name].data.set(data as Float32Array, at * shape[1])
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    const tensor = ({ width, data }: { width: number; data: Float32Array }) => ({ shape: [count, width], data })
    return { logits: tensor(out.logits), features: tensor(out.features) }
  } finally {
    await runtime.close()
  }
}

/** Index of the largest logit of each row. */
export function predictedClasses({ shape: [n, classes], data }: Tensor): Uint8Array {
  const out = new Uint8Array(n)
  for (let row = 0; row < n; row++) {
    let best = 0
    for (let k = 1; k < classes; k++) if (data[row * classes + k] > data[row * classes + best]) best = k
    out[row] = best
  }
  return out
}

/** Share of images whose most probable class is their label. */
export async function accuracy(model: Model, images: LabelledImages): Promise<number> {
  const { logits } = await classify(writeModel(model), imagesTensor(images))
  const right = predictedClasses(logits).reduce((sum, k, i) => sum + (k === images.labels[i] ? 1 : 0), 0)
  return right / images.count
}
