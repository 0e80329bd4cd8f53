// Runs the benchmarks one after another, so that none disturbs another: `npm run bench [-- name ...]`.

import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root, say, setUp, tool } from './setup.mjs'

await setUp()
const scripts = new Map(
  readdirSync(join(root, 'bench'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [basename(file, '.ts'), join('bench', 'dist', `${basename(file, '.ts')}.js`)]),
)
// In a browser, which not every machine has: only where it is asked for.
const inBrowser = 'studio'
scripts.set(inBrowser, join('packages', 'studio', 'bench', 'measure.mjs'))
const names = [...scripts.keys()].sort()
const chosen = process.argv.slice(2)
const unknown = chosen.find((name) => !names.includes(name))
if (unknown !== undefined) {
  say(`There is no benchmark "${unknown}". There are: ${names.join(', ')}.`)
  process.exit(2)
}
for (const name of chosen.length > 0 ? chosen : names.filter((each) => each !== inBrowser)) {
  say(`\n== ${name}`)
  const code = await tool(scripts.get(name), [])
  if (code !== 0) {
    say(`The benchmark ${name} failed (exit code ${code}).`)
    process.exit(code)
  }
}
