// Everything CI checks: format and lint, types, tests. Arguments go to vitest: `npm test -- packages/graph`.

import { say, setUp, tool, tools } from './setup.mjs'

await setUp({ build: false })
const steps = [
  ['biome check', tools.biome, ['check', '.']],
  // Worker threads load built files, so the build comes before the tests.
  ['tsc -b', tools.tsc, ['-b']],
  // The web app has a bundler's resolution and builds with it: types alone.
  ['tsc of the studio', tools.tsc, ['-p', 'packages/studio']],
  ['vitest run', tools.vitest, ['run', ...process.argv.slice(2)]],
]
for (const [name, script, args] of steps) {
  const code = await tool(script, args)
  if (code !== 0) {
    say(`npm test: ${name} failed (exit code ${code}).`)
    process.exit(code)
  }
}
