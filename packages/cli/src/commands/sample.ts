import { Command } from 'commander'
import { collect, integer, number, oneOf } from '../options.ts'
import type { SampleSettings } from '../run-sample.ts'
import { samplerHelp, withGuidanceOptions, withSamplerOptions } from '../sampler.ts'

interface SampleOptions extends SampleSettings {
  readonly out?: string
  readonly json: boolean
}

const variants = ['correct', 'released'] as const

export function sampleCommand(): Command {
  const command = new Command('sample')
    .description('Draws samples from a model.')
    .requiredOption('--model <model>', 'zoo name, folder with a card.json, or world.json')
    .option('--count <n>', 'how many (default: 64, or as many as --condition or --start give)', integer(1))
  withSamplerOptions(command)
    .option('--plan <file>', 'a solver table as JSON, instead of --solver, --steps and --grid')
    .option('--scheduler <file>', 'a diffusers scheduler_config.json, instead of --solver and --grid')
    .option('--scheduler-variant <variant>', 'correct, or released: as diffusers computes it', oneOf(variants))
    .option('--mu <x>', 'the shift of a scheduler with use_dynamic_shifting', number(-100, 100))
  return withGuidanceOptions(command)
    .option('--condition <name=file>', 'rows of a condition of the network, such as degraded=rows.npy', collect)
    .option('--start <file>', 'noise.npy: standard normal [n, ...event]; it is scaled to the first noise level')
    .option('--out-samples <file>', 'the samples as an .npy file too')
    .option('--seed <n>', 'the same seed gives the same samples, whatever the batch', integer(0), 0)
    .option('--batch <n>', 'rows of one network call', integer(1), 64)
    .option('--out <folder>', 'where the run goes (default: runs/sample-<time>)')
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
The folder then holds samples.safetensors, a contact sheet (images) or a scatter plot (points), the solver's table, and
run.json with everything that is needed to repeat the run.

${samplerHelp()}

Examples:
  espalier sample --model mnist --count 64 --out runs/digits
  espalier sample --model mnist --class 3 --guidance 2 --solver ddpm --steps 100
  espalier sample --model mnist --solver dpm++2m --grid karras --steps 8 --guidance 3
  espalier sample --model world.json --count 2000 --steps 20 --grid logSnr
  espalier sample --model fashion-restore-mr --condition degraded=blurred.npy --solver mr --steps 10
  espalier sample --model world.json --scheduler scheduler_config.json --start noise.npy --out-samples out.npy

A world is a file such as
  { "type": "gaussian-mixture", "means": [[-2, 0], [2, 0]], "stds": [0.3, 0.3], "weights": [1, 2] }`,
    )
    .action(async ({ out, json, ...settings }: SampleOptions) => {
      const { runSample } = await import('../run-sample.ts')
      await runSample({ settings, out, json })
    })
}
