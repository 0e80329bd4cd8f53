/** The `espalier` command: what there is, and how mistakes are told. */

import { Command, CommanderError } from 'commander'
import { compareCommand } from './commands/compare.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { gradCommand } from './commands/grad.ts'
import { planCommand } from './commands/plan.ts'
import { reproduceCommand } from './commands/reproduce.ts'
import { sampleCommand } from './commands/sample.ts'
import { serveCommand } from './commands/serve.ts'
import { steerCommand } from './commands/steer.ts'
import { studioCommand } from './commands/studio.ts'
import { trainCommand } from './commands/train.ts'
import { treeCommand } from './commands/tree.ts'
import { messageOf, UserError } from './errors.ts'
import { versions } from './versions.ts'

/** Builds the command line; nothing runs before `parseAsync`. */
export function program(): Command {
  const root = new Command('espalier')
    .description(
      'Samples from diffusion models: fast (few network calls) and aligned (steered to a reward by search).\n' +
        'A model is a zoo name (mnist, kjv), a folder with a card.json (of images, fields or text), or a world.json\n' +
        'with a Gaussian mixture.',
    )
    .version(versions().espalier, '-V, --version')
    .addHelpText(
      'after',
      `
Examples:
  espalier demo                                          watch DTS* and best-of-N steer the digit model
  espalier sample --model mnist --count 64               64 digits and a contact sheet
  espalier sample --model kjv --prompt "In the beginning" --length 64 --samples 4
  espalier steer --model mnist --reward class:7 --budget 20000
  espalier studio                                        watch a search grow, in the browser
  espalier grad model.onnx --out grad.onnx               the gradient of any ONNX model, as an ONNX model
  espalier doctor                                        is everything in place?

Every command teaches itself: espalier steer --help.
Exit codes: 0 done, 1 a fault of ours (ESPALIER_DEBUG=1 shows where), 2 something to put right in the call, 130 aborted.`,
    )
  const commands = [
    sampleCommand(),
    compareCommand(),
    steerCommand(),
    treeCommand(),
    demoCommand(),
    trainCommand(),
    gradCommand(),
    planCommand(),
    serveCommand(),
    studioCommand(),
    reproduceCommand(),
    doctorCommand(),
  ]
  for (const command of commands) root.addCommand(command)
  // Errors are told in one place, below; commander only throws.
  for (const command of [root, ...root.commands, ...root.commands.flatMap(({ commands }) => commands)]) {
    command
      .exitOverride()
      .configureOutput({ outputError: () => {} })
      .helpCommand(false)
  }
  return root
}

/**
 * Runs a command line.
 *
 * @param argv the arguments alone, without `node` and the script
 * @returns the exit code; one line on stderr where it is not 0
 */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const root = program()
    if (argv.length === 0) {
      root.outputHelp()
      return 0
    }
    await root.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return tell(error)
  }
}

function tell(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    process.stderr.write(`${messageOf(error)}\n`)
    return 2
  }
  // By name: the zoo is loaded only by the commands that need it.
  const ours = !(error instanceof UserError || (error as Error)?.name === 'NotInstalledError')
  process.stderr.write(`${ours ? 'internal error' : 'error'}: ${messageOf(error)}\n`)
  if (process.env.ESPALIER_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  else if (ours) process.stderr.write('Set ESPALIER_DEBUG=1 to see where it happened.\n')
  return ours ? 1 : 2
}
