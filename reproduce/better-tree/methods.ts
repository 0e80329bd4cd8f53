import { stochasticChain } from 'espalier/chain'
import {
  bestOfN,
  dts,
  dtsStar,
  type ForestOptions,
  forest,
  type GreedyIslandsOptions,
  greedyIslands,
  type IslandOptions,
  importanceResampling,
  type SearchResult,
  type SmcOptions,
  type SvddOptions,
  smc,
  svdd,
  type TreeSearchOptions,
} from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import type { Schedule, World } from './worlds.ts'

type Of<O> = Partial<Omit<O, 'chain' | 'reward' | 'seed' | 'budget'>>
type State = Float32Array

/** A method of the comparison with its setting. */
export interface Method {
  readonly method: string
  readonly setting: string
  /** What is read off its runs: its weighted samples, the best reward, how many samples are distinct. */
  readonly measured: readonly ('samples' | 'best' | 'distinct')[]
  /** Largest budget at which it differs from another method here. */
  readonly most?: number
  run(world: World, seed: number, budget: number): Promise<SearchResult<Tensor>>
}

const both = ['samples', 'best'] as const

/** What every method is given in a world. */
const given = (world: World, schedule: Schedule, seed: number, budget: number) => ({
  ...{ chain: world.chains[schedule], reward: world.reward, seed, budget },
})

const on = (schedule: Schedule, more?: string) => {
  const levels = schedule === 'coarse' ? 'even levels' : `${schedule} levels`
  return more ? `${levels}, ${more}` : levels
}

const population =
  <O extends IslandOptions<State, Tensor>>(
    method: string,
    search: (options: O) => Promise<SearchResult<Tensor>>,
    measured: Method['measured'] = both,
  ) =>
  (schedule: Schedule, more?: string, options?: Of<O>): Method => ({
    ...{ method, setting: on(schedule, more), measured },
    run: (world, seed, budget) => search({ ...given(world, schedule, seed, budget), ...options } as O),
  })

const smcOn = population<SmcOptions<State, Tensor>>('SMC / FK', smc)
const svddOn = population<SvddOptions<State, Tensor>>('SVDD', svdd)
export const forestOn = population<ForestOptions<State, Tensor>>('forest', forest)

const treeOn =
  (method: string, search = dts, measured: Method['measured'] = ['samples']) =>
  (schedule: Schedule, more: string, options: Of<TreeSearchOptions<State, Tensor>> = {}): Method => ({
    ...{ method, setting: on(schedule, more), measured },
    run: (world, seed, budget) => {
      const all = given(world, schedule, seed, budget)
      return search({ ...all, chain: stochasticChain(all.chain), ...options })
    },
  })

const rollouts = (method: string, search: typeof bestOfN, measured: Method['measured']): Method => ({
  ...{ method, setting: 'prior rollouts', measured },
  run: (world, seed, budget) => search(given(world, 'coarse', seed, budget)),
})

export const ir = rollouts('importance resampling', importanceResampling, ['samples'])
export const bon = rollouts('best-of-N', bestOfN, ['best'])
export const fk = { coarse: smcOn('coarse'), fine: smcOn('fine') }
export const svddArgmax = svddOn('fine', 'M=5, argmax')
export const svddSoftmax = {
  coarse: svddOn('coarse', 'M=5, softmax', { selection: 'softmax' }),
  fine: svddOn('fine', 'M=5, softmax', { selection: 'softmax' }),
}
export const svddWeighted = svddOn('fine', 'M=5, weighted (ours)', { selection: 'softmax', weighted: true })
export const published = {
  coarse: treeOn('DTS')('coarse', 'C=2, alpha=0.8'),
  fine: treeOn('DTS')('fine', 'C=2, alpha=0.8'),
}
export const evened = treeOn('DTS, mixed (ours)')('coarse', 'C=1, alpha=0.5, epsilon=0.8', {
  ...{ c: 1, alpha: 0.5, selection: 'boltzmann-mixed', epsilon: 0.8 },
})
export const exactWeights = {
  coarse: treeOn('DTS, exact weights (ours)')('coarse', 'C=2, alpha=0.5, epsilon=0.3', { readOut: 'weighted' }),
  fine: treeOn('DTS, exact weights (ours)')('fine', 'C=2, alpha=0.5, epsilon=0.3', { readOut: 'weighted' }),
}
export const tempered = {
  coarse: forestOn('coarse', 'no guard', { guard: false }),
  few: forestOn('few', 'no guard', { guard: false }),
  fine: forestOn('fine', 'no guard', { guard: false }),
  guarded: forestOn('fine', 'guard', { guard: true }),
}
export const star = {
  wide: treeOn('DTS*', dtsStar, ['best'])('coarse', 'C=2, alpha=0.8'),
  narrow: treeOn('DTS*', dtsStar, ['best'])('coarse', 'C=2, alpha=0.5', { alpha: 0.5 }),
}
const greedyOn = population<GreedyIslandsOptions<State, Tensor> & IslandOptions<State, Tensor>>(
  'greedy islands (ours)',
  greedyIslands,
  ['best'],
)
export const greedy = {
  full: greedyOn('fine'),
  fresh: greedyOn('fine', 'no re-branching', { local: 0 }),
  bold: { ...greedyOn('fine', 'no hedge', { hedge: false }), most: 1e3 },
}

export const methods: readonly Method[] = [
  ir,
  ...Object.values(fk),
  svddArgmax,
  ...Object.values(svddSoftmax),
  svddWeighted,
  ...Object.values(published),
  evened,
  ...Object.values(exactWeights),
  ...Object.values(tempered),
  bon,
  ...Object.values(star),
  ...Object.values(greedy),
]
