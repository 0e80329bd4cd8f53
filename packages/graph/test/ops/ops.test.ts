import { describe, expect, it } from 'vitest'
import { families } from './cases/index.ts'
import { checkCase, failures, nameOf } from './harness.ts'

describe.each(Object.entries(families))('%s', (_, cases) => {
  it.each(cases.map((c) => [nameOf(c), c] as const))('%s', async (_name, c) => {
    expect(failures(c, await checkCase(c))).toEqual([])
  })
})
