// What `npm start`, `npm test` and `npm run bench` do first: dependencies and build, each only when something changed.
// (`.npmrc` switches npm's own pre and post scripts off together with the install scripts of dependencies.)

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Programs of the workspace, started with this Node so that no shell is needed. */
export const tools = {
  tsc: 'node_modules/typescript/bin/tsc',
  biome: 'node_modules/@biomejs/biome/bin/biome',
  vitest: 'node_modules/vitest/vitest.mjs',
  espalier: 'packages/cli/dist/main.js',
}

/** Installs if needed and builds; ends the process where that fails. */
export async function setUp({ build = true } = {}) {
  checkNode()
  if (!installed()) {
    say('Installing dependencies ...')
    // `ci` takes the lock file as it is. A registry that lacks an optional package of another platform makes it refuse;
    // `install` then takes what there is, at the versions of the lock file.
    const done = (await npm('ci', 'ignore')) === 0 ? 0 : await npm('install', 'inherit')
    if (done !== 0) stop('npm install failed; its message is above. Is the npm registry reachable?', done)
  }
  if (build) {
    say('Building ...')
    const done = await tool(tools.tsc, ['-b'])
    if (done !== 0) stop('The build (tsc -b) failed; its messages are above.', done)
  }
}

function npm(command, stdio) {
  const args = [command, '--no-audit', '--no-fund']
  // npm tells its scripts where it lives; that is the npm the user chose, on every platform.
  const path = process.env.npm_execpath
  return path
    ? run(process.execPath, [path, ...args], { stdio })
    : run('npm', args, { stdio, shell: process.platform === 'win32' })
}

/** Runs a program of the workspace with this Node; returns its exit code. */
export function tool(script, args) {
  return run(process.execPath, [join(root, script), ...args])
}

/** Runs a command in the root with our terminal; returns its exit code. */
export function run(command, args, options = {}) {
  // Ctrl-C goes to the child as well; it decides, we wait.
  const ignore = () => {}
  process.on('SIGINT', ignore)
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options })
    const end = (code) => {
      process.off('SIGINT', ignore)
      resolve(code)
    }
    child.on('error', (error) => {
      say(`${command} could not be started: ${error.message}`)
      end(1)
    })
    child.on('exit', (code, signal) => end(code ?? (signal === 'SIGINT' ? 130 : 1)))
  })
}

export function say(text) {
  process.stderr.write(`${text}\n`)
}

function stop(text, code) {
  say(text)
  process.exit(code)
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  stop(`Espalier needs Node 20.19 or newer; this is ${process.versions.node}. Install it from https://nodejs.org.`, 2)
}

/** Whether node_modules holds what package-lock.json asks for; npm writes its own list last, when all is in place. */
function installed() {
  const present = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(present)) return false
  const wanted = packages(join(root, 'package-lock.json'))
  const found = packages(present)
  for (const [path, { version, optional, link }] of Object.entries(wanted)) {
    if (path === '' || link || !path.startsWith('node_modules/')) continue
    if (found[path] ? found[path].version !== version : !optional) return false
  }
  return true
}

function packages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages
}
