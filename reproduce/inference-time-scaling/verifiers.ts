/** Verifiers of the matrix: of a picture, and of the way that it came. */

import type { Chain, NoiseChain, StochasticChain } from 'espalier/chain'
import { type Reward, rankEnsemble } from 'espalier/reward'
import type { Tensor } from 'espalier/tensor'
import type { Digits } from '../support/digits.ts'

/** A sample, and what the network expected it to be some steps before. */
export interface Traced {
  readonly sample: Tensor
  /** The clean prediction `lag` levels earlier, or at the first level where there are not so many. */
  readonly before: Tensor
}

/**
 * A chain whose samples know what they were expected to be `lag` levels before. The prediction is the one that the
 * step from there begins with, so it costs nothing; a state that was noised again has a new past.
 */
export function traced<S extends object>(chain: NoiseChain<S, Tensor>, lag: number): NoiseChain<S, Traced>
export function traced<S extends object>(chain: StochasticChain<S, Tensor>, lag: number): StochasticChain<S, Traced>
export function traced<S extends object>(chain: Chain<S, Tensor>, lag: number): Chain<S, Traced> {
  /** Clean predictions on the way to a state, newest first. */
  const pasts = new WeakMap<S, readonly Tensor[]>()
  const pastOf = (state: S) => pasts.get(state) ?? []
  const beforeOf = (state: S, sample: Tensor) => pastOf(state).at(lag - 1) ?? pastOf(state).at(-1) ?? sample
  return {
    ...chain,
    async step(states, level, keys) {
      const seen = await chain.lookahead(states, level)
      const next = await chain.step(states, level, keys)
      next.forEach((state, i) => {
        pasts.set(state, [seen[i], ...pastOf(states[i])].slice(0, lag))
      })
      return next
    },
    async lookahead(states, level) {
      const samples = await chain.lookahead(states, level)
      return samples.map((sample, i) => ({ sample, before: beforeOf(states[i], sample) }))
    },
    async decode(states) {
      const samples = await chain.decode(states)
      return samples.map((sample, i) => ({ sample, before: beforeOf(states[i], sample) }))
    },
  }
}

export const label = '5'
export const singleNames = [`log-odds of a ${label}`, 'symmetry', 'self-similarity'] as const
const lambdas = [1, 2, 25] as const
export const ensemble = 'ensemble by ranks'

export interface Verifier {
  readonly name: (typeof singleNames)[number] | typeof ensemble
  readonly reward: Reward<Traced>
  /** Inverse temperature of methods that have one: about ten over the standard deviation in the model. None for ranks. */
  readonly lambda?: number
}

/** Three verifiers, and the ensemble of them by ranks. */
export function verifiersOf(world: Digits): Verifier[] {
  const rewards = [ofSample(world.digit(label)), ofSample(world.symmetry), selfSimilarity(world)]
  return [
    ...singleNames.map((name, i) => ({ name, reward: rewards[i], lambda: lambdas[i] })),
    { name: ensemble, reward: rankEnsemble(rewards) },
  ]
}

/** A reward of pictures as one of traced pictures. */
function ofSample(reward: Reward<Tensor>): Reward<Traced> {
  return { name: reward.name, evaluate: (traced) => reward.evaluate(traced.map(({ sample }) => sample)) }
}

/**
 * How alike the features of a sample and of what the network expected it to be are, as `-log10(1 - cosine)`: high
 * where the picture was settled early. It needs no label (Ma et al. 2025, self-supervised verifiers).
 */
function selfSimilarity(world: Digits): Reward<Traced> {
  return {
    name: 'self-similarity',
    async evaluate(all) {
      const features = await world.features([...all.map(({ sample }) => sample), ...all.map(({ before }) => before)])
      return all.map((_, i) => -Math.log10(1 - cosine(features[i], features[all.length + i]) + 1e-6))
    },
  }
}

function cosine(f: Float32Array, g: Float32Array): number {
  let [fg, ff, gg] = [0, 0, 0]
  for (let k = 0; k < f.length; k++) {
    fg += f[k] * g[k]
    ff += f[k] * f[k]
    gg += g[k] * g[k]
  }
  return ff === 0 || gg === 0 ? 0 : fg / Math.sqrt(ff * gg)
}
