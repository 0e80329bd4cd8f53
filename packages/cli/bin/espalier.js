#!/usr/bin/env node
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// npm links the command when it installs, which in a checkout is before the first build. It comes last in a build.
const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main) || build()) await import(main.href)
else {
  process.stderr.write('error: espalier is not built; npm install, then npm run build\n')
  process.exitCode = 2
}

/** Builds the checkout that this file lies in; false where it is none, or the build fails. */
function build() {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const compiler = `${root}node_modules/typescript/bin/tsc`
  if (!existsSync(`${root}tsconfig.json`) || !existsSync(compiler)) return false
  process.stderr.write('Building Espalier, this once ...\n')
  return spawnSync(process.execPath, [compiler, '-b'], { cwd: root, stdio: ['ignore', 2, 2] }).status === 0
}
