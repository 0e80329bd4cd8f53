import { mixtureChain } from 'espalier/chain'
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

/** The paper's schedule for two dimensions: T = 100 steps, beta linear from .001 to .07, branching at five levels. */
const process = vpTable(linearBetas(100, 0.001, 0.07))
const grid = Array.from({ length: 101 }, (_, i) => (100 - i) / 100)

export function solvable(mixture: GaussianMixture, reward: SolvableReward, lambda = 1) {
  return {
    process,
    mixture,
    chain: mixtureChain({ mixture, process, grid, branchAt: [100, 80, 60, 40, 20] }),
    reward: exact(reward),
    tilted: tilt(mixture, reward, lambda),
  }
}

export function exact(reward: SolvableReward): Reward<Tensor> & { evaluate(x: readonly Tensor[]): Promise<number[]> } {
  return { name: reward.type, evaluate: async (samples) => samples.map(({ data }) => rewardOf(reward, data)) }
}

/** N(0, 1) and r(x) = -(x - 1.5)^2 / (2 * 0.5^2). */
export function lineWorld() {
  return solvable(new GaussianMixture({ means: [[0]], stds: [1] }), quadraticReward([1.5], 0.5))
}

/** Eight modes on a circle of radius 4, rewarded by w_i = exp(1.5 i) (normalised: they sum to 1). */
export function ringWorld() {
  const centers = Array.from({ length: 8 }, (_, i) => [
    Math.cos((i * Math.PI) / 4) * 4,
    Math.sin((i * Math.PI) / 4) * 4,
  ])
  const raw = Array.from({ length: 8 }, (_, i) => Math.exp(1.5 * (i + 1)))
  const sum = raw.reduce((a, b) => a + b)
  const mixture = new GaussianMixture({ means: centers, stds: new Array(8).fill(Math.sqrt(0.05)) })
  return solvable(mixture, { type: 'modes', centers, weights: raw.map((w) => w / sum), scale: 0.3 })
}
