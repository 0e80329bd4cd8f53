import type { StochasticChain } from 'espalier/chain'
import { drawnSamples, topSamples } from 'espalier/measure'
import type { Reward } from 'espalier/reward'
import { type SearchResult, searchFrom, svdd as svddSearch } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import type { ImageWorld } from '../support/image-world.ts'
import { learnedValues } from './learned.ts'
import { names } from './names.ts'

/** Samples that are kept of every run. */
export const samples = 32

/** What a method is given. */
export interface Task {
  readonly world: ImageWorld
  readonly reward: Reward<Tensor>
  /** Standard deviation of the reward in the model. */
  readonly scale: number
  readonly steps: number
  /** How many times a plain sample each kept one costs. */
  readonly m: number
  readonly seed: number
}

export interface Kept extends Pick<SearchResult<Tensor>, 'nfe' | 'gradientEvaluations' | 'rewardEvaluations'> {
  /** As many as are wanted. */
  readonly samples: readonly Tensor[]
}

/** A method of the comparison: so many samples for so many NFE. */
export interface Method {
  readonly name: string
  run(task: Task): Promise<Kept>
}

/** Inverse temperatures, times the standard deviation of the reward: ten, near to argmax, and three. */
const [near, far] = [10, 3]

/** A search of the catalogue, and which of its candidates are kept. */
function searched(
  name: string,
  text: (m: number) => string,
  keep: (result: SearchResult<Tensor>, m: number, seed: number) => readonly Tensor[],
  strength = near,
): Method {
  return {
    name,
    async run({ world, reward, scale, steps, m, seed }) {
      const search = searchFrom(text(m))
      const chain = world.chain(search, steps, reward)
      const result = await search.run({
        ...{ chain, reward, seed, budget: samples * m * steps, width: samples },
        lambda: strength / scale,
      })
      return { ...result, samples: keep(result, m, seed) }
    },
  }
}

const all = ({ candidates }: SearchResult<Tensor>) => candidates.map(({ sample }) => sample)
/** By the weights, with as little repetition as they allow. */
const byWeight = (result: SearchResult<Tensor>, _: number, seed: number) => drawnSamples(result, samples, seed)
/** The best of every M. */
const bestOfEach = (result: SearchResult<Tensor>, m: number) =>
  Array.from({ length: samples }, (_, i) => {
    const candidates = result.candidates.slice(i * m, (i + 1) * m)
    return topSamples({ ...result, candidates }, 1)[0]
  })
const population = (m: number) => `particles=${samples * m}`
const decoding = (options: string) => (m: number) => `svdd(candidates=${m}, samples=${samples}${options})`

export const bestOfN = searched(names.bestOfN, () => 'best-of-n', bestOfEach)
export const smc = searched(names.smc, (m) => `smc(${population(m)})`, byWeight)
export const warmSmc = searched(names.warmSmc, (m) => `smc(${population(m)})`, byWeight, far)
export const svdd = searched(names.svdd, decoding(''), all)
export const cold = searched(names.cold, decoding(', selection=softmax'), all)
export const warm = searched(names.warm, decoding(', selection=softmax'), all, far)
/** The worst of 32 gives way at every stop. */
export const replacing = searched(names.replacing, decoding(', replace=0.05'), all)
/** Two of our own: a sampler of the tilted law, and a search for its best (whose samples are what it leaves, by reward). */
export const forest = searched(names.forest, () => 'forest', byWeight)
export const greedy = searched(
  names.greedy,
  () => 'greedy',
  (result) => topSamples(result, samples),
)
/** The factor is the best of 1, 3, 10, 30, 100 and 300 on another seed. */
export const dps = searched(names.dps, () => `dps(particles=${samples})`, all, 40)

/**
 * With values learned from rollouts, which are paid. Candidates need no look-ahead and share the prediction that they come from, so
 * that twenty of them cost no more than three plain samples; all else goes to rollouts.
 */
export const learned: Method = {
  name: names.learned,
  async run({ world, reward, steps, m, seed }) {
    const chain = world.chain(searchFrom('svdd'), steps, reward) as StochasticChain<Float32Array, Tensor>
    const share = (m - 3) * samples
    const values = await learnedValues(world, chain, reward, share)
    const result = await svddSearch({
      ...{ chain, reward, values, samples, seed },
      candidates: 20,
      budget: 3 * samples * steps,
    })
    return {
      samples: all(result),
      gradientEvaluations: result.gradientEvaluations,
      nfe: result.nfe + share * steps,
      rewardEvaluations: result.rewardEvaluations + share,
    }
  },
}
