import { key, stream } from 'espalier/tensor'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VisitClasses } from '../../src/search/tree-classes.ts'
import { ChildSums } from '../../src/search/tree-sums.ts'

/** Values as rewards can be: moderate, tied, dead, or far apart. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: -5, max: 5, noNaN: true }) },
  { weight: 2, arbitrary: fc.constantFrom(-1, 0, 0.5) },
  { weight: 1, arbitrary: fc.constant(-Infinity) },
  { weight: 1, arbitrary: fc.constantFrom(-1e300, -1e6, -700, 700, 1e6, 1e300) },
  { weight: 1, arbitrary: fc.double({ min: -1e-9, max: 1e-9, noNaN: true }) },
)
const lambda = fc.constantFrom(0, 1e-12, 1e-3, 1, 2.5, 1e3)
/** Children with changes of their values: `[child, value]`, a child beyond the last being the next. */
const changes = fc.array(fc.tuple(fc.nat(400), value), { minLength: 1, maxLength: 500 })

function play(sums: ChildSums, log: readonly (readonly [number, number])[], after?: (i: number) => void): number[] {
  const values: number[] = []
  for (const [child, v] of log) {
    const i = Math.min(child, values.length)
    values[i] = v
    sums.set(i, v)
    after?.(i)
  }
  return values
}

/** Sum with the rounding errors carried along (Neumaier), as good as twice the digits. */
function exactSum(terms: readonly number[]): number {
  let sum = 0
  let rest = 0
  for (const x of terms) {
    const next = sum + x
    if (Number.isFinite(next)) rest += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum
    sum = next
  }
  return sum + rest
}

function softMean(values: readonly number[], lambda: number): number {
  const max = Math.max(...values)
  if (max === -Infinity) return max
  if (lambda === 0)
    return values.includes(-Infinity) ? -Infinity : max + exactSum(values.map((v) => v - max)) / values.length
  const weight = exactSum(values.map((v) => Math.exp(lambda * (v - max)))) / values.length
  const excess = exactSum(values.map((v) => Math.expm1(lambda * (v - max)))) / values.length
  return max + (excess > -0.5 ? Math.log1p(excess) : Math.log(weight)) / lambda
}

const close = (a: number, b: number, scale: number) => a === b || Math.abs(a - b) <= 1e-12 * scale

describe('sums over children', () => {
  it('give the soft mean and the shares of a direct computation, to 1e-12, whatever the values', () => {
    fc.assert(
      fc.property(lambda, changes, (l, log) => {
        const sums = new ChildSums(l, 2)
        const values = play(sums, log)
        const expected = softMean(values, l)
        const finite = values.filter((v) => v > -Infinity)
        const scale = Math.max(
          0,
          ...finite.map(Math.abs),
          finite.length > 0 && expected > -Infinity ? Math.abs(expected) : 0,
        )
        expect(close(sums.softMean(), expected, scale)).toBe(true)
        const max = Math.max(...values)
        expect(sums.max).toBe(max)
        expect(sums.argmax()).toBe(values.indexOf(max))
        const weights = values.map((v) => (l === 0 || max === -Infinity ? 1 : Math.exp(l * (v - max))))
        const total = exactSum(weights)
        for (let i = 0; i < values.length; i++) expect(close(sums.share(i), weights[i] / total, 1)).toBe(true)
        values.forEach((v, i) => {
          expect(sums.value(i)).toBe(v)
        })
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('draw by inverse CDF in order of birth: the child that a scan draws, but for rounding at the edges', () => {
    const uniforms = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 20 })
    fc.assert(
      fc.property(lambda, changes, uniforms, (l, log, us) => {
        const sums = new ChildSums(l, 2)
        const values = play(sums, log)
        const max = Math.max(...values)
        const weights = values.map((v) => (l === 0 || max === -Infinity ? 1 : Math.exp(l * (v - max))))
        const total = exactSum(weights)
        for (const u of [0, 1 - 2 ** -53, ...us]) {
          const i = sums.draw(u)
          expect(weights[i]).toBeGreaterThan(0)
          const before = exactSum(weights.slice(0, i)) / total
          expect(u).toBeGreaterThanOrEqual(before - 1e-12)
          expect(u).toBeLessThan(before + weights[i] / total + 1e-12)
        }
      }),
      { numRuns: 200, seed: 2 },
    )
  })

  it('do not remember: the same values in another order of changes give the same bits', () => {
    fc.assert(
      fc.property(lambda, changes, (l, log) => {
        const sums = new ChildSums(l, 2)
        const values = play(sums, log)
        const fresh = new ChildSums(l, values.length)
        values.forEach((v, i) => void fresh.set(i, v))
        const seen = (s: ChildSums) => [s.softMean(), s.draw(0.37), ...values.map((_, i) => s.share(i))]
        expect(seen(sums)).toEqual(seen(fresh))
      }),
      { numRuns: 200, seed: 3 },
    )
  })

  it('keep their digits over a hundred thousand children', () => {
    const draws = stream(key(1))
    const sums = new ChildSums(2, 2)
    const values: number[] = []
    for (let i = 0; i < 100_000; i++) sums.set(i, (values[i] = 30 * draws.normal()))
    for (let i = 0; i < 1000; i++) {
      const child = draws.integer(values.length)
      sums.set(child, (values[child] = 30 * draws.normal()))
    }
    const max = values.reduce((a, b) => Math.max(a, b))
    const weight = exactSum(values.map((v) => Math.exp(2 * (v - max))))
    expect(sums.softMean()).toBeCloseTo(max + Math.log(weight / values.length) / 2, 11)
  })
})

describe('classes of visits', () => {
  it('find the child that a scan over all of them finds', () => {
    const steps = fc.array(fc.tuple(fc.nat(300), value, fc.boolean()), { minLength: 1, maxLength: 400 })
    const scale = fc.constantFrom(0, 0.1, 1, 30)
    fc.assert(
      fc.property(steps, scale, (log, c) => {
        const values: number[] = []
        const visits: number[] = []
        const classes = new VisitClasses()
        let passes = 1
        for (const [child, v, passed] of log) {
          const i = Math.min(child, values.length)
          values[i] = v
          visits[i] = (visits[i] ?? 1) + (passed ? 1 : 0)
          classes.set(i, visits[i], v)
          const logVisits = Math.log(++passes)
          const dead = values.every((x) => x === -Infinity)
          const score = (x: number, n: number) => (dead ? 0 : x) + c * Math.sqrt(logVisits / n)
          let best = 0
          for (let j = 1; j < values.length; j++) {
            const [a, b] = [score(values[j], visits[j]), score(values[best], visits[best])]
            if (a > b || (a === b && values[j] > values[best])) best = j
          }
          expect(classes.best(score)).toBe(best)
        }
      }),
      { numRuns: 150, seed: 4 },
    )
  })
})
