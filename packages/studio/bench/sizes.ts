/** What the app weighs: its files, gzipped, and which packages they are made of. */

import { gzipSync } from 'node:zlib'
import type { Plugin, Rolldown } from 'vite'
import { build } from 'vite'

export interface Sizes {
  /** Bytes after gzip of each file of the app's own code and style. */
  readonly files: Readonly<Record<string, number>>
  /** Their sum. */
  readonly app: number
  /** Bytes after gzip of each file of the runtime: the engine's JavaScript and WebAssembly. */
  readonly runtime: Readonly<Record<string, number>>
  /** Bytes after minification, before gzip, of each package in each file. */
  readonly packages: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/**
 * Builds the app and weighs it.
 *
 * @param configFile its `vite.config.ts`
 * @param outDir where it is written, if anywhere
 */
export async function sizesOf(configFile: string, outDir?: string): Promise<Sizes> {
  const packages: Record<string, Record<string, number>> = {}
  const built = await inProduction(() =>
    build({
      configFile,
      logLevel: 'error',
      plugins: [contents(packages)],
      worker: { plugins: () => [contents(packages)] },
      build: { ...(outDir ? { outDir, emptyOutDir: true } : { write: false }), reportCompressedSize: false },
    }),
  )
  const files: Record<string, number> = {}
  const runtime: Record<string, number> = {}
  for (const file of (built as Rolldown.RolldownOutput).output) {
    const { fileName } = file
    if (!/\.(js|mjs|css|html|wasm)$/.test(fileName)) continue
    const bytes = gzipSync(file.type === 'chunk' ? file.code : file.source).length
    const kind = isRuntime(fileName) ? runtime : files
    kind[fileName] = bytes
  }
  return { files, app: Object.values(files).reduce((sum, n) => sum + n, 0), runtime, packages }
}

/** Builds as `vite build` does where a test runner has said that this process is for tests: JSX brings no places in files. */
async function inProduction<T>(work: () => Promise<T>): Promise<T> {
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  }
}

/** Whether a file is the engine's own, or another WebAssembly that comes with a package. */
function isRuntime(fileName: string): boolean {
  return /(^|\/)ort[-.]|\.wasm$/.test(fileName)
}

/** Notes which package each part of a chunk comes from. */
function contents(packages: Record<string, Record<string, number>>): Plugin {
  return {
    name: 'espalier-contents',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        const own = (packages[chunk.fileName] ??= {})
        for (const [id, { renderedLength }] of Object.entries(chunk.modules)) {
          const name = packageOf(id)
          own[name] = (own[name] ?? 0) + renderedLength
        }
      }
    },
  }
}

function packageOf(id: string): string {
  const path = id.replaceAll('\\', '/').split('?')[0]
  const installed = path.split('/node_modules/').at(-1) as string
  if (installed !== path)
    return installed
      .split('/')
      .slice(0, installed.startsWith('@') ? 2 : 1)
      .join('/')
  return path.match(/\/packages\/([^/]+\/src\/[^/.]+)/)?.[1] ?? 'other'
}
