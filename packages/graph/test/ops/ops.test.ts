import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { operators } from '../../src/index.ts'
import { families } from './cases/index.ts'
import { checkCase, failures, nameOf } from './harness.ts'
import { type Checked, tableOf, withoutNumbers } from './table.ts'

const all = Object.values(families).flat()
const checked: Checked[] = []

describe.each(Object.entries(families))('%s', (_, cases) => {
  it.each(cases.map((c) => [nameOf(c), c] as const))('%s', async (_name, c) => {
    const report = await checkCase(c)
    expect(failures(c, report)).toEqual([])
    checked.push({ case: c, report })
  })
})

describe('every operator', () => {
  const casesOf = (op: string): number => all.filter((c) => c.op === op).length

  it('with a reference kernel has a case', () => {
    expect(Object.keys(operators).filter((op) => operators[op].evaluate && casesOf(op) === 0)).toEqual([])
  })

  it('with a rule has three cases or more', () => {
    expect(Object.keys(operators).filter((op) => typeof operators[op].vjp === 'function' && casesOf(op) < 3)).toEqual(
      [],
    )
  })

  it('is in OPS.md as it was checked here', () => {
    // A run of chosen tests (-t) has not seen them all.
    if (checked.length < all.length) return
    const file = new URL('../../OPS.md', import.meta.url)
    const table = tableOf(checked)
    if (process.env.WRITE_OPS_TABLE) writeFileSync(file, table)
    const written = existsSync(file) ? readFileSync(file, 'utf8') : ''
    expect(withoutNumbers(written), 'run it with WRITE_OPS_TABLE=1').toBe(withoutNumbers(table))
  })
})
