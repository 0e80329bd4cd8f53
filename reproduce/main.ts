/** `node reproduce/dist/main.js <slug> [--quick]`: re-runs a paper's claim, writes its table and figures beside its README. */

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeFileAtomic } from '@espalier/cli'
import * as dts from './dts/index.ts'
import { folderOf, type Reproduction } from './result.ts'

const reproductions: Readonly<Record<string, Reproduction>> = { dts }

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean' } } })
const slug = positionals[0] ?? ''
const reproduction = reproductions[slug]
if (!reproduction) {
  console.error(`There is no reproduction "${slug}". There are: ${Object.keys(reproductions).join(', ')}.`)
  process.exit(2)
}
const quick = values.quick ?? false
const result = await reproduction.run({
  quick,
  onProgress: (done, what) => console.error(`${String(Math.round(100 * done)).padStart(3)}%  ${what}`),
})
console.log(reproduction.report(result))
// A quick run shows the direction; what is committed comes from the full one.
if (!quick) {
  const files = { 'result.json': `${JSON.stringify(result, null, 2)}\n`, ...reproduction.figures(result) }
  for (const [name, content] of Object.entries(files)) writeFileAtomic(join(folderOf(slug), name), content)
  console.error(`Written to reproduce/${slug}/: ${Object.keys(files).join(', ')}`)
}
