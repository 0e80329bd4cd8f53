import { Command } from 'commander'
import { type GridName, grids } from 'espalier/process'
import { integer, number, oneOf } from '../options.ts'
import type { SampleSettings } from '../run-sample.ts'
import { type SolverName, solverNames } from '../solvers.ts'

interface SampleOptions extends SampleSettings {
  readonly out?: string
  readonly json: boolean
}

export function sampleCommand(): Command {
  const gridNames = Object.keys(grids) as GridName[]
  return new Command('sample')
    .description('Draws samples from a model.')
    .requiredOption('--model <model>', 'zoo name, folder with a card.json, or world.json')
    .option('--count <n>', 'how many', integer(1), 64)
    .option('--solver <solver>', solverNames.join(', '), oneOf(solverNames), 'ddim' satisfies SolverName)
    .option('--steps <n>', 'solver steps; with these solvers one NFE each', integer(1), 50)
    .option('--grid <grid>', gridNames.join(', '), oneOf(gridNames), 'uniform' satisfies GridName)
    .option('--eta <x>', 'noise of ddim: 0 is the ODE, 1 ancestral sampling', number(0, 1), 0)
    .option('--plan <file>', 'a solver table as JSON, instead of --solver, --steps, --grid and --eta')
    .option('--class <label>', 'a class, or none (default: each sample draws its own, all equally often)')
    .option('--guidance <w>', 'classifier-free guidance u + w (c - u); costs 2 NFE a step', number(0), 1)
    .option('--seed <n>', 'the same seed gives the same samples, whatever the batch', integer(0), 0)
    .option('--batch <n>', 'rows of one network call', integer(1), 64)
    .option('--out <folder>', 'where the run goes (default: runs/sample-<time>)')
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
The folder then holds samples.safetensors, a contact sheet (images) or a scatter plot (points), the solver's table, and
run.json with everything that is needed to repeat the run.

Examples:
  espalier sample --model mnist --count 64 --out runs/digits
  espalier sample --model mnist --class 3 --guidance 2 --solver ddpm --steps 100
  espalier sample --model world.json --count 2000 --steps 20 --grid logSnr

A world is a file such as
  { "type": "gaussian-mixture", "means": [[-2, 0], [2, 0]], "stds": [0.3, 0.3], "weights": [1, 2] }`,
    )
    .action(async ({ out, json, ...settings }: SampleOptions) => {
      const { runSample } = await import('../run-sample.ts')
      await runSample({ settings, out, json })
    })
}
