/**
 * `node reproduce/dist/support/extend.js <paper>`: runs the methods that `reproduce/<paper>/result.json` lacks, on its
 * seeds, adds their rows and draws the figures again.
 */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeFileAtomic } from 'espalier/node'
import type { Reproduction, ReproductionResult } from '../result.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const [paper] = process.argv.slice(2)
if (!paper) throw new Error('which reproduction? Give its folder, such as dts-star')
const folder = join(root, paper)
const known = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as ReproductionResult
const { run, figures } = (await import(`../${paper}/index.js`)) as Reproduction
let told = ''
const result = await run({
  known,
  seeds: known.seeds,
  onProgress(done, what) {
    const line = `${Math.floor(100 * done)}%  ${what}`
    if (line !== told) process.stderr.write(`${line}\n`)
    told = line
  },
})
if (result.table[0] !== known.table[0]) throw new Error(`${paper} runs everything anew; it cannot be added to`)
const files = { 'result.json': `${JSON.stringify(result, null, 2)}\n`, ...figures(result) }
for (const [name, content] of Object.entries(files)) writeFileAtomic(join(folder, name), content)
process.stdout.write(`${result.table.length - known.table.length} rows added to ${folder}\n`)
