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
  type TreeNotes,
  type TreeSearchResult,
} from 'espalier/search'
import { solverFrom } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { asUserError, messageOf, UserError } from './errors.ts'
import { type DiffusionModel, openModel, readConditions } from './model.ts'
import { openReward } from './rewards.ts'
import { type GuidanceSettings, guided } from './sampler.ts'

/** What decides the result of any search, defaults filled in; this is what `run.json` keeps. */
export interface SearchSettings {
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
  /** Where methods may branch: a schedule, or remaining-step counts. Default: what is best for each. */
  readonly branch?: Branching | readonly number[]
}

/** Searches over a model of images, fields or points. */
export interface SteerSettings extends SearchSettings, GuidanceSettings {
  readonly steps: number
  readonly grid: string
  /** Of methods that branch or resample, and of those that search over start noises. */
  readonly solver: string
  readonly odeSolver: string
  /** Conditions from files, `name=rows.npy` each; of several rows each sample draws one. */
  readonly condition?: readonly string[]
}

/** What every search takes where nothing else is said. */
export const searchDefaults = {
  budget: 20_000,
  methods: ['greedy'],
  lambda: 1,
  seeds: [0],
  width: 16,
} as const

export const defaultSettings = {
  ...searchDefaults,
  steps: 50,
  grid: 'uniform',
  solver: 'ddim(eta=1)',
  odeSolver: 'ddim',
  guidance: 1,
  guidanceRescale: 0,
} as const

/**
 * Model, chains and rewards, ready to be searched with any method and seed.
 *
 * @typeParam S a state of the chains
 * @typeParam X a sample, what rewards score
 */
export interface Steering<S = unknown, X = unknown> {
  readonly model: { readonly name: string; readonly sha256: string }
  /** By the names they were asked for. */
  readonly rewards: ReadonlyMap<string, Reward<X>>
  /** What tree files say of the samples. */
  readonly notes: TreeNotes
  /** How samples are made, as short facts. */
  readonly facts: readonly (readonly [string, string])[]
  /** The same in a few words, for the subtitle of a plot. */
  readonly pace: string
  /** The chain that a method walks for a reward. */
  chain(method: SearchMethod, reward: string): Chain<S, X>
  /** A sample as it is kept: of text its tokens. */
  tensor(sample: X): Tensor
  /** A kept sample as text, where it is one. */
  spell?(sample: Tensor): string
}

/** Searches over a model of images, fields or points. */
export interface FieldSteering extends Steering<Float32Array, Tensor> {
  readonly model: DiffusionModel
}

/** Rows of one network call. */
export const maxBatch = 64

/** Opens everything that the searches need. @throws UserError for what the user can put right */
export async function setUpSteering(runtime: Runtime, settings: SteerSettings): Promise<FieldSteering> {
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

  const make = (method: SearchMethod, name: string, reward: Reward<Tensor>): Chain<Float32Array, Tensor> => {
    const branchAt = branchOf(method, settings)
    if (method.chain === 'deterministic') {
      const plan = solverFrom(settings.odeSolver)(process, grid)
      return odeChain({ ...common, plan, branchAt })
    }
    const plan = solverFrom(settings.solver)(process, grid)
    if (method.chain !== 'guided') return pixelChain({ ...common, plan, branchAt })
    if (!isDifferentiable(reward)) {
      throw new UserError(`--reward ${name} has no gradient, which this --method needs; take one that needs none`)
    }
    const gradient = cleanGradient(asDifferentiable(asked.denoiser), reward, { range: model.range, mean })
    return pixelChain({ ...common, plan, branchAt, gradient })
  }
  const { name, event, range } = model
  return {
    model,
    rewards,
    notes: { model: name, event, range },
    facts: [['solver', `${settings.solver}, ${settings.steps} steps`]],
    pace: `${settings.steps} steps a sample`,
    chain: await chainsOf(settings, rewards, make, '--steps'),
    tensor: (sample) => sample,
  }
}

/** Where the chain of a method branches. */
export function branchOf({ blocks }: SearchMethod, { branch }: SearchSettings): Branching | readonly number[] {
  return blocks === 'one' ? blocks : (branch ?? blocks)
}

/**
 * The chains of all methods and rewards, one for those that can share it; each method is tried on its own.
 *
 * @param fewer the option that makes a sample cheaper
 * @throws UserError where a method, the budget and the chain do not fit
 */
export async function chainsOf<S, X>(
  settings: SearchSettings,
  rewards: ReadonlyMap<string, Reward<X>>,
  make: (method: SearchMethod, name: string, reward: Reward<X>) => Chain<S, X>,
  fewer: string,
): Promise<Steering<S, X>['chain']> {
  const chains = new Map<string, Chain<S, X>>()
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
            `--budget ${settings.budget} is less than one sample of ${cost} NFE; raise it, or lower ${fewer}`,
          )
        }
        // A search that is stopped before it begins has looked at its options.
        const { budget, lambda, width } = settings
        await method.run({ chain, reward, budget, lambda, width, seed: settings.seeds[0], signal: AbortSignal.abort() })
      })
    }
  }
  return (method, reward) => chains.get(keyOf(method, reward)) as Chain<S, X>
}

/** What one search brought. */
export interface Trial {
  readonly reward: string
  readonly method: string
  readonly seed: number
  /** NFE that it was allowed. */
  readonly budget: number
  /** Samples as they are kept: of text their tokens. */
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
  /** @param best a sample of the best reward so far, of text alone */
  readonly onProgress?: (progress: Progress, best?: Tensor) => void
  /** What the method's `save` gave. */
  readonly resume?: unknown
  readonly onCheckpoint?: (save: () => unknown) => void
}

/** Runs one search. A failure of model or reward is part of the answer, beside what had been found by then. */
export async function runTrial<S, X>(steering: Steering<S, X>, options: TrialOptions): Promise<Trial> {
  const { reward: name, method, seed, budget } = options
  const started = performance.now()
  const trial = (result: SearchResult<X>, failure?: string): Trial => ({
    reward: name,
    method,
    seed,
    budget,
    result: keeping(result, steering),
    seconds: (performance.now() - started) / 1000,
    failure,
  })
  try {
    const search = searchFrom(method)
    const reward = steering.rewards.get(name) as Reward<X>
    const best = steering.spell && new Best(reward)
    const found = await search.run({
      ...options,
      chain: steering.chain(search, name),
      reward: best ? best.reward : reward,
      onProgress(progress) {
        const sample = best?.at(progress.best)
        options.onProgress?.(progress, sample && steering.tensor(sample))
      },
    })
    return trial(found)
  } catch (error) {
    const reason = error instanceof SearchError ? error.cause : error
    if (options.resume !== undefined && reason instanceof TypeError) {
      throw new UserError(`the search of ${method} that was saved is damaged (${messageOf(reason)}); start a new run`)
    }
    if (error instanceof SearchError) return trial(error.result as SearchResult<X>, messageOf(error))
    throw new UserError(`--method ${method}: ${messageOf(error)}`, { cause: error })
  }
}

/** A result with its samples as they are kept. */
function keeping<X>(result: SearchResult<X>, { tensor }: Steering<unknown, X>): SearchResult<Tensor> {
  const candidates = result.candidates.map((candidate) => ({ ...candidate, sample: tensor(candidate.sample) }))
  return { ...result, candidates }
}

/** A reward that knows which sample has the best value, so that it can be shown while the search goes on. */
class Best<X> {
  readonly reward: Reward<X>
  /** The best value that a search has told, and samples of larger ones. */
  #told = Number.NEGATIVE_INFINITY
  readonly #above = new Map<number, X>()
  #sample: X | undefined

  constructor(reward: Reward<X>) {
    this.reward = {
      ...reward,
      evaluate: async (samples) => {
        const values = await reward.evaluate(samples)
        samples.forEach((sample, i) => {
          if (values[i] > this.#told && !this.#above.has(values[i])) this.#above.set(values[i], sample)
        })
        return values
      },
    }
  }

  /** A sample of the best value. */
  at(value: number): X | undefined {
    if (value > this.#told) {
      this.#told = value
      this.#sample = this.#above.get(value)
      for (const other of this.#above.keys()) if (other <= value) this.#above.delete(other)
    }
    return this.#sample
  }
}

export function isTree(result: SearchResult<unknown>): result is TreeSearchResult<unknown, unknown> {
  return 'tree' in result
}
