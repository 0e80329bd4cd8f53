/** Two-dimensional mixtures as subjects: the exact solution of the ODE and exact samples are known. */

import type { Denoiser } from '../process/denoiser.ts'
import type { GaussianMixture } from '../process/gaussian-mixture.ts'
import type { Process } from '../process/process.ts'
import { fold, key, purpose } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Subject } from './comparison.ts'
import { type Metric, slicedW2Metric } from './metrics.ts'

const weight = 1 / 300

/**
 * A mixture on a process, with the exact solution of its probability flow (see `GaussianMixture.flow`).
 * @param name where it stands in the tables
 */
export function worldSubject(name: string, mixture: GaussianMixture, process: Process): Subject {
  const size = mixture.dimension
  return {
    ...{ name, weight },
    denoiser: mixture.denoiser(process),
    exact({ shape, data }, from, to) {
      const out = new Float32Array(data.length)
      for (let at = 0; at < data.length; at += size)
        out.set(mixture.flow(process, data.subarray(at, at + size), from, to), at)
      return { shape, data: out }
    },
  }
}

/** Exact draws of a world. */
export function exactSamples(mixture: GaussianMixture, seed: number, count: number): Tensor {
  const data = new Float32Array(count * mixture.dimension)
  const root = purpose(key(seed), 'exact')
  for (let i = 0; i < count; i++) data.set(mixture.sample(fold(root, i)), i * mixture.dimension)
  return { shape: [count, ...mixture.event], data }
}

/** Sliced W2 to 5000 exact samples; the floor are exact samples in the same numbers. */
export function worldW2(mixture: GaussianMixture, seeds: readonly number[], samples: number): Metric {
  return slicedW2Metric({
    target: exactSamples(mixture, 1_000_003, 5000),
    floor: seeds.map((seed) => exactSamples(mixture, seed, samples)),
  })
}

/**
 * A world under classifier-free guidance: `u + w (c - u)`, where `u` is the prediction of all the data and `c` that of
 * one class. Two NFE a row.
 */
export function guidedWorld(
  name: string,
  all: GaussianMixture,
  one: GaussianMixture,
  w: number,
  process: Process,
): Subject {
  const [u, c] = [all.denoiser(process), one.denoiser(process)]
  const denoiser: Denoiser = {
    process,
    event: u.event,
    rowCost: 2,
    async predict(x, t, target) {
      const [from, to] = await Promise.all([u.predict(x, t, target), c.predict(x, t, target)])
      return { shape: x.shape, data: from.data.map((v, i) => v + w * (to.data[i] - v)) }
    },
  }
  return { name, denoiser, weight }
}
