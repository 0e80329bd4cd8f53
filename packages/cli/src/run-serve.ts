/** `espalier serve`: a server from its options to the signal that ends it. */

import { existsSync, statSync } from 'node:fs'
import { checkPublicAddress, createServer, folderSource, refusePrivateConnections, zooFolder } from '@espalier/serve'
import { jpegCodec, nodeRuntime, physicalCores } from 'espalier/node'
import { incompressibility } from 'espalier/reward'
import { asUserError, UserError } from './errors.ts'
import { wordLists } from './reward-files.ts'
import { builtStudio } from './studio-app.ts'
import { versions } from './versions.ts'

/** What `serve` and `studio` have in common. */
export interface ServerOptions {
  readonly port: number
  readonly token?: string
  readonly models?: readonly string[]
  readonly uploads: boolean
  readonly allowRemote: boolean
  readonly runs: string
  readonly maxBudget: number
  /** Hours. */
  readonly maxHours: number
  readonly maxMemory: number
  readonly maxQueue: number
  /** MiB. */
  readonly maxModel: number
  /** GiB. */
  readonly keepFree: number
}

export interface ServeOptions extends ServerOptions {
  readonly host: string
  readonly allowHost?: readonly string[]
  /** A folder; false: none; undefined: the one that is built, if it is. */
  readonly studio?: string | false
}

/** Milliseconds after which an end that was asked for comes, whatever is still open. */
const patience = 10_000

/** Resolves when the server has ended. @throws UserError where it cannot start */
export async function runServe({ studio, allowHost, ...options }: ServeOptions): Promise<void> {
  const pages = studio === false ? undefined : (studio ?? builtStudio())
  await serveUntilAsked(
    { ...options, ...(allowHost && { allowHosts: allowHost }), ...(pages !== undefined && { pages }) },
    ({ url }) => {
      const runs = `runs in ${options.runs}${pages === undefined ? '' : ', the Studio at the same address'}`
      process.stdout.write(`Listening at ${url} (${runs}). Ctrl-C ends it and keeps what runs.\n`)
    },
  )
}

/** A server that listens. */
export interface Listening {
  readonly url: string
  /** What a page logs in with, once, where there is a token. */
  readonly invitation?: string
}

/**
 * Serves from a first word, `ready`, to a signal. Resolves when the server has ended.
 * @throws UserError where it cannot start
 */
export async function serveUntilAsked(
  options: ServerOptions & {
    readonly host: string
    readonly allowHosts?: readonly string[]
    readonly pages?: string
  },
  ready: (listening: Listening) => void,
): Promise<void> {
  const { host, port, runs, pages, allowHosts, uploads, models = [] } = options
  const token = options.token ?? process.env.ESPALIER_TOKEN
  for (const folder of [...models, ...(pages === undefined ? [] : [pages])]) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) {
      throw new UserError(`${folder} is no folder; --models and --studio name folders`)
    }
  }
  if (options.allowRemote) refusePrivateConnections()
  const runtime = nodeRuntime()
  const { espalier: version } = versions()
  const threads = physicalCores()
  const server = await asUserError('serve', () =>
    createServer({
      ...{ runtime, host, port, version, threads, uploads, folder: runs },
      ...(token && { token }),
      ...(allowHosts && { allowHosts }),
      ...(pages !== undefined && { pages }),
      words: wordLists,
      jpeg: (options) => incompressibility({ ...options, codec: jpegCodec() }),
      ...(options.allowRemote && { allow: { url: (url: URL) => checkPublicAddress(url) } }),
      source: folderSource([...models, zooFolder()]),
      engineName: `${runtime.name}, ${threads} threads, espalier ${version}`,
      limits: {
        budget: options.maxBudget,
        seconds: 3600 * options.maxHours,
        memory: 2 ** 30 * options.maxMemory,
        queue: options.maxQueue,
        upload: options.maxModel * 2 ** 20,
        floor: options.keepFree * 2 ** 30,
      },
    }),
  )
  ready({ url: server.url, ...(token && { invitation: server.invite() }) })
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
