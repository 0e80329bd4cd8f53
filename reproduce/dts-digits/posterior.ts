/** Ground truth: the model's own posterior, by importance resampling of a pool of rollouts that no search shares. */

import { fitGaussian, type GaussianFit, mean } from 'espalier/measure'
import type { Reward } from 'espalier/reward'
import { bestOfN, resample, softmax } from 'espalier/search'
import { concatenate, fold, key, purpose, row, stack, stream, type Tensor } from 'espalier/tensor'
import { stacked } from '../support/digits.ts'
import type { Store } from './store.ts'
import { type Judgement, steps, type Task, type World } from './world.ts'

/** Rollouts of one file of the pool. */
const chunk = 1000
/** Seeds of the pool: beyond those of the searches. */
const firstSeed = 1_000_000

/** Rollouts of the model. */
export interface Pool {
  readonly samples: readonly Tensor[]
  readonly features: readonly Float32Array[]
  /** As the judge sees them. */
  readonly classes: Uint8Array
}

/** Rollouts know no reward: those of one seed serve all tasks. */
const indifferent: Reward<Tensor> = { name: 'none', evaluate: async (samples) => samples.map(() => 0) }

/** The samples of independent rollouts, those that tree searches with this seed begin with. */
export async function rollouts(world: World, store: Store, seed: number, count: number): Promise<Tensor[]> {
  const chain = world.chain('one')
  const all = await store.tensor(`rollouts-${seed}-${count}`, async () => {
    const { candidates } = await bestOfN({ chain, reward: indifferent, seed, budget: count * steps, width: 128 })
    return stacked(candidates.map(({ sample }) => sample))
  })
  const event = all.shape.slice(1)
  return Array.from({ length: count }, (_, i) => ({ shape: event, data: row(all, i) }))
}

/** @param size in thousands, rounded up */
export async function openPool(world: World, store: Store, size: number, onChunk: (i: number) => void): Promise<Pool> {
  const samples: Tensor[] = []
  const features: Float32Array[] = []
  const classes: number[] = []
  for (let i = 0; i * chunk < size; i++) {
    onChunk(i)
    const own = await rollouts(world, store, firstSeed + i, chunk)
    const judged = await store.tensor(`judged-${firstSeed + i}`, async () => {
      const { features, classes } = await world.judge(own)
      return stack(
        features.map((f, k) => Float32Array.of(...f, classes[k])),
        [features[0].length + 1],
      )
    })
    const width = judged.shape[1] - 1
    for (let k = 0; k < chunk; k++) {
      const values = row(judged, k)
      features.push(values.subarray(0, width))
      classes.push(values[width])
    }
    samples.push(...own)
  }
  return { samples, features, classes: Uint8Array.from(classes) }
}

/** The law `p(x) exp(r(x)) / Z` of one task, as the pool has it. */
export interface Posterior {
  readonly fit: GaussianFit
  /** Masses of the judge's classes. */
  readonly classes: Float64Array
  /** `E_p[exp(r)]`: how common what is asked for is. */
  readonly z: number
  /** Draws from one half of the pool, and the fit of the other half: what exact samples would get. */
  half(seed: number, count: number): Half
}

export interface Half extends Judgement {
  /** Their numbers in the pool. */
  readonly picked: readonly number[]
  readonly meanReward: number
  readonly fit: GaussianFit
}

export async function posteriorOf(world: World, pool: Pool, task: Task): Promise<Posterior> {
  const rewards = Float64Array.from(await world.reward(task).evaluate(pool.samples))
  const all = Array.from(rewards.keys())
  const fitOf = (indices: readonly number[], seed: number) => {
    const own = drawn(rewards, indices, pool.samples.length, seed)
    return fitGaussian(rowsOf(own.map((i) => pool.features[i])))
  }
  const weights = softmax(rewards)
  const classes = new Float64Array(10)
  weights.forEach((weight, i) => {
    classes[pool.classes[i]] += weight
  })
  return {
    fit: fitOf(all, firstSeed),
    classes,
    z: mean(rewards.map(Math.exp)),
    half(seed, count) {
      const draws = stream(fold(purpose(key(firstSeed), 'halves'), seed))
      const order = all.map((i) => ({ i, u: draws.uniform() })).sort((a, b) => a.u - b.u)
      const shuffled = order.map(({ i }) => i)
      const picked = drawn(rewards, shuffled.slice(0, shuffled.length / 2), count, seed)
      return {
        picked,
        meanReward: mean(picked.map((i) => rewards[i])),
        fit: fitOf(shuffled.slice(shuffled.length / 2), seed),
        features: picked.map((i) => pool.features[i]),
        classes: Uint8Array.from(picked, (i) => pool.classes[i]),
      }
    },
  }
}

/** Indices by `exp(reward)`, with as little repetition as that allows. */
function drawn(rewards: Float64Array, own: readonly number[], count: number, seed: number): number[] {
  const picks = resample(
    'systematic',
    softmax(own.map((i) => rewards[i])),
    count,
    stream(purpose(key(seed), 'posterior')),
  )
  return Array.from(picks, (k) => own[k])
}

/** Feature vectors as one batch. */
export function rowsOf(features: readonly Float32Array[]): Tensor {
  return concatenate(features.map((data) => ({ shape: [1, data.length], data })))
}
