import { Command } from 'commander'
import type { StudioOptions } from '../run-studio.ts'
import { addServerOptions } from './serve.ts'

export function studioCommand(): Command {
  const command = new Command('studio')
    .description('Opens the Studio: watch searches grow in the browser, run by the page or by this machine.')
    .option('--no-open', 'open no browser, only say where it is')
    .option('--out <folder>', 'write the app as a static site instead, for any host of files; nothing is served')
  return addServerOptions(command)
    .addHelpText(
      'after',
      `
Runs of the page happen in the browser and stay there; runs of the server happen here, natively, and are kept in a
folder, as those of espalier serve are. Only this machine can reach it.

Examples:
  espalier studio
  espalier studio --models my-models --port 0
  espalier studio --out site                             files for a host; it need not send any headers`,
    )
    .action(async (options: StudioOptions) => {
      const { runStudio } = await import('../run-studio.ts')
      await runStudio(options)
    })
}
