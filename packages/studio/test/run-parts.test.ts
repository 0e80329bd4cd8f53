import type { RunEvent } from '@espalier/engine'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Curve } from '../src/run/curve.ts'
import { fileName } from '../src/run/files.ts'
import { formula } from '../src/run/formula.ts'
import { axisEnd, decimated, linesCsv, linesJson, type Series, valueAt } from '../src/run/lines.ts'
import { npy } from '../src/run/npy.ts'
import { bestOf, histogram } from '../src/run/ranking.ts'

const progress = (nfe: number, best: number | null): RunEvent => ({
  ...{ type: 'progress', nfe, best },
  ...{ rewardEvaluations: 0, gradientEvaluations: 0, seconds: 0 },
})
const leaves = (...rewards: (number | null)[]): RunEvent => ({
  type: 'leaves',
  nodes: rewards.map((_, i) => i),
  rewards,
})

describe('the curve', () => {
  it('steps where the best improved, and knows when each sample came', () => {
    const curve = new Curve()
    for (const event of [
      progress(0, null),
      leaves(1, 3, 2, null),
      progress(100, 3),
      progress(150, 3),
      progress(200, 3),
    ]) {
      curve.take(event)
    }
    expect(curve.found).toEqual([25, 50, 75, 100])
    expect(curve.nfe).toEqual([25, 50, 200])
    expect(curve.best).toEqual([1, 3, 3])
    expect([0, 24, 25, 60, 100, 1e9].map((nfe) => curve.foundBy(nfe))).toEqual([0, 0, 1, 2, 4, 4])
  })

  it('knows the best of a search without a tree from its reports', () => {
    const curve = new Curve()
    for (const event of [progress(10, 1), progress(20, 2), progress(30, 2)]) curve.take(event)
    expect([curve.nfe, curve.best]).toEqual([
      [10, 20, 30],
      [1, 2, 2],
    ])
  })
})

describe('the end of an axis', () => {
  it.each([
    [1000, 0, 1000],
    [1000, 1000, 1000],
    [1000, 101, 1000],
    [1000, 100, 100],
    [1000, 9, 10],
    [1e8, 66_724, 1e5],
    // More than was meant, and nothing at all.
    [1000, 1500, 1500],
    [0, 0, 1],
  ])('of %d NFE with the last point at %d is %d', (until, last, end) => {
    expect(axisEnd(until, last)).toBe(end)
  })
})

describe('a line with more points than columns', () => {
  const line = (values: readonly number[]): Series => ({
    ...{ label: 'line', style: 0 },
    nfe: values.map((_, i) => i),
    value: values,
  })

  it('keeps its ends and its extremes, in order, in at most four points a column', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (values, columns) => {
          const given = line(values)
          const few = decimated(given, columns, (nfe) => nfe / values.length)
          if (values.length <= 2 * columns) {
            expect(few).toBe(given)
            return
          }
          expect(few.nfe.length).toBeLessThanOrEqual(4 * columns)
          expect(few.nfe[0]).toBe(0)
          expect(few.nfe.at(-1)).toBe(values.length - 1)
          expect(Math.max(...few.value)).toBe(Math.max(...values))
          expect(Math.min(...few.value)).toBe(Math.min(...values))
          few.nfe.forEach((at, i) => {
            expect(few.value[i]).toBe(values[at])
            if (i > 0) expect(at).toBeGreaterThan(few.nfe[i - 1])
          })
        },
      ),
      { numRuns: 60 },
    )
  })

  it('is level between its steps', () => {
    const steps = { nfe: [10, 20], value: [1, 5] }
    expect([5, 10, 15, 20, 99].map((at) => valueAt(steps, at))).toEqual([undefined, 1, 1, 5, 5])
  })

  it('is a table of text', () => {
    const given = [{ label: 'a, "b"', nfe: [1, 2], value: [0.5, -1], style: 0 }]
    expect(linesCsv(given)).toBe('line,nfe,best_reward\n"a, ""b""",1,0.5\n"a, ""b""",2,-1\n')
    expect(JSON.parse(linesJson(given))).toEqual([{ label: 'a, "b"', nfe: [1, 2], bestReward: [0.5, -1] }])
  })
})

describe('a file of NumPy', () => {
  it('has the header that its format asks for, and the numbers behind it', () => {
    for (const shape of [[6], [2, 3], [1, 2, 3]]) {
      const data = Float32Array.from([1, -2, 0.5, 3e-8, Number.NaN, Infinity])
      const file = npy(data, shape)
      const view = new DataView(file.buffer)
      expect([...file.slice(0, 8)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0])
      const length = view.getUint16(8, true)
      expect((10 + length) % 64).toBe(0)
      const header = new TextDecoder().decode(file.slice(10, 10 + length))
      const written = shape.length === 1 ? '(6,)' : `(${shape.join(', ')})`
      expect(header.trimEnd()).toBe(`{'descr': '<f4', 'fortran_order': False, 'shape': ${written}, }`)
      expect(header.endsWith('\n')).toBe(true)
      expect(new Float32Array(file.slice(10 + length).buffer)).toEqual(data)
    }
  })
})

describe('the best of many', () => {
  it('are those that a stable sort puts first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (values, count) => {
          const items = values.map((_, i) => i)
          const sorted = [...items].sort((a, b) => values[b] - values[a] || a - b).slice(0, count)
          expect(bestOf(items, count, (i) => values[i])).toEqual(sorted)
        },
      ),
    )
  })

  it('of values that are no numbers are none', () => {
    expect(bestOf([0, 1, 2], 2, (i) => [Number.NaN, 1, Number.NEGATIVE_INFINITY][i])).toEqual([1, 2])
  })
})

describe('the histogram', () => {
  it('counts every finite value once', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { maxLength: 80 }), (values) => {
        const { counts, total } = histogram([...values, Number.NEGATIVE_INFINITY, Number.NaN], 7)
        expect(total).toBe(values.length)
        expect(counts.reduce((a, b) => a + b, 0)).toBe(values.length)
      }),
    )
    expect(histogram([0, 1, 2, 3, 10], 5).counts).toEqual([2, 2, 0, 0, 1])
    expect(histogram([4, 4, 4], 5).counts).toEqual([0, 0, 3, 0, 0])
  })
})

describe('in words', () => {
  it('a value is the mean that it is', () => {
    expect(formula([1, 3], 2, 0)).toBe('v = mean(1, 3) = 2')
    expect(formula([3, 1], 3, Infinity)).toBe('v = max(3, 1) = 3')
    expect(formula([3, 1, 0, -1], 2.5, 0.5)).toBe('v = 1/0.5 · log( 1/4 · Σ exp(0.5 · vᵢ) ) = 2.5,  vᵢ = 3, 1, 0, …')
  })

  it('a file is named by what is in it', () => {
    expect(fileName('dts(alpha=0.6)', '', 'near:2,0')).toBe('dts-alpha-0.6-near-2-0')
  })
})
