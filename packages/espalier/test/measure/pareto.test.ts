import { paretoFront, type ValueAtCost } from 'espalier/measure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

/** `p` is worth at least as much as `q` for at most its cost, and better in one of the two. */
const beats = (p: ValueAtCost, q: ValueAtCost) =>
  p.cost <= q.cost && p.value >= q.value && (p.cost < q.cost || p.value > q.value)
const finite = ({ cost, value }: ValueAtCost) => Number.isFinite(cost) && Number.isFinite(value)

describe('the Pareto front', () => {
  // Few numbers, so that there are ties in either or both.
  const number = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 6 }) },
    fc.constantFrom(-0, -Infinity, Number.NaN, Infinity),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  const points = fc.array(fc.record({ cost: number, value: number }), { maxLength: 30 })

  it('holds what nothing beats: no point on it is beaten, every other one is, or was not found', () => {
    fc.assert(
      fc.property(points, (all) => {
        const on = paretoFront(all)
        expect(on).toHaveLength(all.length)
        const found = all.filter(finite)
        all.forEach((point, i) => {
          expect(on[i]).toBe(finite(point) && !found.some((other) => beats(other, point)))
        })
        // Each that is beaten is beaten by one on the front.
        const front = all.filter((_, i) => on[i])
        for (const point of found) expect(front.includes(point) || front.some((p) => beats(p, point))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('does not depend on the order', () => {
    fc.assert(
      fc.property(
        points.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray([...all.keys()], { minLength: all.length })),
        ),
        ([all, order]) => {
          const on = paretoFront(all)
          expect(paretoFront(order.map((i) => all[i]))).toEqual(order.map((i) => on[i]))
        },
      ),
    )
  })

  it('keeps equals, and of equal worth the cheapest', () => {
    const of = (...pairs: readonly (readonly [number, number])[]) =>
      paretoFront(pairs.map(([cost, value]) => ({ cost, value })))
    expect(of([10, 1], [10, 1], [20, 1], [5, 0])).toEqual([true, true, false, true])
    expect(of([1, -Infinity], [2, Number.NaN], [3, -5])).toEqual([false, false, true])
    expect(of()).toEqual([])
  })
})
