import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverEngine } from '@espalier/engine'
import type { Runtime } from 'espalier/runtime'
import { afterEach, beforeEach } from 'vitest'
import { world } from '../../../engine/test/support/conformance.ts'
import { createServer, folderSource, type RunningServer, type ServerOptions } from '../../src/index.ts'

/** Worlds need no runtime. */
const noRuntime: Runtime = {
  name: 'none',
  load: async () => {
    throw new Error('a world loads no graph')
  },
  close: async () => {},
}

export interface Scratch {
  readonly path: string
  remove(): void
}

/** A folder with `models/world.json`. */
export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'espalier-serve-'))
  mkdirSync(join(path, 'models'))
  writeFileSync(join(path, 'models', 'world.json'), JSON.stringify(world))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function open(folder: string, options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  return createServer({
    runtime: noRuntime,
    source: folderSource([join(folder, 'models')]),
    folder: join(folder, 'runs'),
    freeSpace: async () => Number.MAX_SAFE_INTEGER,
    ...options,
  })
}

/** The folder and the servers of a test: started by the test, ended behind it. */
export function testServers() {
  let folder: Scratch
  const servers: RunningServer[] = []
  beforeEach(() => {
    folder = scratch()
  })
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()))
    folder.remove()
  })
  return {
    path: (...names: readonly string[]) => join(folder.path, ...names),
    async start(options: Partial<ServerOptions> = {}) {
      const server = await open(folder.path, options)
      servers.push(server)
      return { ...server, client: serverEngine({ url: server.url, ...(options.token && { token: options.token }) }) }
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Of tests, which say themselves what they expect. */
  // biome-ignore lint/suspicious/noExplicitAny: what comes is checked by the tests
  json(): any
}

/** A request with headers as they are given: `fetch` would write its own Host. */
export function raw(url: string, options: RequestOptions & { readonly body?: string } = {}): Promise<Answer> {
  const { body, ...rest } = options
  return new Promise((resolve, reject) => {
    const asking = request(url, { agent: false, ...rest }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => (text += part))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text) })
      })
      response.on('error', reject)
    })
    asking.on('error', reject)
    asking.end(body)
  })
}
