import { isStochastic, stepsOf } from '../solve/plan.ts'
import { fold, normal, purpose } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type ArrayChainOptions, arrayChain } from './array-chain.ts'
import type { NoiseChain } from './chain.ts'
import { blocksOf } from './schedule.ts'

/** A deterministic plan; `branchAt` are the levels that paths may be noised again from, by default the start alone. */
export type OdeChainOptions = ArrayChainOptions

/**
 * Arrays of one shape under a deterministic solver, whose start decides the sample: the chain of searches over noises
 * (Ma et al. 2025, "Inference-time scaling for diffusion models beyond scaling denoising steps").
 *
 * Multistep plans are taken whole, with the one level that is the default; between levels a plan keeps the state alone.
 *
 * @throws if the plan draws noise, does not end in clean data, or keeps more than the state between two levels
 */
export function odeChain(options: OdeChainOptions): NoiseChain<Float32Array, Tensor> {
  const { plan } = options
  const steps = stepsOf(plan)
  const noisy = plan.grid.findIndex((_, step) => isStochastic(plan, step))
  if (noisy >= 0) {
    throw new Error(
      `${plan.name} draws noise in step ${noisy + 1} of ${steps}, so a start does not decide its sample; take a ` +
        'deterministic solver such as ddim, or a pixelChain',
    )
  }
  const blocks = blocksOf(steps, options.branchAt ?? 'one')
  const { chain, size, denoiser } = arrayChain(options, blocks)
  const { process } = denoiser
  /** What a state of a level is made of; final states are clean. */
  const coefficients = (level: number) => {
    if (level === blocks.length) return { a: 1, s: 0 }
    const time = plan.grid[blocks[level].from]
    return { a: process.a(time), s: process.s(time) }
  }

  return {
    ...chain,
    kernel: 'deterministic',
    stochastic: () => false,
    neighbours(starts, cosine, keys) {
      if (!(cosine >= -1 && cosine <= 1)) throw new Error(`a cosine of neighbours is in [-1, 1], got ${cosine}`)
      if (size === 1 && Math.abs(cosine) !== 1) {
        throw new Error('a state of one number has no neighbours at an angle; search over independent starts instead')
      }
      const drawn = new Float64Array(size)
      return starts.map((start, i) => {
        normal(purpose(keys[i], 'neighbour'), drawn)
        return rotated(start, drawn, cosine)
      })
    },
    renoise(states, level, to, keys) {
      if (!(to >= 0 && to <= level))
        throw new Error(`states of level ${level} are noised to a level up to it, got ${to}`)
      if (to === level) return [...states]
      const [from, target] = [coefficients(level), coefficients(to)]
      if (!(from.a > 0)) throw new Error(`states of level ${level} hold no signal (a = 0) to be noised again`)
      // q(x_to | x) of the forward process: what it does to the noise that is there, and the rest of the variance
      // afresh.
      const ratio = target.a / from.a
      const std = Math.sqrt(Math.max(0, target.s ** 2 - (ratio * from.s) ** 2))
      const drawn = new Float64Array(size)
      return states.map((state, i) => {
        normal(fold(purpose(keys[i], 'renoise'), to), drawn)
        const out = state.slice()
        for (let j = 0; j < size; j++) out[j] = ratio * state[j] + std * drawn[j]
        return out
      })
    },
  }
}

/**
 * `|x| (tau u + sqrt(1 - tau^2) w)` with `u = x / |x|` and w the direction of `v - (v.u) u`: at the cosine tau from x
 * and as far from the origin. For x of an isotropic Gaussian and v of another, w is uniform about u, so the result has
 * the law of x. What lies in a state behind the array stays.
 */
function rotated(state: Float32Array, v: Float64Array, cosine: number): Float32Array {
  const out = state.slice()
  let [square, along] = [0, 0]
  for (let j = 0; j < v.length; j++) {
    square += state[j] * state[j]
    along += v[j] * state[j]
  }
  if (square === 0) return out
  let across = 0
  for (let j = 0; j < v.length; j++) across += (v[j] - (along / square) * state[j]) ** 2
  const scale = across === 0 ? 0 : Math.sqrt(((1 - cosine * cosine) * square) / across)
  for (let j = 0; j < v.length; j++) {
    out[j] = cosine * state[j] + scale * (v[j] - (along / square) * state[j])
  }
  return out
}
