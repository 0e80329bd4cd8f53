import { describe, expect, it } from 'vitest'
import type { ReproductionResult, ReproductionRow } from '../../../reproduce/result.ts'
import { extended, lacking } from '../../../reproduce/support/known.ts'

const row = (method: string): ReproductionRow => ({
  ...{ method, setting: 'digits', metric: 'reward', nfe: 10, gradientEvaluations: 0, rewardEvaluations: 1 },
  ...{ mean: 1, low: 0, high: 2, n: 2 },
})
const result = (...methods: string[]): ReproductionResult => ({
  ...{ paper: 'ours', claim: 'more is more', verdict: 'holds', why: 'so', command: 'run', seeds: [0, 1] },
  ...{ versions: { node: '1' }, budget: '2 seeds', table: methods.map(row) },
})
const places = ['plain', 'new'].map((method) => ({ method, setting: 'digits' }))

describe('methods that are added to a finished result', () => {
  it('everything is run without one, and only what it lacks with one', () => {
    expect(lacking(undefined, places, () => false)).toEqual(places)
    expect(lacking(result('plain'), places, ({ method }) => method === 'new')).toEqual([places[1]])
    expect(lacking(result('plain', 'new'), places, () => true)).toEqual([])
    expect(lacking(result('plain'), [{ method: 'plain', setting: 'clothes' }], () => true)).toHaveLength(1)
  })

  it('is refused where the verdict is about what is missing', () => {
    expect(() => lacking(result('new'), places, ({ method }) => method === 'new')).toThrow(/plain in digits/)
  })

  it('old rows stay as they are, new ones come behind', () => {
    const known = result('plain')
    const { table } = extended(known, { ...result('new'), budget: '2 seeds; new ones too' })
    expect(table.map(({ method }) => method)).toEqual(['plain', 'new'])
    expect(table[0]).toBe(known.table[0])
  })

  it.each([{ seeds: [0, 2] }, { versions: { node: '2' } }, { budget: '5 seeds' }, { budget: '2' }])(
    'is refused with other settings: %o',
    (other) => {
      expect(() => extended(result('plain'), { ...result('new'), ...other })).toThrow(/was run with/)
    },
  )
})
