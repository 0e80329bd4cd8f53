import { Command } from 'commander'
import { collect, integer, number } from '../options.ts'
import type { ServeOptions } from '../run-serve.ts'

/** Adds what `serve` and `studio` have in common. */
export function addServerOptions(command: Command): Command {
  return command
    .option('--port <n>', 'port to listen at; 0 takes one that is free', integer(0), 7333)
    .option('--token <text>', 'what clients must show; better in ESPALIER_TOKEN, which no list of processes shows')
    .option('--models <folder>', 'a folder of models beside the zoo: <name>/card.json or <name>.json', collect)
    .option('--no-uploads', 'take no models from clients; those that came before stay')
    .option('--allow-remote', 'rewards may be addresses, https://..., of the public internet alone', false)
    .option('--runs <folder>', 'where runs are kept, and models that clients bring', 'runs/serve')
    .option('--max-budget <nfe>', 'NFE of one run, at most', integer(1), 10_000_000)
    .option('--max-hours <x>', 'hours of work of one run, at most', number(0), 24)
    .option('--max-memory <gib>', 'GiB of the states that one run keeps, at most', number(0), 4)
    .option('--max-queue <n>', 'runs that wait, at most', integer(1), 64)
    .option('--max-model <mib>', 'MiB of a model that a client brings, at most', integer(1), 512)
    .option('--keep-free <gib>', 'GiB of the disk that stay free; with less, nothing new is taken', number(0), 1)
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('Serves runs over HTTP: start, watch, pause, resume. And the Studio, where it is built.')
    .option('--host <address>', 'address to listen at; other than the loopback it needs a token', '127.0.0.1')
    .option('--allow-host <name>', 'a further name that this server is called by (may be repeated)', collect)
    .option('--studio <folder>', 'the web app to serve at /; default: the Studio, once espalier studio has built it')
    .option('--no-studio', 'serve no web app')
  return addServerOptions(command)
    .addHelpText(
      'after',
      `
Ctrl-C keeps what runs so that it can be resumed, and ends within 10 seconds; again, it ends at once. After a crash the
runs of the folder are there again: what was queued is queued, what was running is interrupted, and can be resumed.
GET /openapi.json describes every route. Rewards here are names and their combinations, and
addresses with --allow-remote: never files.

Examples:
  espalier serve
  curl localhost:7333/runs -H 'content-type: application/json' -d '{"model": "mnist", "reward": "class:7"}'
  curl -N localhost:7333/runs/<id>/events
  ESPALIER_TOKEN=$(openssl rand -hex 16) espalier serve --host 0.0.0.0 --allow-host lab.example`,
    )
    .action(async (options: ServeOptions) => {
      const { runServe } = await import('../run-serve.ts')
      await runServe(options)
    })
}
