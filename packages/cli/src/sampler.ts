/** How a model is sampled: the table, and what is wrapped around the network, from options that several commands share. */

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { type ThresholdOptions, thresholded } from 'espalier/guide'
import { type Denoiser, type Grid, gridCatalogue, gridFrom, viewed } from 'espalier/process'
import type { NetworkCard } from 'espalier/runtime'
import {
  type Plan,
  parsePlan,
  type Solver,
  solverCatalogue,
  solverFrom,
  solverFromSchedulerConfig,
  startStd,
} from 'espalier/solve'
import { asUserError, UserError } from './errors.ts'
import { type Conditioning, conditionedOn, type DiffusionModel } from './model.ts'
import { call, integer, interval, number, parseThreshold } from './options.ts'

/** What is taken where neither a table nor a scheduler says it. */
const defaults = { solver: 'ddim', steps: 50, grid: 'uniform' } as const

export interface SamplerSettings {
  /** A name of the solver catalogue, with options. Default `ddim`. */
  readonly solver?: string
  /** Default 50. */
  readonly steps?: number
  /** A name of the grid catalogue, with options. Default `uniform`. */
  readonly grid?: string
  /** Shorthand for ddim(eta=...). */
  readonly eta?: number
  /** File of a solver table. */
  readonly plan?: string
  /** File of a diffusers scheduler configuration. */
  readonly scheduler?: string
  /** Whether it is run as diffusers computes it, or in the right form where that differs. Default `correct`. */
  readonly schedulerVariant?: 'correct' | 'released'
  /** The shift of a configuration with `use_dynamic_shifting`. */
  readonly mu?: number
}

export interface GuidanceSettings {
  readonly class?: string
  readonly guidance: number
  readonly guidanceRescale: number
  readonly guidanceInterval?: readonly [number, number]
  /** `static`, `dynamic`, or `dynamic:<quantile>`. */
  readonly threshold?: string
}

/** What models of text do not take. */
export const fieldOptions = [
  ...['solver', 'steps', 'grid', 'eta', 'plan', 'scheduler', 'schedulerVariant', 'mu', 'odeSolver', 'condition'],
  ...['class', 'guidance', 'guidanceRescale', 'guidanceInterval', 'threshold'],
] as const

/** The options of {@link SamplerSettings}, with their defaults. */
export function withSamplerOptions(command: Command): Command {
  return command
    .option('--solver <solver>', `a solver of the list below (default: ${defaults.solver})`, call(solverFrom))
    .option(
      '--steps <n>',
      `steps of the grid; a solver may cost more than one NFE each (default: ${defaults.steps})`,
      integer(1),
    )
    .option('--grid <grid>', `a grid of the list below (default: ${defaults.grid})`, call(gridFrom))
    .option('--eta <x>', 'shorthand for the solver ddim(eta=x)', number(0, 1))
}

/**
 * Settings with the defaults of all that is left open.
 * @throws UserError for an option that a table or a scheduler would make idle
 */
export function resolved<T extends SamplerSettings>(settings: T): T {
  const { plan, scheduler } = settings
  if (plan !== undefined && scheduler !== undefined) {
    throw new UserError('--plan and --scheduler were both given; one is needed')
  }
  const [source, own] =
    plan !== undefined
      ? (['--plan', ['solver', 'steps', 'grid', 'eta']] as const)
      : (['--scheduler', scheduler === undefined ? [] : ['solver', 'grid']] as const)
  const idle = (own as readonly (keyof SamplerSettings)[]).find((name) => settings[name] !== undefined)
  if (idle !== undefined) throw new UserError(`--${idle} is fixed by ${source}; give one of the two`)
  const open = Object.entries(defaults).filter(([name]) => !(own as readonly string[]).includes(name))
  return { ...Object.fromEntries(open), ...settings }
}

/** The options of {@link GuidanceSettings}. */
export function withGuidanceOptions(command: Command): Command {
  return command
    .option('--class <label>', 'a class, or none (default: each sample draws its own, all equally often)')
    .option('--guidance <w>', 'classifier-free guidance u + w (c - u); costs 2 NFE a step', number(0), 1)
    .option('--guidance-rescale <phi>', 'restores the spread of the guided prediction, 0 to 1', number(0, 1), 0)
    .option('--guidance-interval <low,high>', 'guide between these process times only, such as 0.2,0.8', interval)
    .option('--threshold <kind>', 'clip predicted data: static, dynamic, or dynamic:0.99', call(parseThreshold))
}

/** What `--solver` and `--grid` take, for the end of a help text. */
export function samplerHelp(): string {
  const list = (entries: readonly { name: string; about: string; options: readonly string[] }[]) =>
    entries.map(({ name, about, options }) => {
      const line = `  ${name.padEnd(16)} ${about}`
      const takes = options.length > 0 ? `[${options.join(', ')}]` : ''
      return `${line}${line.length + takes.length < 120 ? ' ' : `\n${' '.repeat(19)}`}${takes}`.trimEnd()
    })
  return `Solvers, as name or name(option=value, ...), such as "ddim(eta=0.5)":
${list(solverCatalogue).join('\n')}

Grids, as name or name(option=value, ...), such as "karras(rhoMax=80)":
${list(gridCatalogue).join('\n')}`
}

/** A table for a model, and the model as that table wants it. */
export interface Sampler {
  readonly plan: Plan
  readonly asked: Conditioning
  /** Standard deviation of the noise to start from. */
  readonly std: number
}

/**
 * The model under guidance and thresholding, and the table that the settings name.
 * @throws UserError for what the user can put right
 */
export async function openSampler(
  model: DiffusionModel,
  sampler: SamplerSettings,
  guidance: GuidanceSettings,
): Promise<Sampler> {
  const { plan, denoiser, std, threshold } = await tableOf(model, sampler)
  const asked = await guided(model, guidance, denoiser)
  const wrapped = threshold ? { ...asked, denoiser: thresholded(asked.denoiser, threshold) } : asked
  return { plan, asked: wrapped, std: std ?? startStd(plan, denoiser) }
}

/** A model under guidance and thresholding. */
export function guided(model: DiffusionModel, settings: GuidanceSettings, denoiser: Denoiser): Promise<Conditioning> {
  const { guidance, guidanceRescale, guidanceInterval, threshold } = settings
  return asUserError('guidance', () => {
    const asked = conditionedOn(model, settings.class, { guidance, guidanceRescale, guidanceInterval }, denoiser)
    if (!threshold) return asked
    const { range, card } = model
    const mean = card.type === 'network' ? (card as NetworkCard).mean : undefined
    if (!range || range[0] !== -range[1]) {
      throw new UserError(`--threshold needs data in a range [-m, m]; ${model.name} does not say that it has one`)
    }
    return { ...asked, denoiser: thresholded(asked.denoiser, { ...parseThreshold(threshold), max: range[1], mean }) }
  })
}

interface Tabled {
  readonly plan: Plan
  /** The model on the plan's process. */
  readonly denoiser: Denoiser
  readonly std?: number
  readonly threshold?: ThresholdOptions
}

async function tableOf(model: DiffusionModel, settings: SamplerSettings): Promise<Tabled> {
  const { plan: file, scheduler, eta, mu, schedulerVariant: variant } = settings
  const { denoiser, name } = model
  if (scheduler === undefined && (variant !== undefined || mu !== undefined)) {
    throw new UserError('--scheduler-variant and --mu are of a --scheduler, and none was given')
  }
  if (file !== undefined) return { plan: await readPlan(file, denoiser.process.name, name), denoiser }
  if (scheduler !== undefined) {
    return asUserError(`--scheduler ${scheduler}`, () => {
      const { process, grid, solver, initialStd, threshold } = solverFromSchedulerConfig(
        readFileSync(scheduler, 'utf8'),
        { steps: settings.steps ?? defaults.steps, eta, mu, variant },
      )
      // A network is asked at equal signal-to-noise ratio, whatever process it was trained on; a world has any.
      const own = model.world ? model.world.denoiser(process) : viewed(denoiser, process)
      return { plan: solver(process, grid), denoiser: own, std: initialStd, threshold }
    })
  }
  const { solver, grid, steps } = namedSampler(settings)
  return asUserError(`--solver ${settings.solver} --grid ${settings.grid}`, () => ({
    plan: solver(denoiser.process, grid(denoiser.process, steps)),
    denoiser,
  }))
}

/** The solver and the grid that the options name. @throws UserError where --eta does not fit */
export function namedSampler(settings: SamplerSettings): { solver: Solver; grid: Grid; steps: number } {
  const { solver, grid, steps, eta } = { ...defaults, ...settings }
  if (eta !== undefined && solver !== 'ddim') {
    throw new UserError(
      `--eta is an option of ddim; write --solver "${solver.split('(')[0]}(...)" with its own options`,
    )
  }
  return { solver: solverFrom(eta === undefined ? solver : `ddim(eta=${eta})`), grid: gridFrom(grid), steps }
}

/**
 * Reads a table.
 * @param process name of the model's process, where there is a model
 * @throws UserError
 */
export function readPlan(file: string, process?: string, model?: string): Promise<Plan> {
  return asUserError(`--plan ${file}`, () => {
    const plan = parsePlan(readJson(file))
    if (process !== undefined && plan.process !== process) {
      throw new UserError(`--plan ${file} is for the process ${plan.process}; the model ${model} has ${process}`)
    }
    return plan
  })
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))
