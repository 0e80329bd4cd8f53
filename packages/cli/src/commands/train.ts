import { recipes } from '@espalier/zoo'
import { Command } from 'commander'
import { UserError } from '../errors.ts'
import { integer, number } from '../options.ts'
import type { TrainRun } from '../run-train.ts'

export function trainCommand(): Command {
  const list = Object.values(recipes).map(({ name, title }) => `  ${name.padEnd(22)} ${title}`)
  return new Command('train')
    .description('Trains a model of the zoo from its recipe.')
    .argument('<recipe>', Object.keys(recipes).join(', '))
    .option(
      '--out <folder>',
      'where it goes; a folder that holds a started run is continued (default: runs/train-<recipe>)',
    )
    .option('--resume <folder>', 'continue the run in this folder')
    .option('--steps <n>', "optimiser steps (default: the recipe's)", integer(1))
    .option('--batch <n>', "examples per step (default: the recipe's)", integer(1))
    .option('--seed <n>', "seed (default: the recipe's)", integer(0))
    .option('--threads <n>', 'threads (default: the physical cores)', integer(1))
    .option('--checkpoint-every <seconds>', 'save so often', number(0), 60)
    .option('--no-evaluate', 'do not measure the finished model for its card')
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
Recipes:
${list.join('\n')}

Training runs in this process and may take an hour or two. Ctrl-C saves and stops; the same command goes on from the
last checkpoint, with the same losses as if it had never stopped. The folder then holds model.onnx and card.json, and
is itself a model: espalier sample --model <folder>.

The finished model is then measured, and the numbers go to card.json: seconds for a classifier, about 7 minutes for
mnist. Ctrl-C during that keeps the model; the same command goes on with the measurement, from its beginning.
--no-evaluate leaves it out.

Examples:
  espalier train mnist
  espalier train mnist --resume runs/train-mnist
  espalier train mnist-classifier --steps 500 --out runs/quick-classifier
  espalier train mnist --steps 2000 --out runs/quick-mnist --no-evaluate`,
    )
    .action(async (recipe: string, options: Omit<TrainRun, 'recipe'>) => {
      if (!Object.hasOwn(recipes, recipe)) {
        throw new UserError(`there is no recipe "${recipe}"; there are ${Object.keys(recipes).join(', ')}`)
      }
      const { runTrain } = await import('../run-train.ts')
      await runTrain({ recipe, ...options })
    })
}
