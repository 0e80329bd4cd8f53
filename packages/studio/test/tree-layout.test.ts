import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { detail, heights, shades } from '../src/tree/detail.ts'
import { Layout } from '../src/tree/layout.ts'
import { grow, growths } from './support/grown.ts'

describe('the icicle', () => {
  it('gives children the whole of their parent, side by side in order of birth, by passes and by mass', () => {
    fc.assert(
      fc.property(growths, fc.constantFrom('passes' as const, 'mass' as const), ({ turns, depth, rewards }, by) => {
        const tree = grow(turns, depth, rewards)
        const layout = new Layout()
        layout.update(tree, by, 2)
        for (let node = 0; node < tree.size; node++) {
          const children = tree.childrenOf(node)
          let cursor = layout.x[node]
          for (const child of children) {
            expect(layout.x[child]).toBeCloseTo(cursor, 10)
            cursor += layout.width[child]
          }
          if (children.length > 0) expect(cursor).toBeCloseTo(layout.x[node] + layout.width[node], 10)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('moves no border by more than W / (N + 1) an iteration', () => {
    fc.assert(
      fc.property(growths, ({ turns, depth, rewards }) => {
        const [before, after] = [new Layout(), new Layout()]
        let n = 0
        grow(turns, depth, rewards, (tree) => {
          after.update(tree, 'passes', 1)
          for (let i = 0; n > 0 && i < before.size; i++) {
            expect(Math.abs(after.x[i] - before.x[i])).toBeLessThanOrEqual(1 / (n + 1) + 1e-12)
            const [right, was] = [after.x[i] + after.width[i], before.x[i] + before.width[i]]
            expect(Math.abs(right - was)).toBeLessThanOrEqual(1 / (n + 1) + 1e-12)
          }
          before.update(tree, 'passes', 1)
          n = tree.passes[0]
        })
      }),
      { numRuns: 40 },
    )
  })
})

describe('values', () => {
  it('are soft means of the children, as the search backs them up', () => {
    fc.assert(
      fc.property(growths, fc.constantFrom(0, 0.5, 4, Infinity), ({ turns, depth, rewards }, lambda) => {
        const tree = grow(turns, depth, rewards)
        const values = tree.values(lambda)
        for (let node = 0; node < tree.size; node++) {
          const below = tree.childrenOf(node).map((child) => values[child])
          if (below.length === 0) expect(values[node]).toBe(tree.reward[node])
          else if (lambda === Infinity) expect(values[node]).toBe(Math.max(...below))
          else {
            const mean = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length
            const soft = lambda === 0 ? mean(below) : Math.log(mean(below.map((v) => Math.exp(lambda * v)))) / lambda
            expect(values[node]).toBeCloseTo(soft, 9)
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  it('give a read-out whose mass sums to one over the leaves', () => {
    fc.assert(
      fc.property(growths, ({ turns, depth, rewards }) => {
        const tree = grow(turns, depth, rewards)
        const mass = tree.mass(3, new Float64Array(tree.size))
        expect(tree.leaves.reduce((sum, leaf) => sum + mass[leaf], 0)).toBeCloseTo(1, 10)
      }),
      { numRuns: 40 },
    )
  })
})

describe('the level of detail', () => {
  it('shows every node once: as a cell, or counted in a sliver', () => {
    fc.assert(
      fc.property(growths, fc.integer({ min: 1, max: 200 }), ({ turns, depth, rewards }, pixels) => {
        const tree = grow(turns, depth, rewards)
        const layout = new Layout()
        layout.update(tree, 'passes', 1)
        const shade = shades(tree, tree.values(1), new Float64Array(tree.size))
        const tall = heights(tree, new Float64Array(tree.size))
        const bands = detail(tree, layout, { from: 0, to: 1 }, pixels, { shade, tall })
        bands.forEach((band, depthOf) => {
          const nodes = Array.from({ length: tree.size }, (_, i) => i).filter((i) => tree.depth[i] === depthOf)
          const shown = band.cells.length + band.slivers.reduce((sum, { count }) => sum + count, 0)
          expect(shown).toBe(nodes.length)
          expect(band.cells.length + band.slivers.length).toBeLessThanOrEqual(2 * pixels)
          for (const { mean, max } of band.slivers) expect(max).toBeGreaterThanOrEqual(mean - 1e-12)
        })
      }),
      { numRuns: 60 },
    )
  })

  it('keeps to the window that it is given', () => {
    const tree = grow([0, 1, 3, 5, 7, 11, 13, 17], 3, [0, 1, 2])
    const layout = new Layout()
    layout.update(tree, 'passes', 1)
    const child = tree.childrenOf(0)[0]
    const view = { from: layout.x[child], to: layout.x[child] + layout.width[child] }
    const none = new Float64Array(tree.size)
    const bands = detail(tree, layout, view, 100, { shade: none, tall: none })
    expect(bands[1].cells.filter(({ x, width }) => x + width > 1e-9 && x < 100 - 1e-9).map(({ node }) => node)).toEqual(
      [child],
    )
  })
})

describe('shades', () => {
  it('are ranks within the band: they order nodes as their values do', () => {
    fc.assert(
      fc.property(growths, ({ turns, depth, rewards }) => {
        const tree = grow(turns, depth, rewards)
        const values = tree.values(1)
        const shade = shades(tree, values, new Float64Array(tree.size))
        for (let i = 0; i < tree.size; i++) {
          expect(shade[i]).toBeGreaterThanOrEqual(0)
          expect(shade[i]).toBeLessThanOrEqual(1)
          for (let j = 0; j < i; j++) {
            if (tree.depth[i] === tree.depth[j] && values[i] > values[j]) {
              expect(shade[i]).toBeGreaterThanOrEqual(shade[j])
            }
          }
        }
      }),
      { numRuns: 30 },
    )
  })
})
