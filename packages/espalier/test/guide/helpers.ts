import type { Condition, Denoiser, Process, Target } from '../../src/process/index.ts'
import { key, normal, row, type Tensor } from '../../src/tensor/index.ts'

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

/** The inner product of each row of two batches. */
export function dots(u: Tensor, v: Tensor): number[] {
  return Array.from({ length: u.shape[0] }, (_, i) =>
    row(u, i).reduce((sum, value, j) => sum + value * row(v, i)[j], 0),
  )
}

/**
 * `v . J u` of each row for `J = d x_0hat / dx`, by central differences of the data prediction along u; every value of u
 * is moved by at most `h`.
 */
export async function directional(
  denoiser: Denoiser,
  x: Tensor,
  t: Float64Array,
  u: Tensor,
  v: Tensor,
  h: number,
  condition?: Condition,
): Promise<number[]> {
  const at = (step: number) => {
    const data = x.data.map((value, i) => value + step * u.data[i])
    return denoiser.predict({ shape: x.shape, data }, t, 'data', condition)
  }
  const [up, down] = [dots(await at(h), v), dots(await at(-h), v)]
  return up.map((value, i) => (value - down[i]) / (2 * h))
}
