/** From a config to what a search walks: model, chain and reward, opened together and released together. */

import { branchPoints, type Chain, odeChain, pixelChain, thinned } from 'espalier/chain'
import { classifierFree, cleanGradient } from 'espalier/guide'
import {
  asDifferentiable,
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  gridFrom,
  type Process,
} from 'espalier/process'
import { isDifferentiable, type Reward } from 'espalier/reward'
import { batched, loadDenoiser, type ModelCard, type NetworkCard, type Runtime } from 'espalier/runtime'
import { rolloutCost, type SearchMethod, searchFrom } from 'espalier/search'
import { isStochastic, type Plan, solverFrom } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import type { Level, RunConfig } from './engine.ts'
import { asConfigError } from './engine-error.ts'
import type { Gate } from './gate.ts'
import { type OpenReward, rewardFrom } from './rewards.ts'
import { eventOf, type ModelSource, missingCondition } from './source.ts'

/** Rows of one network call. */
const maxBatch = 64

export interface Place {
  readonly runtime: Runtime
  readonly source: ModelSource
}

/** A run that can be searched. */
export interface SetUp {
  readonly method: SearchMethod
  readonly chain: Chain<Float32Array, Tensor>
  readonly reward: Reward<Tensor>
  readonly levels: readonly Level[]
  readonly event: readonly number[]
  readonly range?: readonly [number, number]
  release(): Promise<void>
}

/** What can be told of a config without opening a network. @throws EngineError one line: the field, what is wrong */
export async function checkWithModel(config: RunConfig, { runtime, source }: Place) {
  const card = await asConfigError('model', () => source.card(config.model))
  if (card.type === 'classifier') {
    await asConfigError('model', () => {
      throw new Error(`"${config.model}" is a classifier, not a diffusion model; it can serve as a reward`)
    })
  }
  const network = card.type === 'network' ? (card as NetworkCard) : undefined
  const missing = network && missingCondition(network)
  if (missing !== undefined) {
    await asConfigError('model', () => {
      throw new Error(`"${config.model}" needs the condition "${missing}", which a run here cannot give`)
    })
  }
  const event = await asConfigError('model', () => eventOf(card))
  const open = await asConfigError('reward', () =>
    rewardFrom(config.reward, { runtime, source, key: config.model, card, event }),
  )
  return { card, network, event, open, conditioning: await asConfigError('class', () => classOf(config, network)) }
}

/** Opens everything that the search needs. @throws EngineError one line for what is wrong with the config */
export async function setUp(config: RunConfig, place: Place, gate: Gate): Promise<SetUp> {
  const { card, event, open, conditioning } = await checkWithModel(config, place)
  const graph = await place.source.graph(config.model)
  const model = await asConfigError('model', () =>
    loadDenoiser(place.runtime, graph, card as ModelCard, { gradient: true }),
  )
  const opened: { release?(): Promise<void> }[] = [model]
  const release = async () => {
    await Promise.all(opened.map((part) => part.release?.()))
  }
  try {
    const reward = await asConfigError('reward', open)
    opened.push(reward)
    const denoiser = conditioning.guide(batched(gated(model, gate), { maxBatch }))
    const method = searchFrom(config.method)
    const { process } = model
    const grid = await asConfigError('grid', () => gridFrom(config.grid)(process, config.steps))
    const plan = await asConfigError('solver', () => solverFrom(config.solver)(process, grid))
    const finish = (rest: readonly number[]) =>
      solverFrom('ddim')(process, thinned(rest, Math.ceil((rest.length - 1) / 4)))
    const range = event.length === 3 ? rangeOf(card) : undefined
    const common = { denoiser, condition: conditioning.rows, range, finish, plan, branchAt: method.blocks }
    const chain = await asConfigError(`method ${config.method}`, () => {
      if (method.chain === 'deterministic') return odeChain(common)
      if (method.chain !== 'guided') return pixelChain(common)
      if (!isDifferentiable(reward)) {
        throw new Error(`the reward ${config.reward} has no gradient, which this method needs`)
      }
      return pixelChain({ ...common, gradient: cleanGradient(asDifferentiable(denoiser), reward, { range }) })
    })
    await checkBudget(config, method, chain, reward)
    const levels = levelsOf(plan, process, method, config.steps)
    return { method, chain, reward: gatedReward(reward, gate), levels, event, range, release }
  } catch (error) {
    await release()
    throw error
  }
}

/** A search that is stopped before it begins has looked at its options. */
async function checkBudget(
  { method: text, budget, lambda, width, seed }: RunConfig,
  method: SearchMethod,
  chain: Chain<Float32Array, Tensor>,
  reward: OpenReward,
): Promise<void> {
  await asConfigError('budget', () => {
    const cost = rolloutCost(chain)
    if (budget < cost) throw new Error(`${budget} is less than one sample of ${cost} NFE; raise it, or lower the steps`)
  })
  await asConfigError(`method ${text}`, () =>
    method.run({ chain, reward, budget, lambda, width, seed, signal: AbortSignal.abort() }),
  )
}

function rangeOf(card: ModelCard): readonly [number, number] {
  return card.type === 'network' ? (card as NetworkCard).valueRange : [-1, 1]
}

/** Class and guidance of a config: the rows that samples draw theirs from, and what is put around the model. */
function classOf({ class: label, guidance, model }: RunConfig, network: NetworkCard | undefined) {
  const classes = network?.classes ?? []
  const entry = Object.entries(network?.conditions ?? {}).find(([, { shape = [], values }]) =>
    shape.length === 0 ? values !== undefined : shape.length === 1 && shape[0] === classes.length,
  )
  const none = { rows: undefined as Condition | undefined, guide: (denoiser: Denoiser): Denoiser => denoiser }
  if (label === 'none' || (label === undefined && !entry)) {
    if (guidance !== 1) throw new Error(`guidance ${guidance} strengthens a class, and there is none here`)
    return none
  }
  if (!entry) throw new Error(`the model ${model} takes no class, got "${label}"`)
  if (label !== undefined && !classes.includes(label)) {
    throw new Error(`the model ${model} knows ${classes.join(', ')} and none, got "${label}"`)
  }
  const [input, { shape = [], unconditional }] = entry
  const condition = (rows: readonly (readonly number[])[]): Condition => ({
    [input]: { shape: [rows.length, ...shape], data: Float32Array.from(rows.flat()) },
  })
  const wanted = label === undefined ? classes : [label]
  const rows = condition(
    wanted.map((of) => (shape.length > 0 ? classes.map((other) => Number(other === of)) : [classes.indexOf(of)])),
  )
  if (guidance === 1) return { ...none, rows }
  if (!unconditional) throw new Error(`the model ${model} was not trained without its class; leave guidance at 1`)
  const without = condition([unconditional])
  return {
    rows,
    guide: (denoiser: Denoiser): Denoiser => classifierFree(denoiser, { scale: guidance, unconditional: without }),
  }
}

/** A denoiser whose every call passes the gate. */
function gated(denoiser: DifferentiableDenoiser, gate: Gate): DifferentiableDenoiser {
  const { process, event, rowCost, predictEach } = denoiser
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      await gate.pass()
      return denoiser.predict(x, t, target, condition, into)
    },
    async pullback(x, t, cotangent, condition) {
      await gate.pass()
      return denoiser.pullback(x, t, cotangent, condition)
    },
    ...(predictEach && {
      async predictEach(x, t, targets, condition) {
        await gate.pass()
        return predictEach.call(denoiser, x, t, targets, condition)
      },
    }),
  } satisfies DifferentiableDenoiser
}

/** A reward, which may be a network too, whose every call passes the gate. */
function gatedReward(reward: OpenReward, gate: Gate): Reward<Tensor> {
  return {
    ...reward,
    async evaluate(samples) {
      await gate.pass()
      return reward.evaluate(samples)
    },
  }
}

/** The levels at which the method may branch, from noise to data: level d is that of the nodes of depth d. */
function levelsOf(plan: Plan, process: Process, { blocks, chain }: SearchMethod, steps: number): Level[] {
  const noisy = (from: number, to: number) => {
    for (let step = from; step < to; step++) if (isStochastic(plan, step)) return true
    return false
  }
  const points = branchPoints(blocks, steps).filter(
    (left, i, all) => i === 0 || chain === 'deterministic' || noisy(steps - left, steps - (all[i + 1] ?? 0)),
  )
  return [...points, 0].map((left) => {
    const time = plan.grid[steps - left]
    const sigma = Math.exp(-process.logSnr(time))
    return { time, sigma: Number.isFinite(sigma) ? sigma : null }
  })
}
