/** How runs of images, fields and points are walked: all of them but what they are scored by. */

import { branchPoints, type Chain, odeChain, pixelChain, thinned } from 'espalier/chain'
import { type CleanGradientFunction, classifierFree } from 'espalier/guide'
import {
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  gridFrom,
  type Process,
  parseProcess,
  vpLinear,
} from 'espalier/process'
import { batched, loadDenoiser, type ModelCard, type NetworkCard, type Runtime } from 'espalier/runtime'
import { type SearchMethod, searchFrom } from 'espalier/search'
import { isStochastic, solverFrom } from 'espalier/solve'
import { sizeOf, type Tensor } from 'espalier/tensor'
import { type GivenConfig, runDefaults } from './config.ts'
import type { Level, RunConfig } from './engine.ts'
import { asConfigError, EngineError } from './engine-error.ts'
import type { Gate } from './gate.ts'
import type { Origin } from './origin.ts'
import { begun, lookAhead, maxBatch, type Place, type Walk } from './set-up.ts'
import { eventOf } from './source.ts'
import { arrays, type Modality } from './view.ts'

export interface FieldWalk extends Walk {
  readonly range: readonly [number, number] | undefined
  readonly modality: Modality<Tensor>
  /** Levels of a run with so many steps left at its first. Default: all. */
  levels(left?: number): readonly Level[]
  /**
   * The model with its class and guidance, and its calls in batches.
   * @param gate passed by the calls of a world; those of a network pass that of the runtime
   */
  load(runtime: Runtime, gate?: Gate): Promise<Denoiser>
  /** @param gradient of the reward, of methods that follow it */
  chain(
    denoiser: Denoiser,
    origin: Origin | undefined,
    gradient?: CleanGradientFunction,
  ): Promise<Chain<Float32Array, Tensor>>
}

/** @throws EngineError one line: the field, what is wrong */
export async function walkFields(
  given: GivenConfig,
  card: ModelCard,
  { source }: Pick<Place, 'source'>,
): Promise<FieldWalk> {
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
  const modality = arrays({ event, range })

  const walk: FieldWalk = {
    config,
    method,
    range,
    modality,
    rowSize: sizeOf(event),
    stateSize: sizeOf(event),
    stepsLeft: (of, left = steps) => [...points(of, left), 0],
    draws: (left) => noisy(steps - left, steps),
    levels: (left = steps) => [...points(method, left), 0].map(levelOf),
    async load(runtime, gate) {
      const graph = await source.graph(config.model)
      const model = await asConfigError('model', () => loadDenoiser(runtime, graph, card, { gradient: true }))
      // A world has no network whose calls the gate would see.
      return conditioning.guide(batched(network || !gate ? model : gated(model, gate), { maxBatch }))
    },
    async chain(denoiser, origin, gradient) {
      const finish = (rest: readonly number[]) =>
        solverFrom('ddim')(process, thinned(rest, Math.ceil((rest.length - 1) / 4)))
      const own = points(method, origin?.left ?? steps)
      const branchAt = origin ? [steps, ...own] : own
      const common = { denoiser, condition: conditioning.rows, range, finish, plan, branchAt }
      const whole = await asConfigError(`method ${config.method}`, (): Chain<Float32Array, Tensor> => {
        if (method.chain === 'deterministic') return odeChain(common)
        return gradient ? pixelChain({ ...common, gradient }) : pixelChain(common)
      })
      return asConfigError('origin', () => begun(whole, origin))
    },
    openLookAhead: async (runtime, origin) => lookAhead(await walk.chain(await walk.load(runtime), origin), modality),
  }
  return walk
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
