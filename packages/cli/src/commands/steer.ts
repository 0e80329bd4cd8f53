import { Command } from 'commander'
import { gridFrom } from 'espalier/process'
import { searchCatalogue, searchFrom } from 'espalier/search'
import { solverFrom } from 'espalier/solve'
import { UserError } from '../errors.ts'
import { branching, call, calls, collect, integer, number, seeds } from '../options.ts'
import { rewardHelp } from '../rewards.ts'
import { readRunRecord } from '../run-folder.ts'
import { fieldOptions, withGuidanceOptions } from '../sampler.ts'
import { defaultSettings, type SteerSettings, searchDefaults } from '../steering.ts'
import { defaultSampler, refuseOptions, textOptions, textSamplerHelp, withTextOptions } from '../text-sampler.ts'
import type { TextSteerSettings } from '../text-steering.ts'

interface SteerOptions extends Partial<Omit<SteerSettings & TextSteerSettings, 'rewards' | 'methods'>> {
  readonly samples?: number
  readonly reward?: string[]
  readonly method?: string[]
  readonly seed?: number
  readonly resume?: string
  readonly out?: string
  readonly deadline?: number
  readonly checkpointEvery: number
  readonly json: boolean
}

/** What a continued run may change: how much is spent, and how it is told. */
const free = new Set(['resume', 'budget', 'width', 'deadline', 'checkpointEvery', 'samples', 'json'])

/** Seconds that a timer can wait, about: 24 days. */
const LONGEST = 2_000_000

export function steerCommand(): Command {
  const d = defaultSettings
  const command = new Command('steer')
    .description('Steers a diffusion model to a reward by search, and shows what it found.')
    .option('--model <model>', 'zoo name, folder with a card.json, or world.json')
    .option('--reward <reward>', 'what is wanted (list below); may be repeated', collect)
    .option(
      '--method <methods>',
      `searches, with commas between (list below; default: ${d.methods})`,
      calls(searchFrom),
    )
    .option('--budget <nfe>', `network evaluations per search (default: ${d.budget})`, integer(1))
    .option('--lambda <x>', `inverse temperature of exp(lambda reward) (default: ${d.lambda})`, number(0))
    .option('--seed <n>', 'one seed (default: 0)', integer(0))
    .option('--seeds <list>', 'several seeds, such as 0-4; the table then has 95% intervals', seeds)
    .option('--steps <n>', `solver steps of one sample (default: ${d.steps})`, integer(1))
    .option('--grid <grid>', `one of those in espalier sample --help (default: ${d.grid})`, call(gridFrom))
    .option('--solver <solver>', `one that draws noise, to branch at (default: ${d.solver})`, call(solverFrom))
    .option(
      '--ode-solver <solver>',
      `one without noise, for searches over starts (default: ${d.odeSolver})`,
      call(solverFrom),
    )
    .option('--branch <where>', branchHelp, branching)
    .option(
      '--width <n>',
      `rollouts under way together (default: ${d.width}; 1 is the sequential algorithm)`,
      integer(1),
    )
  withTextOptions(withGuidanceOptions(command)).option(
    '--samples <n>',
    'text: how many of the best texts to print (default: 4)',
    integer(1),
  )
  return command
    .option('--classifier <model>', 'classifier of class and prob rewards (default: the one in the zoo)')
    .option('--condition <name=file>', 'rows of a condition of the network, such as degraded=rows.npy', collect)
    .option('--out <folder>', 'where the run goes (default: runs/steer-<time>)')
    .option('--resume <folder>', 'continue a run, with a larger --budget if wanted')
    .option('--deadline <seconds>', 'stop then, and hand over the best so far', number(0, LONGEST))
    .option('--checkpoint-every <seconds>', 'save each search so often', number(0), 10)
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
Methods:
${methodHelp()}

${rewardHelp()}

${textSamplerHelp()}
Searches of text take first-hitting(calls=16) where none is named, and what does not follow gradients or start noises.

Ctrl-C stops a search at any time and keeps the best so far; --resume goes on. A search that was killed goes on from its
last checkpoint, to the same result.

Examples:
  espalier steer --model mnist --reward class:7 --budget 20000
  espalier steer --model mnist --reward=-jpeg --method "greedy,dts-star(alpha=0.5),best-of-n" --seeds 0-4
  espalier steer --model mnist --reward "sum(class:7,0.01*-jpeg)" --reward "constraint(class:7>=-0.1,symmetry)"
  espalier steer --model world.json --reward near:3,1 --method dts --lambda 2 --steps 100
  espalier steer --model kjv --reward "matches:/love/i" --budget 2000 --prompt "And he said"
  espalier steer --resume runs/steer-2026-01-31-12-00-00 --budget 40000`,
    )
    .action(async (options: SteerOptions, command: Command) => {
      const { runSteer } = await import('../run-steer.ts')
      const { resume, out, deadline, checkpointEvery, samples, json } = options
      const settings = resume ? resumedSettings(options, command) : await freshSettings(options, command)
      await runSteer({ command: 'steer', settings, samples, resume, out, deadline, checkpointEvery, json })
    })
}

async function freshSettings(options: SteerOptions, command: Command): Promise<SteerSettings | TextSteerSettings> {
  const { seed, seeds, model, reward, method } = options
  if (!model) throw new UserError('--model is missing; try --model mnist')
  if (!reward) throw new UserError('--reward is missing; try --reward class:7')
  if (seed !== undefined && seeds) throw new UserError('--seed and --seeds were both given; one is needed')
  const own = {
    model,
    rewards: [...new Set(reward)],
    methods: method ?? searchDefaults.methods,
    seeds: seeds ?? [seed ?? 0],
  }
  const { readModelCard } = await import('../model.ts')
  const { isTextCard } = await import('../card.ts')
  const card = readModelCard(model)
  if (isTextCard(card)) {
    refuseOptions(command, fieldOptions, `is not for models of text, and ${model} is one`)
    const { prompt, length, temperature, topP, sampler = defaultSampler(card, true) } = options
    return { ...searchDefaults, ...common(options), ...{ prompt, length, sampler, temperature, topP }, ...own }
  }
  refuseOptions(command, [...textOptions, 'samples'], `is for models of text, and ${model} is none`)
  const { class: label, guidance = 1, guidanceRescale = 0, guidanceInterval, threshold, condition } = options
  const { steps, grid, solver, odeSolver } = { ...defaultSettings, ...options }
  return {
    ...{ ...searchDefaults, ...common(options), steps, grid, solver, odeSolver, condition },
    ...{ class: label, guidance, guidanceRescale, guidanceInterval, threshold },
    ...own,
  }
}

/** What searches over any model take, where it was given. */
function common({ classifier, budget, lambda, width, branch }: SteerOptions): Partial<SteerSettings> {
  const given = Object.entries({ classifier, budget, lambda, width, branch }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given)
}

function resumedSettings(options: SteerOptions, command: Command): SteerSettings | TextSteerSettings {
  const folder = options.resume as string
  const changed = Object.keys(options).find((name) => !free.has(name) && command.getOptionValueSource(name) === 'cli')
  if (changed) {
    const flag = command.options.find((option) => option.attributeName() === changed)?.long
    throw new UserError(`${flag} cannot change when a run goes on; start a new run, or leave it out`)
  }
  const record = readRunRecord(folder)
  const settings = record.configuration as unknown as SteerSettings | TextSteerSettings
  if (!Array.isArray(settings.rewards) || !Array.isArray(settings.methods)) {
    throw new UserError(`${folder} holds a run of "${record.command}", which steer cannot continue`)
  }
  const { budget = settings.budget, width = settings.width } = options
  return { ...settings, budget, width }
}

/** The catalogue of searches, for help texts. */
export function methodHelp(): string {
  return searchCatalogue
    .map(({ name, about, options }) => {
      const line = `  ${name.padEnd(12)} ${about}`
      return options.length > 0 ? `${line}\n${' '.repeat(15)}${options.join(', ')}` : line
    })
    .join('\n')
}

export const branchHelp =
  'where methods may branch: one, even, fine, every, or remaining-step counts such as 50,40,30,20,10 (default: what suits each method)'
