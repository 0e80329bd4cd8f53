import { Command } from 'commander'
import { collect, integer, number, oneOf } from '../options.ts'
import type { SampleSettings } from '../run-sample.ts'
import type { SampleTextSettings } from '../run-sample-text.ts'
import { fieldOptions, samplerHelp, withGuidanceOptions, withSamplerOptions } from '../sampler.ts'
import { refuseOptions, textOptions, textSamplerHelp, withNoiseOption, withTextOptions } from '../text-sampler.ts'

interface SampleOptions extends SampleSettings, Omit<SampleTextSettings, 'sampler'> {
  readonly sampler?: string
  readonly out?: string
  readonly json: boolean
  readonly stream: boolean
}

const variants = ['correct', 'released'] as const

export function sampleCommand(): Command {
  const command = new Command('sample')
    .description('Draws samples from a model.')
    .requiredOption('--model <model>', 'zoo name, folder with a card.json, or world.json')
    .option(
      '--samples, --count <n>',
      'how many (default: 4 texts; else 64, or as many as --condition or --start give)',
      integer(1),
    )
  withSamplerOptions(command)
    .option('--plan <file>', 'a solver table as JSON, instead of --solver, --steps and --grid')
    .option('--scheduler <file>', 'a diffusers scheduler_config.json, instead of --solver and --grid')
    .option('--scheduler-variant <variant>', 'correct, or released: as diffusers computes it', oneOf(variants))
    .option('--mu <x>', 'the shift of a scheduler with use_dynamic_shifting', number(-100, 100))
  withGuidanceOptions(command)
    .option('--condition <name=file>', 'rows of a condition of the network, such as degraded=rows.npy', collect)
    .option('--start <file>', 'noise.npy: standard normal [n, ...event]; it is scaled to the first noise level')
  withNoiseOption(withTextOptions(command))
    .option('--judge <model>', 'text: an autoregressive model that says how likely the texts are')
    .option('--stream', 'text: with --json, a JSON line for every step before the result', false)
  return command
    .option('--out-samples <file>', 'the samples as .npy too; texts as .json, .txt (a line % between two) or .npy')
    .option('--seed <n>', 'the same seed gives the same samples, whatever the batch', integer(0), 0)
    .option('--batch <n>', 'rows of one network call', integer(1), 64)
    .option('--out <folder>', 'where the run goes (default: runs/sample-<time>)')
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
The folder then holds samples.safetensors, a contact sheet (images) or a scatter plot (points), the solver's table, and
run.json with everything that is needed to repeat the run. Of a model of text it holds samples.json (texts and tokens)
and samples.txt; in a terminal the texts are shown while their tokens are fixed.

${samplerHelp()}

${textSamplerHelp()}

Examples:
  espalier sample --model mnist --count 64 --out runs/digits
  espalier sample --model mnist --class 3 --guidance 2 --solver ddpm --steps 100
  espalier sample --model mnist --solver dpm++2m --grid karras --steps 8 --guidance 3
  espalier sample --model world.json --count 2000 --steps 20 --grid logSnr
  espalier sample --model fashion-restore-mr --condition degraded=blurred.npy --solver mr --steps 10
  espalier sample --model world.json --scheduler scheduler_config.json --start noise.npy --out-samples out.npy
  espalier sample --model kjv --prompt "In the beginning" --length 64 --samples 4 --seed 1
  espalier sample --model kjv --prompt "And God said,[mask:8] and it was so." --sampler "first-hitting(calls=4)"
  espalier sample --model kjv --sampler "energy(steps=16,k=4,window=0.4)" --judge kjv-judge --out-samples out.json

A world is a file such as
  { "type": "gaussian-mixture", "means": [[-2, 0], [2, 0]], "stds": [0.3, 0.3], "weights": [1, 2] }`,
    )
    .action(async ({ out, json, stream, ...settings }: SampleOptions, command: Command) => {
      const { readModelCard } = await import('../model.ts')
      const { isTextCard } = await import('../card.ts')
      const { model } = settings
      if (!isTextCard(readModelCard(model))) {
        refuseOptions(command, textOptions, `is for models of text, and ${model} is none`)
        const { runSample } = await import('../run-sample.ts')
        return runSample({ settings, out, json })
      }
      refuseOptions(command, [...fieldOptions, 'start'], `is not for models of text, and ${model} is one`)
      const { prompt, length, sampler, temperature, topP, noise, judge, count, seed, batch, outSamples } = settings
      const { runSampleText } = await import('../run-sample-text.ts')
      return runSampleText({
        settings: {
          model,
          ...{ prompt, length, sampler, temperature, topP, noise, judge, count, seed, batch, outSamples },
        },
        ...{ out, json, stream },
      })
    })
}
