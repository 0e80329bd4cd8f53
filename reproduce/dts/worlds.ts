/** The exact worlds of the experiment: final states, target laws and soft values are all known in closed form. */

import { forestBranches, mixtureChain } from 'espalier/chain'
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
import type { Tensor } from 'espalier/tensor'

/** The paper's schedule for two dimensions. */
export const branchAt = [100, 80, 60, 40, 20]
export const process = vpTable(linearBetas(100, 0.001, 0.07))
const grid = Array.from({ length: 101 }, (_, i) => (100 - i) / 100)

/** Eight modes on a circle of radius 4, variance 0.05 each. */
const ring = Array.from({ length: 8 }, (_, i) => [4 * Math.cos((i * Math.PI) / 4), 4 * Math.sin((i * Math.PI) / 4)])
const ringStds = ring.map(() => Math.sqrt(0.05))

/** A mixture under a reward whose tilted law is known, on the paper's schedule. */
export function world(mixture: GaussianMixture, solvable: SolvableReward, lambda = 1) {
  const reward: Reward<Tensor> = {
    name: solvable.type,
    evaluate: async (samples) => samples.map(({ data }) => rewardOf(solvable, data)),
  }
  return {
    mixture,
    reward,
    chain: mixtureChain({ mixture, process, grid, branchAt }),
    /** The same steps cut into 17 blocks, ever shorter towards the clean end: for methods that look ahead. */
    fine: mixtureChain({ mixture, process, grid, branchAt: forestBranches(grid.length - 1) }),
    tilted: tilt(mixture, solvable, lambda),
    rewardAt: (x: ArrayLike<number>) => rewardOf(solvable, x),
  }
}

export type World = ReturnType<typeof world>

/** The paper's Gaussian-mixture world: all modes equal a priori, rewarded by `w_i` proportional to `exp(1.5 i)`. */
export function gmmWorld(): World {
  const raw = ring.map((_, i) => Math.exp(1.5 * (i + 1)))
  const total = raw.reduce((a, b) => a + b)
  const mixture = new GaussianMixture({ means: ring, stds: ringStds })
  return world(mixture, { type: 'modes', centers: ring, weights: raw.map((w) => w / total), scale: 0.3 })
}

/** A control: the two rewarded modes have 0.06% and 0.04% of the prior mass. */
export function rareWorld(): World {
  const weights = ring.map((_, i) => (i === 2 ? 6e-4 : i === 5 ? 4e-4 : (1 - 1e-3) / 6))
  const mixture = new GaussianMixture({ means: ring, stds: ringStds, weights })
  const reward: SolvableReward = { type: 'modes', centers: [ring[2], ring[5]], weights: [1, 1], scale: Math.SQRT1_2 }
  return world(mixture, reward)
}

/** One dimension: N(0, 1) and `r(x) = -(x - 1.5)^2 / (2 0.5^2)`; the target is N(1.2, 0.2). */
export function lineWorld(): World {
  return world(new GaussianMixture({ means: [[0]], stds: [1] }), quadraticReward([1.5], 0.5))
}

/** Total variation between the mode masses of weighted samples and those of the target. */
export function modeDistance(
  { mixture, tilted }: World,
  samples: readonly { sample: Tensor; weight: number }[],
): number {
  const nearest = (x: ArrayLike<number>) => {
    let best = 0
    let gap = Infinity
    mixture.means.forEach((mean, k) => {
      const distance = mean.reduce((sum, m, i) => sum + (m - x[i]) ** 2, 0)
      if (distance < gap) [best, gap] = [k, distance]
    })
    return best
  }
  const excess = new Float64Array(mixture.means.length)
  for (const { sample, weight } of samples) excess[nearest(sample.data)] += weight
  // Terms of the target sit next to a mode: each belongs to the mode nearest to its mean.
  tilted.law.means.forEach((mean, k) => {
    excess[nearest(mean)] -= tilted.law.weights[k]
  })
  return excess.reduce((sum, e) => sum + Math.abs(e), 0) / 2
}
