/** The particles of the benchmark: any range of their rows, on this thread or on another one. */
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { ddpm, type ExecuteOptions, execute, start } from 'espalier/solve'
import { fold, key, type Precision } from 'espalier/tensor'
import { cpuTime } from './pairwise.ts'

export interface ParticleRows {
  readonly from: number
  readonly to: number
  readonly steps: number
  readonly precision: Precision
}

/** Rows `from .. to - 1`: their keys, their start, and how to run them. */
export function particles({ from, to, steps, precision }: ParticleRows) {
  const means = [
    [-2, 0],
    [2, 0],
  ]
  const denoiser = new GaussianMixture({ means, stds: [0.3, 0.3] }).denoiser(vpLinear(), { precision })
  const plan = ddpm()(denoiser.process, uniformGrid(denoiser.process, steps))
  const keys = Array.from({ length: to - from }, (_, i) => fold(key(1), from + i))
  const x = start(plan, denoiser, keys)
  const run = (options?: ExecuteOptions) => execute(plan, denoiser, x, { keys, precision, ...options })
  return { denoiser, keys, x, run }
}

/** In ms: the machine's clock, and the CPU time that the process has used, all threads together. */
export interface Moment {
  readonly time: number
  readonly cpu: number
}

/** Where rows end, and when their steps began and ended. */
export interface ParticleEnds {
  readonly data: Float32Array
  readonly from: Moment
  readonly to: Moment
}

/** Runs rows: a thread's part, or all. */
export async function run(rows: ParticleRows, options?: ExecuteOptions): Promise<ParticleEnds> {
  const { run } = particles(rows)
  const now = (): Moment => ({ time: performance.timeOrigin + performance.now(), cpu: cpuTime() })
  const from = now()
  const { data } = await run(options)
  return { data, from, to: now() }
}

/** A plain copy of `bytes` of float32 from an array to another, `repeats` times. @returns seconds of the fastest one */
export function copy({ bytes, repeats }: { readonly bytes: number; readonly repeats: number }): number {
  const from = new Float32Array(bytes / 4).fill(1)
  const to = new Float32Array(bytes / 4).fill(2)
  let fastest = Infinity
  for (let i = 0; i < repeats; i++) {
    const begin = performance.now()
    to.set(from)
    fastest = Math.min(fastest, performance.now() - begin)
  }
  return fastest / 1000
}
