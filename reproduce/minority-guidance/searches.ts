/** Searches whose reward is the minority score: what can be had of it without a classifier, for as many NFE. */

import { minorityScoring } from '@espalier/zoo'
import { pixelChain, type StochasticChain } from 'espalier/chain'
import { drawnSamples, topSamples } from 'espalier/measure'
import { uniformGrid } from 'espalier/process'
import { batched } from 'espalier/runtime'
import {
  bestOfN,
  forest,
  greedyIslands,
  type IslandOptions,
  posteriorMean,
  type SearchResult,
  type ValueFunction,
} from 'espalier/search'
import { ddim } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { stacked } from '../support/digits.ts'
import type { World } from './world.ts'

type State = Float32Array

/** A score asks the network too: so many NFE. */
const price = minorityScoring.draws

/**
 * Of the forest: at this inverse temperature the tilted law of plain samples has about the mean score of the rarest
 * tenth of the digits, 96.
 */
export const lambda = 0.08

export interface Found {
  /** One for each that was asked for. */
  readonly samples: Tensor
  /** Share of them that are distinct. */
  readonly distinct: number
  /** Of the whole search, with what the scores took. */
  readonly nfe: number
  readonly rewardEvaluations: number
}

export type Searcher = (world: World, steps: number, budget: number, seed: number, keep: number) => Promise<Found>

/**
 * DDIM with eta = 1 in five even blocks. What a score costs is in the chain's own costs at the end, and in those of a
 * look, so that a budget pays for everything. No more blocks than that, as each look costs as much as four steps.
 */
function steered({ denoiser, scores }: World, steps: number) {
  const plan = ddim({ eta: 1 })(denoiser.process, uniformGrid(denoiser.process, steps))
  const plain = pixelChain({ denoiser: batched(denoiser, { maxBatch: 64 }), plan, range: [-1, 1], branchAt: 'even' })
  const chain: StochasticChain<State, Tensor> = {
    ...plain,
    cost: (level, looked) => plain.cost(level, looked) + (level === plain.depth - 1 ? price : 0),
  }
  const reward = {
    name: 'minority score',
    evaluate: (samples: readonly Tensor[]) => scores(stacked(samples), 'choosing'),
  }
  const look = posteriorMean(chain, reward)
  const values: ValueFunction<State> = { ...look, cost: (level) => look.cost(level) + price }
  return { chain, reward, values }
}

function found(result: SearchResult<Tensor>, samples: readonly Tensor[]): Found {
  const { nfe, rewardEvaluations } = result
  return { samples: stacked(samples), distinct: new Set(samples).size / samples.length, nfe, rewardEvaluations }
}

/** Samples of the chain that the others walk, none of them chosen. */
export const noisy: Searcher = async ({ denoiser }, steps, budget, seed, keep) => {
  const plan = ddim({ eta: 1 })(denoiser.process, uniformGrid(denoiser.process, steps))
  const chain = pixelChain({ denoiser: batched(denoiser, { maxBatch: 64 }), plan, range: [-1, 1] })
  const reward = { name: 'none', evaluate: async (samples: readonly Tensor[]) => samples.map(() => 0) }
  const result = await bestOfN({ chain, reward, budget, seed, width: 64 })
  const samples = result.candidates.slice(0, keep).map(({ sample }) => sample)
  return { ...found(result, samples), rewardEvaluations: 0 }
}

type Given = Omit<IslandOptions<State, Tensor>, 'lambda'>

/** Draws from the tilted law. */
export const tempered: Searcher = async (world, steps, budget, seed, keep) => {
  const given: Given = { ...steered(world, steps), budget, seed }
  const result = await forest({ ...given, lambda, width: 64 })
  return found(result, drawnSamples(result, keep, seed))
}

/** The best that was found. */
export const greedy: Searcher = async (world, steps, budget, seed, keep) => {
  const given: Given = { ...steered(world, steps), budget, seed }
  const result = await greedyIslands(given)
  return found(result, topSamples(result, keep))
}
