/** Runs of images, fields and points. */

import { branchPoints, type Chain, odeChain, pixelChain, thinned } from 'espalier/chain'
import { classifierFree, cleanGradient } from 'espalier/guide'
import {
  asDifferentiable,
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  gridFrom,
  type Process,
  parseProcess,
  vpLinear,
} from 'espalier/process'
import { isDifferentiable } from 'espalier/reward'
import { batched, loadDenoiser, type ModelCard, type NetworkCard } from 'espalier/runtime'
import { type SearchMethod, searchFrom } from 'espalier/search'
import { isStochastic, solverFrom } from 'espalier/solve'
import { sizeOf, type Tensor } from 'espalier/tensor'
import { type GivenConfig, runDefaults } from './config.ts'
import type { RunConfig } from './engine.ts'
import { asConfigError, EngineError } from './engine-error.ts'
import type { Gate } from './gate.ts'
import { gatedRuntime } from './gated-runtime.ts'
import { fitReward } from './rewards.ts'
import { begun, checkBudget, gatedReward, maxBatch, type Place, type Prepared } from './set-up.ts'
import { eventOf } from './source.ts'
import { arrays } from './view.ts'

/** @throws EngineError one line: the field, what is wrong */
export async function prepareFields(given: GivenConfig, card: ModelCard, place: Place): Promise<Prepared> {
  for (const name of ['prompt', 'length'] as const) {
    if (given[name] === undefined) continue
    throw new EngineError('config', `${name}: it is of text, and the model ${given.model} makes none`)
  }
  const network = card.type === 'network' ? (card as NetworkCard) : undefined
  const event = await asConfigError('model', () => eventOf(card))
  const range = event.length === 3 ? (network ? network.valueRange : ([-1, 1] as const)) : undefined
  const method = await asConfigError('method', () => searchFrom(given.method ?? runDefaults.method))
  const solver = given.solver ?? (method.chain === 'deterministic' ? 'ddim' : runDefaults.solver)
  const config: RunConfig = { ...runDefaults, ...given, solver }
  const process = await asConfigError('model', () => processOf(card))
  const grid = await asConfigError('grid', () => gridFrom(config.grid)(process, config.steps))
  const plan = await asConfigError('solver', () => solverFrom(solver)(process, grid))
  const conditioning = await asConfigError('class', () => classOf(config, network))
  const fit = await asConfigError('reward', () =>
    fitReward(config.reward, { ...place, key: config.model, card, range }),
  )

  const { steps } = config
  const noisy = (from: number, to: number) => {
    for (let step = from; step < to; step++) if (isStochastic(plan, step)) return true
    return false
  }
  /** Where a method may branch; where nothing is drawn behind a point it may not. */
  const points = ({ blocks, chain }: SearchMethod, left: number) =>
    branchPoints(blocks, left).filter(
      (here, i, all) => i === 0 || chain === 'deterministic' || noisy(steps - here, steps - (all[i + 1] ?? 0)),
    )
  const levelOf = (left: number) => {
    const time = plan.grid[steps - left]
    const sigma = Math.exp(-process.logSnr(time))
    return { time, sigma: Number.isFinite(sigma) ? sigma : null }
  }

  return {
    config,
    rowSize: sizeOf(event),
    stepsLeft: (of, left = steps) => [...points(of, left), 0],
    draws: (left) => noisy(steps - left, steps),
    async open(gate, origin, use) {
      const runtime = gatedRuntime(place.runtime, gate)
      try {
        const graph = await place.source.graph(config.model)
        const model = await asConfigError('model', () => loadDenoiser(runtime, graph, card, { gradient: true }))
        const reward = await asConfigError('reward', () => fit.open(runtime))
        // A world has no network whose calls the gate would see.
        const denoiser = conditioning.guide(batched(network ? model : gated(model, gate), { maxBatch }))
        const finish = (rest: readonly number[]) =>
          solverFrom('ddim')(process, thinned(rest, Math.ceil((rest.length - 1) / 4)))
        const own = points(method, origin?.left ?? steps)
        const branchAt = origin ? [steps, ...own] : own
        const common = { denoiser, condition: conditioning.rows, range, finish, plan, branchAt }
        const whole = await asConfigError(`method ${config.method}`, (): Chain<Float32Array, Tensor> => {
          if (method.chain === 'deterministic') return odeChain(common)
          if (method.chain !== 'guided') return pixelChain(common)
          if (!isDifferentiable(reward)) {
            throw new Error(`the reward ${config.reward} has no gradient, which this method needs`)
          }
          return pixelChain({ ...common, gradient: cleanGradient(asDifferentiable(denoiser), reward, { range }) })
        })
        const chain = await asConfigError('origin', () => begun(whole, origin))
        await checkBudget(config, method, chain, reward)
        const levels = [...own, 0].map(levelOf)
        return await use({
          method,
          chain,
          reward: gatedReward(reward, gate),
          levels,
          modality: arrays({ event, range }),
        })
      } finally {
        await Promise.all([runtime.close(), fit.release()])
      }
    },
  }
}

/** The process of a card, as its denoiser will have it. */
export function processOf(card: ModelCard): Process {
  if (card.type === 'network') return parseProcess((card as NetworkCard).process)
  const { process } = card as { readonly process?: unknown }
  return process === undefined ? vpLinear() : parseProcess(process)
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
    predict: (x, t, target, condition, into) => gate.through(() => denoiser.predict(x, t, target, condition, into)),
    pullback: (x, t, cotangent, condition) => gate.through(() => denoiser.pullback(x, t, cotangent, condition)),
    ...(predictEach && {
      predictEach: (x, t, targets, condition) =>
        gate.through(() => predictEach.call(denoiser, x, t, targets, condition)),
    }),
  } satisfies DifferentiableDenoiser
}
