import { Command } from 'commander'
import { gridFrom } from 'espalier/process'
import { searchFrom } from 'espalier/search'
import { solverFrom } from 'espalier/solve'
import type { TokenCard } from 'espalier/text'
import { UserError } from '../errors.ts'
import { branching, call, calls, collect, counts, integer, number, seeds } from '../options.ts'
import type { CompareSettings } from '../run-compare.ts'
import { fieldOptions, samplerHelp, withGuidanceOptions } from '../sampler.ts'
import { defaultSettings, type SteerSettings, searchDefaults } from '../steering.ts'
import {
  defaultSampler,
  refuseOptions,
  type TextSettings,
  textOptions,
  textSamplerHelp,
  withTextOptions,
} from '../text-sampler.ts'
import type { TextSteerSettings } from '../text-steering.ts'
import { branchHelp, methodHelp } from './steer.ts'

interface CompareOptions extends Omit<CompareSettings, 'solvers' | 'count'>, TextSettings {
  readonly solvers?: readonly string[]
  readonly count?: number
  readonly methods?: readonly string[]
  readonly reward?: readonly string[]
  readonly judge?: string
  readonly budgets?: readonly number[]
  readonly lambda: number
  readonly solver: string
  readonly odeSolver: string
  readonly branch?: SteerSettings['branch']
  readonly classifier?: string
  readonly out?: string
  readonly json: boolean
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('Runs solvers, or searches for a reward, at equal budgets: a table with intervals, and plots.')
    .requiredOption('--model <model>', 'zoo name, folder with a card.json, or world.json')
    .option('--solvers <list>', 'solvers of the list below, with commas between', calls(solverFrom))
    .option('--methods <list>', 'searches of the list below, with commas between', calls(searchFrom))
    .option('--steps <list>', 'steps of the grid, such as 5,10,20 (one number for searches, default 50)', counts)
    .option('--nfe <list>', 'NFE a sample; each solver takes as many steps as fit', counts)
    .option('--grid <grid>', 'a grid of the list below', call(gridFrom), 'uniform')
    .option('--reward <reward>', 'what searches are after (see espalier steer --help); may be repeated', collect)
    .option('--judge <reward>', 'another reward, unseen by the searches, for the best samples; of text a model too')
    .option('--budgets <list>', 'NFE of a search, such as 1000,3000,10000', counts)
    .option('--lambda <x>', 'inverse temperature of exp(lambda reward)', number(0), 1)
    .option('--solver <solver>', 'of searches that branch or resample', call(solverFrom), defaultSettings.solver)
    .option('--ode-solver <solver>', 'of searches over start noises', call(solverFrom), defaultSettings.odeSolver)
    .option('--branch <where>', branchHelp, branching)
    .option('--classifier <model>', 'classifier of class rewards (default: the one in the zoo)')
    .option('--count <n>', 'samples of each seed, for solvers (default: 64)', integer(1))
    .option('--seeds <list>', 'such as 0-4', seeds, [0, 1, 2])
    .option('--reference-steps <n>', 'steps of the fine solution that distances are taken to', integer(1), 200)
    .option('--fid', "CNN-FID, for the zoo's mnist and fashion; wants a --count of hundreds", false)
    .option('--batch <n>', 'rows of one network call', integer(1), 64)
  return withTextOptions(withGuidanceOptions(command))
    .option('--condition <name=file>', 'rows of a condition of the network, such as degraded=rows.npy', collect)
    .option('--out <folder>', 'where the run goes (default: runs/compare-<time>)')
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
Measured of solvers: the distance to the exact solution of the ODE from the same noise (worlds) or a fine one
(networks), but for solvers that draw noise; and for worlds the sliced W2 to exact draws.
Measured of searches: the best reward found, the mean reward by their weights, what --judge says of the best sample,
and how far apart the 16 best are (root mean square). In the first three the Pareto front is marked: what no other
method and budget beats for as few NFE.

${samplerHelp()}

Searches:
${methodHelp()}

${textSamplerHelp()}

Examples:
  espalier compare --model mnist --solvers ddim,dpm++2m,unipc --steps 5,10,20
  espalier compare --model mnist --solvers "ddim,heun,ghvb(order=3.8)" --nfe 8,16 --guidance 4 --class 3
  espalier compare --model world.json --solvers "ddim,deis(order=3),heun" --nfe 6,12,24 --count 1000
  espalier compare --model mnist-flow --methods greedy,best-of-n --reward odds:7 --budgets 500,1500 --steps 20
  espalier compare --model kjv --methods dts-star,best-of-n --reward "count:/god/i" --budgets 500,2000 --judge kjv-judge`,
    )
    .action(async ({ out, json, ...given }: CompareOptions, command: Command) => {
      const { solvers, methods, reward, budgets, judge } = given
      if ((solvers === undefined) === (methods === undefined)) {
        throw new UserError('one of --solvers and --methods is needed')
      }
      const { readModelCard } = await import('../model.ts')
      const { isTextCard } = await import('../card.ts')
      const card = readModelCard(given.model)
      const text = isTextCard(card) ? card : undefined
      if (text && solvers) throw new UserError('--solvers are for images and fields; of text --methods are compared')
      if (text) refuseOptions(command, fieldOptions, `is not for models of text, and ${given.model} is one`)
      else {
        const names = textOptions.filter((name) => name !== 'judge')
        refuseOptions(command, names, `is for models of text, and ${given.model} is none`)
      }
      if (solvers) {
        if (reward || budgets || judge) throw new UserError('--reward, --judge and --budgets go with --methods')
        const { lambda, solver, odeSolver, branch, classifier, ...settings } = given
        const { runCompare } = await import('../run-compare.ts')
        return runCompare({ settings: { ...settings, solvers, count: given.count ?? 64 }, out, json })
      }
      if (!reward) throw new UserError('--methods search for a --reward; try --reward class:7')
      if (!budgets) throw new UserError('--methods need --budgets, NFE of a search; try --budgets 1000,3000')
      if (given.nfe || given.count !== undefined || given.fid || (given.steps?.length ?? 0) > 1) {
        throw new UserError('--nfe, --count, --fid and several --steps go with --solvers')
      }
      const { runCompareSearches } = await import('../run-compare-searches.ts')
      const settings = searchSettings({ ...given, methods: methods ?? [], reward, budgets }, text)
      return runCompareSearches({ settings, budgets, judge, out, json })
    })
}

/** @param text the card of a model of text */
function searchSettings(
  given: Omit<CompareOptions, 'out' | 'json'> & Required<Pick<CompareOptions, 'methods' | 'reward' | 'budgets'>>,
  text?: TokenCard,
): SteerSettings | TextSteerSettings {
  const { model, methods, reward, budgets, seeds, lambda, branch, classifier } = given
  const rewards = [...new Set(reward)]
  const own = { model, methods, rewards, seeds, lambda, branch, classifier, budget: Math.min(...budgets) }
  if (text) {
    const { prompt, length, temperature, topP, sampler = defaultSampler(text, true) } = given
    return { ...searchDefaults, ...own, prompt, length, sampler, temperature, topP }
  }
  const { solver, odeSolver, grid, steps, condition, guidance, guidanceRescale, guidanceInterval, threshold } = given
  return {
    ...{ ...defaultSettings, ...own, solver, odeSolver, grid, condition },
    ...{ class: given.class, guidance, guidanceRescale, guidanceInterval, threshold },
    steps: steps?.[0] ?? defaultSettings.steps,
  }
}
