/** The built app behind a server, and where a Chromium is to look at it. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LaunchOptions } from 'playwright-core'
import { build } from 'vite'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

/** Where Chromium is: `CHROMIUM`, or what the system finds; undefined where there is none. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM
  if (named) return named
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    } catch {
      // The next name.
    }
  }
  return existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : undefined
}

/** Builds the app into a folder of its own. */
export async function buildApp(): Promise<{ readonly folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-studio-'))
  await build({
    configFile: fileURLToPath(new URL('../../vite.config.ts', import.meta.url)),
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true, reportCompressedSize: false, minify: false },
  })
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export interface StaticServer {
  readonly address: string
  /** Paths that are answered with 404, for tests of what is missing. */
  readonly missing: Set<string>
  /** Code that the app's worker runs before its own, for tests of browsers that lack something. */
  beforeWorker: string
  close(): Promise<void>
}

/** @param isolated whether responses carry the headers that threads need */
export async function serveFolder(folder: string, isolated: boolean): Promise<StaticServer> {
  const served = { missing: new Set<string>(), beforeWorker: '' }
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent((request.url ?? '/').split('?')[0]))
    const file = join(folder, path === '/' ? 'index.html' : path)
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
      response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    }
    if (!file.startsWith(folder) || !existsSync(file) || [...served.missing].some((part) => path.includes(part))) {
      response.writeHead(404).end()
      return
    }
    response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream')
    const code = /network\.worker[^/]*\.js$/.test(path) && `{ ${served.beforeWorker}\n}\n`
    response.end(code ? Buffer.concat([Buffer.from(code), readFileSync(file)]) : readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(served, {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

export function chromiumOptions(executablePath: string): LaunchOptions {
  return { executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] }
}
