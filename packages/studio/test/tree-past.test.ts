import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { detail, heights, nodeAt, places, shades, spanOf } from '../src/tree/detail.ts'
import { GrowingTree } from '../src/tree/growing-tree.ts'
import { Growth } from '../src/tree/growth.ts'
import { isUnfinished, Layout } from '../src/tree/layout.ts'
import { grow, growths } from './support/grown.ts'

describe('a tree of the past', () => {
  it('is the tree as it was, under the same numbers', () => {
    fc.assert(
      fc.property(growths, fc.nat(60), ({ turns, depth, rewards }, wanted) => {
        const count = Math.min(wanted, turns.length)
        const whole = grow(turns, depth, rewards)
        const past = whole.until(count)
        // The same search, which knew nothing of what came behind.
        const was = grow(turns.slice(0, count), depth, rewards)
        expect(past.leaves).toEqual(was.leaves)
        expect(past.bestLeaf).toBe(was.bestLeaf)
        expect(past.iterations).toEqual(was.iterations)
        const [values, then] = [past.values(2), was.values(2)]
        for (let node = 0; node < whole.size; node++) {
          expect(past.has(node)).toBe(node < was.size)
          if (node >= was.size) continue
          expect(past.passes[node]).toBe(was.passes[node])
          expect(past.children[node]).toBe(was.children[node])
          expect(past.childrenOf(node)).toEqual(was.childrenOf(node))
          expect(past.bestBelow()[node]).toBe(was.bestBelow()[node])
          if (count === 0) expect(values[node]).toBeNaN()
          else expect(values[node]).toBeCloseTo(then[node], 12)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('is laid out and shown as the tree was', () => {
    fc.assert(
      fc.property(growths, fc.nat(60), ({ turns, depth, rewards }, wanted) => {
        const count = Math.max(1, Math.min(wanted, turns.length))
        const past = grow(turns, depth, rewards).until(count)
        const was = grow(turns.slice(0, count), depth, rewards)
        const [layout, then] = [new Layout(), new Layout()]
        for (const by of ['passes', 'mass'] as const) {
          layout.update(past, by, 2)
          then.update(was, by, 2)
          for (let i = 0; i < was.size; i++) {
            expect(layout.x[i]).toBeCloseTo(then.x[i], 12)
            expect(layout.width[i]).toBeCloseTo(then.width[i], 12)
          }
          const bands = (tree: GrowingTree, of: Layout) => {
            const shade = shades(tree, tree.values(2), new Float64Array(tree.parent.length))
            const tall = heights(tree, new Float64Array(tree.parent.length))
            return detail(tree, of, { from: 0, to: 1 }, 40, { shade, tall })
          }
          expect(bands(past, layout)).toEqual(bands(was, then))
        }
      }),
      { numRuns: 40 },
    )
  })

  it('stays what it is while the tree grows on', () => {
    const rewards = [0.5, -1, 2, 0]
    const turns = Array.from({ length: 400 }, (_, i) => (i * 7919) % 997)
    const tree = grow(turns.slice(0, 200), 4, rewards)
    const past = tree.until(100)
    const passes = [...past.passes.slice(0, past.size)]
    const from = tree.size
    // More than the arrays have room for.
    for (let i = 0; i < 2000; i++) tree.add(from + i, [0], [1])
    tree.pass(from, 9)
    expect([...past.passes.slice(0, past.size)]).toEqual(passes)
    expect(past.bestLeaf).toBe(grow(turns.slice(0, 100), 4, rewards).bestLeaf)
    expect(past.has(from)).toBe(false)
  })
})

describe('a path under way', () => {
  /** Two finished paths, and one that has come to its second level. */
  const tree = () => {
    const grown = new GrowingTree()
    grown.add(1, [0, 1, 0, 3], [1, 2, 1, 2])
    grown.pass(2, 1)
    grown.pass(4, 2)
    grown.add(5, [3, 5], [2, 3])
    return grown
  }

  it('has no value and is shown as such, as wide as the pass that it will be', () => {
    const grown = tree()
    expect([1, 2, 3, 4, 5, 6].filter((node) => isUnfinished(grown, node))).toEqual([5, 6])
    const layout = new Layout()
    layout.update(grown, 'passes', 1)
    expect(layout.width[6]).toBeCloseTo(1 / 3, 12)
    expect(layout.width[3]).toBeCloseTo(2 / 3, 12)
    const shade = shades(grown, grown.values(1), new Float64Array(7))
    expect(shade[6]).toBeNaN()
    expect(shade[3]).toBeGreaterThan(shade[1])
    const tall = heights(grown, new Float64Array(7))
    const narrow = detail(grown, layout, { from: 0, to: 1 }, 2, { shade, tall })
    expect(narrow[3].slivers).toEqual([{ from: 1, to: 2, count: 1, mean: Number.NaN, max: Number.NaN, tall: 1 }])
  })

  it('does not move when it ends', () => {
    const grown = tree()
    const [before, after] = [new Layout(), new Layout()]
    before.update(grown, 'passes', 1)
    grown.pass(6, 0)
    after.update(grown, 'passes', 1)
    expect([...after.x.slice(0, 7)]).toEqual([...before.x.slice(0, 7)])
    expect([...after.width.slice(0, 7)]).toEqual([...before.width.slice(0, 7)])
  })
})

describe('impossible samples', () => {
  it('are at the low end, and do not spoil the mean of the others', () => {
    const tree = new GrowingTree()
    tree.add(1, [0, 0, 0], [1, 1, 1])
    tree.pass(1, Number.NEGATIVE_INFINITY)
    tree.pass(2, 1)
    tree.pass(3, 3)
    expect(tree.values(1)[0]).toBeCloseTo(Math.log((Math.exp(1) + Math.exp(3)) / 3), 12)
    expect(shades(tree, tree.values(1), new Float64Array(4))[1]).toBe(0)
    expect(heights(tree, new Float64Array(4))[1]).toBeLessThan(0.15)
  })
})

describe('a leaf', () => {
  it('is as tall as its reward', () => {
    fc.assert(
      fc.property(growths, ({ turns, depth, rewards }) => {
        const tree = grow(turns, depth, rewards)
        const tall = heights(tree, new Float64Array(tree.size))
        for (const a of tree.leaves) {
          expect(tall[a]).toBeGreaterThan(0)
          expect(tall[a]).toBeLessThanOrEqual(1)
          for (const b of tree.leaves)
            if (tree.reward[a] > tree.reward[b]) expect(tall[a]).toBeGreaterThanOrEqual(tall[b])
        }
        expect(Math.max(...tree.leaves.map((leaf) => tall[leaf]))).toBe(tall[tree.bestLeaf])
      }),
      { numRuns: 30 },
    )
  })

  it('is found under the pointer where it is drawn', () => {
    const tree = grow([0, 1, 3, 5, 7, 11, 13, 17], 3, [0, 1, 2])
    const layout = new Layout()
    layout.update(tree, 'passes', 1)
    for (const leaf of tree.leaves) {
      const middle = layout.x[leaf] + layout.width[leaf] / 2
      expect(nodeAt(tree, layout, tree.depth[leaf], middle, 0)).toBe(leaf)
    }
  })
})

describe('colours by value', () => {
  it('lie between the lowest and the highest of the whole tree', () => {
    fc.assert(
      fc.property(growths, ({ turns, depth, rewards }) => {
        const tree = grow(turns, depth, rewards)
        const values = tree.values(1)
        const [low, high] = spanOf(tree, values)
        const place = places(tree, values, new Float64Array(tree.size))
        for (let i = 0; i < tree.size; i++) {
          expect(place[i]).toBeGreaterThanOrEqual(0)
          expect(place[i]).toBeLessThanOrEqual(1)
          if (high > low) expect(low + place[i] * (high - low)).toBeCloseTo(values[i], 9)
        }
      }),
      { numRuns: 30 },
    )
    const [low, high] = spanOf(new GrowingTree(), new Float64Array(1).fill(Number.NaN))
    expect(low).toBeGreaterThan(high)
  })
})

describe('the strip of time', () => {
  it('says where each iteration left what was there', () => {
    fc.assert(
      fc.property(growths, ({ turns, depth, rewards }) => {
        const expected: number[] = []
        let size = 1
        const growth = new Growth()
        const tree = grow(turns, depth, rewards, (grown) => {
          expected.push(size < grown.size ? grown.depth[size] : 0)
          size = grown.size
          // Whenever it looks, it goes on where it was.
          if (expected.length % 3 === 0) growth.follow(grown)
        })
        growth.follow(tree)
        expect(growth.depths).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })
})
