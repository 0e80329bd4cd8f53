/** The web app: where its built files lie, and how they come to lie there. */

import { spawn } from 'node:child_process'
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { UserError } from './errors.ts'

/** Packages of the checkout that the app is built from. */
const sources = ['studio', 'engine', 'espalier', 'graph'] as const

/** Folder of the app's package; undefined where it is not installed. */
function studioPackage(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('@espalier/studio/package.json'))
  } catch {
    return undefined
  }
}

/** Folder of the built app; undefined where there is none. */
export function builtStudio(studio = studioPackage()): string | undefined {
  const dist = studio && join(studio, 'dist')
  return dist && existsSync(join(dist, 'index.html')) ? dist : undefined
}

/**
 * Folder of the built app. In a checkout it is built first, where it is not or is older than its sources.
 *
 * @throws UserError where it is not there and cannot be built
 */
export async function upToDateStudio(say: (text: string) => void): Promise<string> {
  const studio = studioPackage()
  if (!studio) throw new UserError('the Studio is not installed here (the package @espalier/studio)')
  const dist = builtStudio(studio)
  // A published package has the built files alone.
  const isCheckout = existsSync(join(studio, 'vite.config.ts'))
  if (dist && !(isCheckout && builtAt(dist) < changedAt(studio))) return dist
  if (!isCheckout) throw new UserError('the Studio of this installation has no files; install it again')
  say(dist ? 'The Studio is older than its sources: building it ...' : 'Building the Studio, this once ...')
  await build(studio)
  return join(studio, 'dist')
}

function builtAt(dist: string): number {
  return statSync(join(dist, 'index.html')).mtimeMs
}

/** When a source was changed last. */
function changedAt(studio: string): number {
  const folders = sources.map((name) => join(studio, '..', name, 'src'))
  const files = folders.flatMap((folder) => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return [folder, ...names.map((name) => join(folder, name))]
  })
  const own = readdirSync(studio).filter((name) => /\.(html|json|ts)$/.test(name))
  const all = [...files, ...own.map((name) => join(studio, name))]
  return Math.max(...all.map((file) => statSync(file).mtimeMs))
}

/** Builds beside the old files and puts the new ones in their place, so that a build that fails changes nothing. */
async function build(studio: string): Promise<void> {
  let vite: string
  try {
    vite = join(dirname(createRequire(join(studio, 'package.json')).resolve('vite/package.json')), 'bin', 'vite.js')
  } catch {
    throw new UserError('the Studio is not built, and what builds it is not installed; run npm install')
  }
  const [fresh, dist] = [join(studio, 'dist.tmp'), join(studio, 'dist')]
  const options = ['build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'warn']
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(process.execPath, [vite, ...options], { cwd: studio, stdio: ['ignore', 2, 2] })
    child.on('error', reject)
    child.on('exit', resolve)
  })
  if (code !== 0) {
    rmSync(fresh, { recursive: true, force: true })
    throw new UserError('the Studio could not be built; its messages are above')
  }
  rmSync(dist, { recursive: true, force: true })
  renameSync(fresh, dist)
}
