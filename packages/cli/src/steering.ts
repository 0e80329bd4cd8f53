/** Searches over one model for one reward: set up once, run once per method and seed. */

import type { Chain } from 'espalier/chain'
import { odeChain, pixelChain } from 'espalier/chain'
import { gridFrom } from 'espalier/process'
import type { Reward } from 'espalier/reward'
import { batched, type Runtime } from 'espalier/runtime'
import { type Progress, type SavedSearch, SearchError, type SearchResult, type TreeSearchResult } from 'espalier/search'
import { ddim } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { asUserError, messageOf } from './errors.ts'
import { type MethodName, methods, type SearchMethod } from './methods.ts'
import { conditionedOn, type DiffusionModel, openModel } from './model.ts'
import { openReward } from './rewards.ts'

/** Everything that decides the result, defaults filled in; this is what `run.json` keeps. */
export interface SteerSettings {
  readonly model: string
  /** Each is searched for on its own. */
  readonly rewards: readonly string[]
  readonly classifier?: string
  /** Each runs on the same seeds, with the same budget. */
  readonly methods: readonly MethodName[]
  /** NFE per search, at most. */
  readonly budget: number
  readonly lambda: number
  readonly seeds: readonly number[]
  /** Rollouts under way together. */
  readonly width: number
  readonly steps: number
  readonly grid: string
  readonly eta: number
  /** Remaining-step counts at which the tree may branch. Default: five even blocks. */
  readonly branch?: readonly number[]
  readonly class?: string
  readonly guidance: number
  /** Widening and exploration of the tree searches. */
  readonly c: number
  readonly alpha: number
  readonly cUct: number
}

export const defaultSettings = {
  budget: 20_000,
  methods: ['dts-star'],
  lambda: 1,
  seeds: [0],
  width: 16,
  steps: 50,
  grid: 'uniform',
  eta: 1,
  guidance: 1,
  c: 2,
  alpha: 0.5,
  cUct: 1,
} as const

/** Model, chain and rewards, ready to be searched with any method and seed. */
export interface Steering {
  readonly model: DiffusionModel
  readonly chain: Chain<Float32Array, Tensor>
  /** By the names they were asked for. */
  readonly rewards: ReadonlyMap<string, Reward<Tensor>>
}

/** Rows of one network call. */
const maxBatch = 64

/** Opens everything that the searches need. @throws UserError for what the user can put right */
export async function setUpSteering(runtime: Runtime, settings: SteerSettings): Promise<Steering> {
  const model = await openModel(runtime, settings.model)
  const rewards = new Map<string, Reward<Tensor>>()
  for (const name of settings.rewards) {
    rewards.set(name, await openReward(name, { runtime, model, classifier: settings.classifier }))
  }
  const asked = conditionedOn(model, settings.class, settings, batched(model.denoiser, { maxBatch }))
  const chain = await asUserError('steer', () => {
    const { process } = model.denoiser
    const plan = ddim({ eta: settings.eta })(process, gridFrom(settings.grid)(process, settings.steps))
    // Without noise there is nothing to branch at, and a search chooses among starts.
    const chainOf = settings.eta === 0 && (settings.branch?.length ?? 1) === 1 ? odeChain : pixelChain
    return chainOf({ ...asked, plan, branchAt: settings.branch, range: model.range })
  })
  return { model, chain, rewards }
}

/** NFE of one sample. */
export function rolloutCost(chain: Chain<unknown, unknown>): number {
  let cost = 0
  for (let level = 0; level < chain.depth; level++) cost += chain.cost(level)
  return cost
}

/** What one search brought. */
export interface Trial {
  readonly reward: string
  readonly method: MethodName
  readonly seed: number
  /** NFE that it was allowed. */
  readonly budget: number
  readonly result: SearchResult<Tensor>
  readonly seconds: number
  /** Why the search broke off, where the model or the reward failed. */
  readonly failure?: string
}

export interface TrialOptions {
  readonly reward: string
  readonly method: MethodName
  readonly seed: number
  readonly budget: number
  readonly lambda: number
  readonly width: number
  readonly c: number
  readonly alpha: number
  readonly cUct: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  readonly resume?: SavedSearch
  readonly onCheckpoint?: (save: () => SavedSearch) => void
}

/** Runs one search. A failure of model or reward is part of the answer, beside what had been found by then. */
export async function runTrial({ chain, rewards }: Steering, options: TrialOptions): Promise<Trial> {
  const { reward, method, seed, budget } = options
  const started = performance.now()
  const trial = (result: SearchResult<Tensor>, failure?: string): Trial => ({
    reward,
    method,
    seed,
    budget,
    result,
    seconds: (performance.now() - started) / 1000,
    failure,
  })
  try {
    const search: SearchMethod = methods[method]
    return trial(await search.run({ ...options, chain, reward: rewards.get(reward) as Reward<Tensor> }))
  } catch (error) {
    if (error instanceof SearchError) return trial(error.result as SearchResult<Tensor>, messageOf(error))
    throw error
  }
}

export function isTree(result: SearchResult<Tensor>): result is TreeSearchResult<Float32Array, Tensor> {
  return 'save' in result
}
