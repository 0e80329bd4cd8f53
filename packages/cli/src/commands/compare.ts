import { Command } from 'commander'
import { gridFrom } from 'espalier/process'
import { solverFrom } from 'espalier/solve'
import { call, calls, collect, counts, integer, seeds } from '../options.ts'
import type { CompareSettings } from '../run-compare.ts'
import { samplerHelp, withGuidanceOptions } from '../sampler.ts'

interface CompareOptions extends CompareSettings {
  readonly out?: string
  readonly json: boolean
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('Runs solvers from the same noise at equal budgets: a table with intervals, and plots.')
    .requiredOption('--model <model>', 'zoo name, folder with a card.json, or world.json')
    .requiredOption('--solvers <list>', 'solvers of the list below, with commas between', calls(solverFrom))
    .option('--steps <list>', 'steps of the grid, such as 5,10,20; some solvers cost more than one NFE each', counts)
    .option('--nfe <list>', 'NFE a sample; each solver takes as many steps as fit', counts)
    .option('--grid <grid>', 'a grid of the list below', call(gridFrom), 'uniform')
    .option('--count <n>', 'samples of each seed', integer(1), 64)
    .option('--seeds <list>', 'such as 0-4', seeds, [0, 1, 2])
    .option('--reference-steps <n>', 'steps of the fine solution that distances are taken to', integer(1), 200)
    .option('--fid', "CNN-FID, for the zoo's mnist and fashion; wants a --count of hundreds", false)
    .option('--batch <n>', 'rows of one network call', integer(1), 64)
  return withGuidanceOptions(command)
    .option('--condition <name=file>', 'rows of a condition of the network, such as degraded=rows.npy', collect)
    .option('--out <folder>', 'where the run goes (default: runs/compare-<time>)')
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
Measured are the distance to the exact solution of the ODE from the same noise (worlds) or to a fine one (networks), but
for solvers that draw noise; and for worlds the sliced W2 to exact draws.

${samplerHelp()}

Examples:
  espalier compare --model mnist --solvers ddim,dpm++2m,unipc --steps 5,10,20
  espalier compare --model mnist --solvers "ddim,heun,ghvb(order=3.8)" --nfe 8,16 --guidance 4 --class 3
  espalier compare --model world.json --solvers "ddim,deis(order=3),heun" --nfe 6,12,24 --count 1000`,
    )
    .action(async ({ out, json, ...settings }: CompareOptions) => {
      const { runCompare } = await import('../run-compare.ts')
      await runCompare({ settings, out, json })
    })
}
