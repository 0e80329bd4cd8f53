/** `espalier serve`: the engine behind HTTP, from the first request to the last. */

import { setMaxListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { type Limits, type LocalEngine, type LocalEngineOptions, localEngine, type ModelSource } from '@espalier/engine'
import { serve } from '@hono/node-server'
import type { Runtime } from 'espalier/runtime'
import PQueue from 'p-queue'
import { bringsFile, createApp } from './app.ts'
import { watchArrival } from './arrival.ts'
import { fileStore } from './file-store.ts'
import { Guard } from './guard.ts'
import { IdempotencyKeys } from './idempotency.ts'
import { linearMatcher, textWork } from './linear-matcher.ts'
import { sharedRuntime } from './shared-runtime.ts'
import { withUploads } from './uploads.ts'

/** What a server allows. */
export interface ServerLimits extends Limits {
  /** Bytes of an ordinary body, of a model, of a run as a file. */
  readonly body: number
  readonly upload: number
  readonly archive: number
  /** Clients that follow events. */
  readonly clients: number
  /** Sessions that stay loaded when no run has them. */
  readonly sessions: number
  /** Bytes that stay free on the disk. */
  readonly floor: number
  /** Milliseconds that an ordinary request may take to arrive; a file must come on by 128 KiB in them. */
  readonly arrival: number
}

export const defaultLimits: ServerLimits = {
  body: 1 << 20,
  upload: 512 << 20,
  archive: 256 << 20,
  budget: 10_000_000,
  seconds: 24 * 3600,
  queue: 64,
  batch: 1 << 24,
  memory: 4 * 2 ** 30,
  clients: 500,
  sessions: 8,
  floor: 1 << 30,
  arrival: 30_000,
}

export interface ServerOptions extends Pick<LocalEngineOptions, 'allow' | 'jpeg' | 'words'> {
  readonly runtime: Runtime
  readonly source: ModelSource
  /** Where the folders of runs lie. */
  readonly folder: string
  /** Whether models are taken that people bring; they are kept in `_models` among the runs. Default true. */
  readonly uploads?: boolean
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default: one that is free. */
  readonly port?: number
  /** Needed off the loopback. */
  readonly token?: string
  readonly allowHosts?: readonly string[]
  readonly limits?: Partial<ServerLimits>
  /** Folder of the built web app. */
  readonly pages?: string
  readonly engineName?: string
  /** Of one network call, as the engine tells it. Default 1. */
  readonly threads?: number
  readonly snapshotEvery?: number
  readonly version?: string
  /** Free bytes of the disk that holds the runs. */
  readonly freeSpace?: () => Promise<number>
  /** Milliseconds between two looks at the disk. Default 10 000. */
  readonly lookEvery?: number
  /** What is told of faults. Default: one line on stderr. */
  readonly onFault?: (error: unknown) => void
}

export interface RunningServer {
  readonly url: string
  readonly engine: LocalEngine
  /** What a page can log in with once, in place of the token. */
  invite(): string
  /** Takes no more, keeps what is under way so that it can be resumed, says goodbye. */
  close(): Promise<void>
}

/**
 * Starts a server.
 * @throws Error one line, where it would be open to strangers, the folder cannot be used, or the port is taken
 */
export async function createServer(options: ServerOptions): Promise<RunningServer> {
  const { folder, host = '127.0.0.1', token, allowHosts = [], version = '0.1.0' } = options
  const limits = { ...defaultLimits, ...options.limits }
  const guard = new Guard({ host, token, allowHosts: allowHosts.map((name) => name.toLowerCase()) })
  // The caller's own runtime stays open.
  const runtime = sharedRuntime({ ...options.runtime, close: async () => {} }, limits.sessions)
  const files = fileStore(folder)
  const keys = await IdempotencyKeys.open(folder, files)
  const store = keys.keeping(files)
  const brought = withUploads(options.source, join(folder, '_models'))
  const { add: _, ...closed } = brought
  const uploads = options.uploads === false ? undefined : brought
  const source: ModelSource = uploads ?? closed
  const queue = new PQueue({ concurrency: 1 })
  const onFault = options.onFault ?? ((error) => process.stderr.write(`espalier serve: ${told(error)}\n`))
  const { allow, jpeg, words } = options
  const engine = await localEngine({
    ...(allow && { allow }),
    ...(jpeg && { jpeg }),
    ...(words && { words }),
    matcher: linearMatcher,
    work: textWork,
    ...{ runtime, source, store, limits, storage: 'kept', threads: options.threads ?? 1 },
    ...(options.engineName !== undefined && { name: options.engineName }),
    ...(options.snapshotEvery !== undefined && { snapshotEvery: options.snapshotEvery }),
    schedule: (turn) => void queue.add(turn).catch(onFault),
  })
  for (const line of (await engine.facts()).unread) onFault(new Error(line))
  const leaving = new AbortController()
  // Every stream of events waits for it.
  setMaxListeners(0, leaving.signal)
  const free = options.freeSpace ?? (async () => freeBytes(folder))
  const room = async () => (await free()) >= limits.floor
  const { pages } = options
  const app = createApp({
    ...{ engine, store, keys, guard, room, leaving: leaving.signal, onFault, version },
    ...{ body: limits.body, upload: limits.upload, archive: limits.archive, clients: limits.clients },
    ...(uploads && { uploads }),
    ...(pages !== undefined && existsSync(pages) && { pages }),
  })

  const server = await listening(app.fetch, host, options.port ?? 0, limits.arrival).catch(async (error) => {
    await engine.close()
    if (error.code !== 'EADDRINUSE') throw error
    throw new Error(`port ${options.port} is taken, perhaps by a server of ours; choose another one, or 0`)
  })
  const watch = setInterval(() => {
    pauseWhereFull(engine, room).catch(onFault)
  }, options.lookEvery ?? 10_000)
  watch.unref()

  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : options.port
  const name = host.includes(':') ? `[${host}]` : host
  let closing: Promise<void> | undefined
  return {
    url: `http://${name}:${port}`,
    engine,
    invite: () => guard.invite(),
    close() {
      closing ??= (async () => {
        clearInterval(watch)
        const ended = new Promise<void>((resolve) => server.close(() => resolve()))
        await engine.close()
        await runtime.close()
        leaving.abort()
        server.closeIdleConnections()
        // Streams have a moment to say bye; then nobody is waited for.
        const rest = setTimeout(() => server.closeAllConnections(), 500)
        await ended
        clearTimeout(rest)
      })()
      return closing
    },
  }
}

function listening(
  fetch: (request: Request) => unknown,
  hostname: string,
  port: number,
  arrival: number,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve(
      {
        ...{ fetch, hostname, port },
        serverOptions: {
          // Bodies have their own watch, as files may take longer.
          requestTimeout: 0,
          headersTimeout: arrival,
          connectionsCheckingInterval: Math.min(5000, arrival),
        },
      },
      () => {
        server.off('error', reject)
        resolve(server)
      },
    ) as Server
    server.once('error', reject)
    watchArrival(server, arrival, (method, url) => bringsFile(method, url?.split('?')[0]))
  })
}

/** A disk that fills up under running work: it is held, so that what it found is not lost to a failed write. */
async function pauseWhereFull(engine: LocalEngine, room: () => Promise<boolean>): Promise<void> {
  const running = (await engine.runs()).filter(({ status }) => status === 'running')
  if (running.length === 0 || (await room())) return
  for (const { id } of running) await engine.pause(id)
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

function told(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
