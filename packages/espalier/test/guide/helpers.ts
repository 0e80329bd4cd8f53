import type { Condition, Denoiser, Process, Target } from '../../src/process/index.ts'
import { key, normal, type Tensor } from '../../src/tensor/index.ts'

/** Rows of standard normals. */
export function draw(n: number, event: readonly number[], seed: number, scale = 1): Tensor {
  const data = new Float32Array(n * event.reduce((p, v) => p * v, 1))
  normal(key(seed), data)
  return { shape: [n, ...event], data: data.map((v) => scale * v) }
}

/** A denoiser given row by row, that remembers the times and conditions of each call. */
export interface Recorder extends Denoiser {
  readonly calls: { times: number[]; target: Target; condition?: Condition }[]
}

export function recorder(inner: Denoiser): Recorder {
  const calls: Recorder['calls'] = []
  return {
    ...inner,
    calls,
    predict(x, t, target, condition) {
      calls.push({ times: [...t], target, condition })
      return inner.predict(x, t, target, condition)
    },
  }
}

/** A denoiser whose data prediction is the same row whatever it is asked. */
export function answers(process: Process, event: readonly number[], data: readonly number[]): Denoiser {
  return {
    process,
    event,
    predict: async (x) => ({ shape: x.shape, data: Float32Array.from(x.data, (_, i) => data[i % data.length]) }),
  }
}
