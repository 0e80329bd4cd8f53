/** The particles of the benchmark: any range of their rows, on this thread or on another one. */
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { ddpm, type ExecuteOptions, execute, start } from 'espalier/solve'
import { fold, key } from 'espalier/tensor'

export interface ParticleRows {
  readonly from: number
  readonly to: number
  readonly steps: number
}

/** Rows `from .. to - 1`: their keys, their start, and how to run them. */
export function particles({ from, to, steps }: ParticleRows) {
  const means = [
    [-2, 0],
    [2, 0],
  ]
  const denoiser = new GaussianMixture({ means, stds: [0.3, 0.3] }).denoiser(vpLinear())
  const plan = ddpm()(denoiser.process, uniformGrid(denoiser.process, steps))
  const keys = Array.from({ length: to - from }, (_, i) => fold(key(1), from + i))
  const x = start(plan, denoiser, keys)
  return { denoiser, keys, x, run: (options?: ExecuteOptions) => execute(plan, denoiser, x, { keys, ...options }) }
}

/** A thread's part: the states that its rows end in. */
export async function run(rows: ParticleRows): Promise<Float32Array> {
  return (await particles(rows).run()).data
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
