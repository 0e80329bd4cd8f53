/** `espalier serve`: a server from its options to the signal that ends it. */

import { existsSync, statSync } from 'node:fs'
import { createServer, folderSource, zooFolder } from '@espalier/serve'
import { nodeRuntime, physicalCores } from 'espalier/node'
import { asUserError, UserError } from './errors.ts'
import { versions } from './versions.ts'

export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly token?: string
  readonly allowHost?: readonly string[]
  readonly models?: readonly string[]
  readonly runs: string
  readonly studio?: string
  readonly maxBudget: number
  /** Hours. */
  readonly maxHours: number
  readonly maxQueue: number
  /** GiB. */
  readonly keepFree: number
}

/** Milliseconds after which an end that was asked for comes, whatever is still open. */
const patience = 10_000

/** Resolves when the server has ended. @throws UserError where it cannot start */
export async function runServe(options: ServeOptions): Promise<void> {
  const { host, port, runs, studio, models = [], allowHost = [] } = options
  const token = options.token ?? process.env.ESPALIER_TOKEN
  for (const folder of [...models, ...(studio === undefined ? [] : [studio])]) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) {
      throw new UserError(`${folder} is no folder; --models and --studio name folders`)
    }
  }
  const runtime = nodeRuntime()
  const { espalier: version } = versions()
  const server = await asUserError('serve', () =>
    createServer({
      ...{ runtime, host, port, allowHosts: allowHost, version, folder: runs },
      ...(token && { token }),
      ...(studio !== undefined && { pages: studio }),
      source: folderSource([...models, zooFolder()]),
      engineName: `${runtime.name}, ${physicalCores()} threads, espalier ${version}`,
      limits: {
        budget: options.maxBudget,
        seconds: 3600 * options.maxHours,
        queue: options.maxQueue,
        floor: options.keepFree * 2 ** 30,
      },
    }),
  )
  process.stdout.write(`Listening at ${server.url} (runs in ${runs}). Ctrl-C ends it and keeps what runs.\n`)
  await asked()
  process.stderr.write('Ending; what runs is kept. Ctrl-C again ends at once.\n')
  const late = setTimeout(() => process.exit(1), patience)
  late.unref()
  await server.close()
  await runtime.close()
  clearTimeout(late)
}

/** Resolves at the first Ctrl-C or SIGTERM; the second ends the process at once. */
function asked(): Promise<void> {
  return new Promise((resolve) => {
    let before = false
    const onSignal = () => {
      if (before) process.exit(130)
      before = true
      resolve()
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
