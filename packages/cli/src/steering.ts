/** Searches over one model for one reward: set up once, run once per method and seed. */

import type { Branching, Chain } from 'espalier/chain'
import { odeChain, pixelChain, thinned } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import { asDifferentiable, gridFrom } from 'espalier/process'
import { isDifferentiable, type Reward } from 'espalier/reward'
import { batched, type NetworkCard, type Runtime } from 'espalier/runtime'
import {
  type Progress,
  rolloutCost,
  SearchError,
  type SearchMethod,
  type SearchResult,
  searchFrom,
  type TreeSearchResult,
} from 'espalier/search'
import { solverFrom } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { asUserError, messageOf, UserError } from './errors.ts'
import { type DiffusionModel, openModel, readConditions } from './model.ts'
import { openReward } from './rewards.ts'
import { type GuidanceSettings, guided } from './sampler.ts'

/** Everything that decides the result, defaults filled in; this is what `run.json` keeps. */
export interface SteerSettings extends GuidanceSettings {
  readonly model: string
  /** Each is searched for on its own. */
  readonly rewards: readonly string[]
  readonly classifier?: string
  /** As the catalogue of searches has them. Each runs on the same seeds, with the same budget. */
  readonly methods: readonly string[]
  /** NFE per search, at most. */
  readonly budget: number
  readonly lambda: number
  readonly seeds: readonly number[]
  /** Rollouts under way together. */
  readonly width: number
  readonly steps: number
  readonly grid: string
  /** Of methods that branch or resample, and of those that search over start noises. */
  readonly solver: string
  readonly odeSolver: string
  /** Where methods may branch: a schedule, or remaining-step counts. Default: what is best for each. */
  readonly branch?: Branching | readonly number[]
  /** Conditions from files, `name=rows.npy` each; of several rows each sample draws one. */
  readonly condition?: readonly string[]
}

export const defaultSettings = {
  budget: 20_000,
  methods: ['greedy'],
  lambda: 1,
  seeds: [0],
  width: 16,
  steps: 50,
  grid: 'uniform',
  solver: 'ddim(eta=1)',
  odeSolver: 'ddim',
  guidance: 1,
  guidanceRescale: 0,
} as const

/** Model, chains and rewards, ready to be searched with any method and seed. */
export interface Steering {
  readonly model: DiffusionModel
  /** By the names they were asked for. */
  readonly rewards: ReadonlyMap<string, Reward<Tensor>>
  /** The chain that a method walks for a reward. */
  chain(method: SearchMethod, reward: string): Chain<Float32Array, Tensor>
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
  const { process } = model.denoiser
  const asked = await guided(model, settings, batched(model.denoiser, { maxBatch }))
  const rows = readConditions(model, settings.condition ?? [])
  const condition = asked.condition || rows ? { ...asked.condition, ...rows } : undefined
  const mean = model.card.type === 'network' ? (model.card as NetworkCard).mean : undefined
  const grid = gridFrom(settings.grid)(process, settings.steps)
  /** Rollouts that are cut short take a quarter of the steps that are left. */
  const finish = (rest: readonly number[]) =>
    solverFrom(settings.odeSolver)(process, thinned(rest, Math.ceil((rest.length - 1) / 4)))
  const common = { denoiser: asked.denoiser, condition, mean, range: model.range, finish }

  const branchAt = ({ blocks }: SearchMethod) => (blocks === 'one' ? blocks : (settings.branch ?? blocks))

  const make = (method: SearchMethod, name: string, reward: Reward<Tensor>): Chain<Float32Array, Tensor> => {
    if (method.chain === 'deterministic') {
      const plan = solverFrom(settings.odeSolver)(process, grid)
      return odeChain({ ...common, plan, branchAt: branchAt(method) })
    }
    const plan = solverFrom(settings.solver)(process, grid)
    if (method.chain !== 'guided') return pixelChain({ ...common, plan, branchAt: branchAt(method) })
    if (!isDifferentiable(reward)) {
      throw new UserError(`--reward ${name} has no gradient, which this --method needs; take one that needs none`)
    }
    const gradient = cleanGradient(asDifferentiable(asked.denoiser), reward, { range: model.range, mean })
    return pixelChain({ ...common, plan, branchAt: branchAt(method), gradient })
  }
  const chains = new Map<string, Chain<Float32Array, Tensor>>()
  const keyOf = ({ chain, blocks }: SearchMethod, reward: string) =>
    [chain, blocks, chain === 'guided' && reward].join(' ')
  for (const text of settings.methods) {
    const method = searchFrom(text)
    for (const [name, reward] of rewards) {
      await asUserError(`--method ${text}`, async () => {
        const key = keyOf(method, name)
        const chain = chains.get(key) ?? make(method, name, reward)
        chains.set(key, chain)
        const cost = rolloutCost(chain)
        if (settings.budget < cost) {
          throw new UserError(
            `--budget ${settings.budget} is less than one sample of ${cost} NFE; raise it, or lower --steps`,
          )
        }
        // A search that is stopped before it begins has looked at its options.
        const { budget, lambda, width } = settings
        await method.run({ chain, reward, budget, lambda, width, seed: settings.seeds[0], signal: AbortSignal.abort() })
      })
    }
  }
  return { model, rewards, chain: (method, reward) => chains.get(keyOf(method, reward)) as Chain<Float32Array, Tensor> }
}

/** What one search brought. */
export interface Trial {
  readonly reward: string
  readonly method: string
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
  readonly method: string
  readonly seed: number
  readonly budget: number
  readonly lambda: number
  readonly width: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  /** What the method's `save` gave. */
  readonly resume?: unknown
  readonly onCheckpoint?: (save: () => unknown) => void
}

/** Runs one search. A failure of model or reward is part of the answer, beside what had been found by then. */
export async function runTrial(steering: Steering, options: TrialOptions): Promise<Trial> {
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
    const search = searchFrom(method)
    const found = await search.run({
      ...options,
      chain: steering.chain(search, reward),
      reward: steering.rewards.get(reward) as Reward<Tensor>,
    })
    return trial(found)
  } catch (error) {
    const reason = error instanceof SearchError ? error.cause : error
    if (options.resume !== undefined && reason instanceof TypeError) {
      throw new UserError(`the search of ${method} that was saved is damaged (${messageOf(reason)}); start a new run`)
    }
    if (error instanceof SearchError) return trial(error.result as SearchResult<Tensor>, messageOf(error))
    throw new UserError(`--method ${method}: ${messageOf(error)}`, { cause: error })
  }
}

export function isTree(result: SearchResult<Tensor>): result is TreeSearchResult<Float32Array, Tensor> {
  return 'tree' in result
}
