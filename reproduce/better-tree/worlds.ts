/** Eight worlds whose target is known exactly: log Z, the masses of the modes, and the largest reward there is. */

import { forestBranches, mixtureChain } from 'espalier/chain'
import { studentQuantile } from 'espalier/measure'
import {
  GaussianMixture,
  linearBetas,
  quadraticReward,
  rewardOf,
  type SolvableReward,
  tilt,
  vpTable,
} from 'espalier/process'
import type { Reward } from 'espalier/reward'
import { key, purpose, stream, type Tensor } from 'espalier/tensor'
import { gmmWorld } from '../dts/worlds.ts'

/**
 * Where a search may branch: five even blocks, as in the tree papers; ever finer ones towards the clean end (17 of 100 steps);
 * or about every other one of those (8 of 100 steps: half the look-aheads).
 */
export type Schedule = 'coarse' | 'fine' | 'few'

const fewOfHundred = [100, 60, 40, 30, 20, 12, 6, 2]

export interface World {
  readonly name: string
  /** NFE of a rollout. */
  readonly steps: number
  readonly chains: Readonly<Record<Schedule, ReturnType<typeof mixtureChain>>>
  readonly reward: Reward<Tensor>
  readonly logZ: number
  /** The largest value of the reward. */
  readonly highest: number
  /** Probabilities of the modes under the target. */
  readonly masses: readonly number[]
  /** The mode that a sample belongs to. */
  modeOf(x: ArrayLike<number>): number
}

interface Definition {
  readonly name: string
  readonly mixture: GaussianMixture
  /** On the first coordinates, as many as its centres have. */
  readonly reward: Extract<SolvableReward, { type: 'modes' }>
  readonly steps?: number
  readonly betas?: readonly [first: number, last: number]
}

function world({ name, mixture, reward, steps = 100, betas = [0.001, 0.07] }: Definition): World {
  const process = vpTable(linearBetas(steps, ...betas))
  const grid = Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps)
  const chain = (branchAt?: readonly number[]) => mixtureChain({ mixture, process, grid, branchAt })
  const q = reward.centers[0].length
  // The reward sees the first q coordinates, under which component k is a Gaussian of q dimensions.
  const logMasses = mixture.means.map((mean, k) => {
    const component = new GaussianMixture({ means: [mean.subarray(0, q)], stds: [mixture.stds[k]] })
    return Math.log(mixture.weights[k]) + tilt(component, reward).logZ
  })
  const highest = Math.max(...logMasses)
  const logZ = highest + Math.log(logMasses.reduce((sum, v) => sum + Math.exp(v - highest), 0))
  return {
    name,
    steps,
    chains: {
      coarse: chain(),
      fine: chain(forestBranches(steps)),
      few: chain([...new Set(fewOfHundred.map((of) => Math.max(1, Math.round((of * steps) / 100))))]),
    },
    reward: {
      name,
      evaluate: async (samples) => samples.map(({ data }) => rewardOf(reward, data.subarray(0, q))),
    },
    logZ,
    highest: Math.max(...reward.centers.map((center) => climb(reward, center))),
    masses: logMasses.map((v) => Math.exp(v - logZ)),
    modeOf: (x) => nearest(mixture.means, x),
  }
}

/** The largest reward near a point: every step of the mean shift climbs. */
function climb(reward: Definition['reward'], from: readonly number[]): number {
  let x = [...from]
  for (let i = 0; i < 1000; i++) {
    const logs = reward.centers.map((center, k) =>
      rewardOf({ ...reward, centers: [center], weights: [reward.weights[k]] }, x),
    )
    const total = rewardOf(reward, x)
    x = x.map((_, j) => reward.centers.reduce((sum, center, k) => sum + Math.exp(logs[k] - total) * center[j], 0))
  }
  return rewardOf(reward, x)
}

function nearest(means: readonly Float64Array[], x: ArrayLike<number>): number {
  let best = 0
  let gap = Infinity
  for (let k = 0; k < means.length; k++) {
    let distance = 0
    for (let i = 0; i < x.length; i++) distance += (means[k][i] - x[i]) ** 2
    if (distance < gap) [best, gap] = [k, distance]
  }
  return best
}

const ring = Array.from({ length: 8 }, (_, i) => [4 * Math.cos((i * Math.PI) / 4), 4 * Math.sin((i * Math.PI) / 4)])
const ringStds = ring.map(() => Math.sqrt(0.05))

/** Three narrow peaks beside the centres of modes 0, 3 and 6. */
function sharp(name: string, variance: number): World {
  const centers = [0, 3, 6].map((k) => [ring[k][0] + 0.1, ring[k][1] - 0.1])
  const mixture = new GaussianMixture({ means: ring, stds: ringStds })
  return world({
    name,
    mixture,
    reward: { type: 'modes', centers, weights: [0.5, 0.3, 0.2], scale: Math.sqrt(variance) },
  })
}

/** The two rewarded modes together have the prior mass `p`. */
function rareModes(name: string, p: number): World {
  const weights = ring.map((_, i) => (i === 2 ? 0.6 * p : i === 5 ? 0.4 * p : (1 - p) / 6))
  const mixture = new GaussianMixture({ means: ring, stds: ringStds, weights })
  return world({
    name,
    mixture,
    reward: { type: 'modes', centers: [ring[2], ring[5]], weights: [1, 1], scale: Math.SQRT1_2 },
  })
}

/** Eight random directions in 32 dimensions; the reward sees the first q coordinates of two of them. */
function wide(name: string, q: number, offset: number, variance: number): World {
  const draws = stream(purpose(key(4), 'means'))
  const means = Array.from({ length: 8 }, () => {
    const direction = Array.from({ length: 32 }, () => draws.normal())
    const norm = Math.hypot(...direction)
    return direction.map((v) => (6 * v) / norm)
  })
  const mixture = new GaussianMixture({ means, stds: means.map(() => Math.sqrt(0.15)) })
  const centers = means.slice(0, 2).map((mean) => mean.slice(0, q).map((m) => m + offset / Math.sqrt(q)))
  return world({ name, mixture, reward: { type: 'modes', centers, weights: [1, 1], scale: Math.sqrt(variance) } })
}

/** One dimension, where the "modes" are ten bins of equal mass under the target N(1.2, 0.2). */
function line(): World {
  const reward = quadraticReward([1.5], 0.5) as Definition['reward']
  const mixture = new GaussianMixture({ means: [[0]], stds: [1] })
  const edges = Array.from({ length: 9 }, (_, i) => 1.2 + Math.sqrt(0.2) * studentQuantile((i + 1) / 10, Infinity))
  return {
    ...world({ name: 'gauss', mixture, reward, steps: 20, betas: [0.01, 0.5] }),
    masses: edges.map(() => 0.1).concat(0.1),
    modeOf: (x) => edges.filter((edge) => x[0] > edge).length,
  }
}

function eightModes(): World {
  const raw = ring.map((_, i) => Math.exp(1.5 * (i + 1)))
  const total = raw.reduce((a, b) => a + b)
  const { mixture } = gmmWorld()
  return world({
    name: 'gmm',
    mixture,
    reward: { type: 'modes', centers: ring, weights: raw.map((w) => w / total), scale: 0.3 },
  })
}

export const worldNames = ['gmm', 'sharp3', 'sharp4', 'mode3', 'mode4', 'hd32', 'hd32b', 'gauss'] as const
export type WorldName = (typeof worldNames)[number]

export const makeWorld: Readonly<Record<WorldName, () => World>> = {
  gmm: eightModes,
  sharp3: () => sharp('sharp3', 2.5e-4),
  sharp4: () => sharp('sharp4', 2.5e-5),
  mode3: () => rareModes('mode3', 1e-3),
  mode4: () => rareModes('mode4', 1e-4),
  hd32: () => wide('hd32', 2, 0.3, 0.05),
  hd32b: () => wide('hd32b', 8, 0.15, 0.06),
  gauss: line,
}

/** Total variation between the masses of the modes of weighted samples and the target's. */
export function modeDistance(
  { masses, modeOf }: World,
  samples: readonly { sample: Tensor; weight: number }[],
): number {
  const excess = masses.map((mass) => -mass)
  for (const { sample, weight } of samples) excess[modeOf(sample.data)] += weight
  return excess.reduce((sum, e) => sum + Math.abs(e), 0) / 2
}
