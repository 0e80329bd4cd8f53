/** `espalier serve`: the engine behind HTTP, from the first request to the last. */

import { setMaxListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import type { Server } from 'node:http'
import { type Limits, type LocalEngine, localEngine, type ModelSource } from '@espalier/engine'
import { serve } from '@hono/node-server'
import type { Runtime } from 'espalier/runtime'
import PQueue from 'p-queue'
import { createApp } from './app.ts'
import { fileStore } from './file-store.ts'
import { Guard } from './guard.ts'

/** What a server allows. */
export interface ServerLimits extends Limits {
  /** Bytes of a body. */
  readonly body: number
  /** Clients that follow events. */
  readonly clients: number
  /** Bytes that stay free on the disk. */
  readonly floor: number
  /** Milliseconds that a request may take to arrive. */
  readonly arrival: number
}

export const defaultLimits: ServerLimits = {
  body: 1 << 20,
  budget: 10_000_000,
  seconds: 24 * 3600,
  queue: 64,
  batch: 1 << 24,
  clients: 500,
  floor: 1 << 30,
  arrival: 30_000,
}

export interface ServerOptions {
  readonly runtime: Runtime
  readonly source: ModelSource
  /** Where the folders of runs lie. */
  readonly folder: string
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
  /** Takes no more, keeps what is under way so that it can be resumed, says goodbye. */
  close(): Promise<void>
}

/**
 * Starts a server.
 * @throws Error one line, where it would be open to strangers, the folder cannot be used, or the port is taken
 */
export async function createServer(options: ServerOptions): Promise<RunningServer> {
  const { runtime, source, folder, host = '127.0.0.1', token, allowHosts = [], version = '0.1.0' } = options
  const limits = { ...defaultLimits, ...options.limits }
  const guard = new Guard({ host, token, allowHosts: allowHosts.map((name) => name.toLowerCase()) })
  const store = fileStore(folder)
  const queue = new PQueue({ concurrency: 1 })
  const onFault = options.onFault ?? ((error) => process.stderr.write(`espalier serve: ${told(error)}\n`))
  const engine = await localEngine({
    ...{ runtime, source, store, limits },
    ...(options.engineName !== undefined && { name: options.engineName }),
    ...(options.snapshotEvery !== undefined && { snapshotEvery: options.snapshotEvery }),
    schedule: (turn) => void queue.add(turn).catch(onFault),
  })
  const leaving = new AbortController()
  // Every stream of events waits for it.
  setMaxListeners(0, leaving.signal)
  const free = options.freeSpace ?? (async () => freeBytes(folder))
  const room = async () => (await free()) >= limits.floor
  const { pages } = options
  const app = createApp({
    ...{ engine, store, guard, room, leaving: leaving.signal, onFault, version },
    ...{ body: limits.body, clients: limits.clients },
    ...(pages !== undefined && existsSync(pages) && { pages }),
  })

  const server = await listening(app.fetch, host, options.port ?? 0, limits.arrival).catch(async (error) => {
    await engine.close()
    throw error
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
    close() {
      closing ??= (async () => {
        clearInterval(watch)
        const ended = new Promise<void>((resolve) => server.close(() => resolve()))
        await engine.close()
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
          requestTimeout: arrival,
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
