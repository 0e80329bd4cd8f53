import { describe, expect, it } from 'vitest'
import { bestAt, traceBand } from '../src/report/trace.ts'

const a = [
  { nfe: 50, best: 1 },
  { nfe: 200, best: 3 },
  { nfe: 800, best: 3 },
]
const b = [
  { nfe: 100, best: 2 },
  { nfe: 800, best: 5 },
]

describe('traces', () => {
  it('hold their value until the next improvement', () => {
    expect([49, 50, 199, 200, 5000].map((nfe) => bestAt(a, nfe))).toEqual([Number.NEGATIVE_INFINITY, 1, 1, 3, 3])
  })

  it('are averaged from the point on where every run has a reward', () => {
    const band = traceBand([a, b], 4)
    expect(band.map((p) => p.x)).toEqual([100, 200, 400, 800])
    expect(band.map((p) => p.y)).toEqual([1.5, 2.5, 2.5, 4])
    // Two values 3 and 5: mean 4, t_{0.975,1} = tan(0.475 pi), s / sqrt(2) = 1.
    expect(band[3].high).toBeCloseTo(4 + Math.tan(0.475 * Math.PI), 9)
  })

  it('are empty when a run never found anything', () => {
    expect(traceBand([a, [{ nfe: 10, best: Number.NEGATIVE_INFINITY }]])).toEqual([])
    expect(() => traceBand([a, []])).toThrow(/empty/)
  })
})
