import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ease } from '../src/tree/ease.ts'
import { focusLayout } from '../src/tree/focus-layout.ts'
import { Layout } from '../src/tree/layout.ts'
import { bandsOf, GUTTER, type Ink, paint, type Scene } from '../src/tree/painter.ts'
import { posterSvg } from '../src/tree/poster.ts'
import type { Surface } from '../src/tree/surface.ts'
import { everything, panned, shown, viewFrom, viewText, zoomed } from '../src/tree/view.ts'
import { grow, growths } from './support/grown.ts'

const ink: Ink = { surface: 'white', text: 'black', quiet: 'gray', line: 'silver', edge: 'dimgray', accent: 'green' }

/** A surface that writes down what is drawn on it. */
function recorder() {
  const marks: { readonly kind: string; readonly style: string; readonly x: number; readonly width: number }[] = []
  const texts: string[] = []
  const pictures: { readonly node: number; readonly x: number; readonly side: number }[] = []
  const note = (kind: string) => (x: number, _y: number, width: number, _h: number, style: string) => {
    marks.push({ kind, style, x, width })
  }
  const surface: Surface = {
    fill: note('fill'),
    hatch: note('hatch'),
    outline: note('outline'),
    text: (text) => texts.push(text),
    picture: (node, x, _, side) => pictures.push({ node, x, side }),
    clipped: (_x, _y, _w, _h, draw) => draw(),
    moved: (_x, _y, draw) => draw(),
  }
  return { surface, marks, texts, pictures }
}

function sceneOf(
  turns: readonly number[],
  depth: number,
  rewards: readonly number[],
  change: Partial<Scene> = {},
): Scene {
  const tree = grow(turns, depth, rewards)
  const layout = new Layout()
  layout.update(tree, 'passes', 1)
  const size = { width: 600, height: 300, view: everything, selected: undefined, lambda: 1, pictures: true, levels: [] }
  return { tree, layout, ink, ...size, ...change }
}

describe('the picture of a tree', () => {
  it('lights the path of the best sample at all times, at whatever size', () => {
    fc.assert(
      fc.property(growths, fc.integer({ min: 200, max: 900 }), ({ turns, depth, rewards }, width) => {
        const scene = sceneOf(turns, depth, rewards, { width })
        const { surface, marks } = recorder()
        paint(surface, scene)
        const lit = marks.filter(({ kind, style }) => kind === 'outline' && style === ink.text)
        const path = scene.tree.path(scene.tree.bestLeaf).slice(1)
        expect(lit).toHaveLength(path.length)
        path.forEach((node, i) => {
          expect(lit[i].x).toBeCloseTo(GUTTER + scene.layout.x[node] * (width - GUTTER), 6)
          expect(lit[i].width).toBeGreaterThanOrEqual(2)
        })
      }),
      { numRuns: 30 },
    )
  })

  it('is bounded by its pixels, not by the nodes', () => {
    const turns = Array.from({ length: 6000 }, (_, i) => (i * 7919) % 99_991)
    const scene = sceneOf(turns, 5, [1, 3, 2, 5, 4, 0.5, 0.25])
    expect(scene.tree.size).toBeGreaterThan(10_000)
    const { surface, marks } = recorder()
    paint(surface, scene)
    expect(marks.length).toBeLessThan(2 * 6 * 600)
  })

  it('has a picture in each cell that has room for one, and in no other', () => {
    const { surface, pictures } = recorder()
    const scene = sceneOf([0, 1, 5, 3, 7, 11, 2, 8], 3, [1, 2, 3])
    paint(surface, scene)
    const room = Array.from({ length: scene.tree.size - 1 }, (_, i) => i + 1).filter(
      (node) => scene.layout.width[node] * (600 - GUTTER) >= 34,
    )
    expect(pictures.map(({ node }) => node).sort((a, b) => a - b)).toEqual(room)
    expect(pictures.every(({ side }) => side === 28)).toBe(true)
    const words = recorder()
    paint(words.surface, { ...scene, pictures: false })
    expect(words.pictures).toEqual([])
  })

  it('names its bands before there is a sample', () => {
    const levels = [1, 0.9, 0.5, 0].map((time) => ({ time, sigma: 4 * time }))
    const { surface, texts } = recorder()
    paint(surface, sceneOf([], 3, [0], { levels }))
    expect(texts).toEqual(['root', 'σ 3.6', 'σ 2', 'samples'])
    expect(bandsOf(3, 300)).toHaveLength(4)
  })

  it('shows where it is in the whole when a part is shown', () => {
    const { surface, marks, texts } = recorder()
    paint(surface, sceneOf([0, 1, 5, 3, 7, 11, 2, 8], 3, [1, 2, 3], { view: { from: 0.25, to: 0.5 } }))
    expect(texts[0]).toBe('whole')
    const window = marks.find(({ kind, style }) => kind === 'outline' && style === ink.accent)
    expect(window?.x).toBeCloseTo(GUTTER + 0.25 * (600 - GUTTER), 9)
    expect(window?.width).toBeCloseTo(0.25 * (600 - GUTTER), 9)
  })
})

describe('the poster', () => {
  const poster = () => ({
    tree: grow([0, 1, 5, 3, 7], 3, [1, 2, 3]),
    ...{ levels: [], lambda: 1, by: 'passes' as const, pictures: true },
    title: 'dts for <odd> & "even"',
    facts: '5 samples',
  })

  it('is the same text for the same tree, well-formed, and says what it shows', () => {
    const svg = posterSvg(poster(), (node) => `data:image/png;base64,${node}`)
    expect(posterSvg(poster(), (node) => `data:image/png;base64,${node}`)).toBe(svg)
    expect(svg).toContain('dts for &lt;odd&gt; &amp; &quot;even&quot;')
    expect(svg).toContain('data:image/png;base64,1"')
    const open: string[] = []
    for (const [, end, name, self] of svg.matchAll(/<(\/?)([a-zA-Z]+)[^>]*?(\/?)>/g)) {
      if (end) expect(open.pop()).toBe(name)
      else if (!self) open.push(name)
    }
    expect(open).toEqual([])
    expect(svg).not.toContain('NaN')
  })
})

describe('what is shown of the width', () => {
  const views = fc
    .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([a, b]) => shown(Math.min(a, b), Math.max(a, b)))

  it('stays inside, whatever is done', () => {
    fc.assert(
      fc.property(
        views,
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.double({ min: -5, max: 5, noNaN: true }),
        (view, factor, share) => {
          for (const next of [zoomed(view, factor), panned(view, share), zoomed(view, factor, view.from)]) {
            expect(next.from).toBeGreaterThanOrEqual(0)
            expect(next.to).toBeLessThanOrEqual(1 + 1e-12)
            expect(next.to - next.from).toBeGreaterThanOrEqual(1e-5 - 1e-12)
          }
          expect(panned(view, share).to - panned(view, share).from).toBeCloseTo(view.to - view.from, 12)
        },
      ),
    )
  })

  it('stands in the address, to a hundredth of the narrowest view, and nonsense there shows all', () => {
    fc.assert(
      fc.property(views, (view) => {
        const text = viewText(view)
        if (text === undefined) {
          expect(view.to - view.from).toBeGreaterThan(1 - 2e-7)
          return
        }
        const read = viewFrom(text)
        expect(Math.abs(read.from - view.from)).toBeLessThan(2e-7)
        expect(Math.abs(read.to - view.to)).toBeLessThan(2e-7)
      }),
    )
    for (const nonsense of [null, '', 'x', '0.5', '0.6,0.2', '0,1,2', 'NaN,1'])
      expect(viewFrom(nonsense)).toEqual(everything)
    expect(viewText(everything)).toBeUndefined()
  })

  it('keeps the point under the pointer where it is', () => {
    const before = { from: 0.4, to: 0.8 }
    const after = zoomed(before, 0.5, 0.5)
    expect((0.5 - after.from) / (after.to - after.from)).toBeCloseTo((0.5 - 0.4) / 0.4, 12)
  })
})

describe('a border on its way', () => {
  it('begins where it was, ends where it should be, and children fill their parents on the way', () => {
    const turns = [0, 1, 5, 3, 7, 11, 2, 8]
    const tree = grow(turns, 3, [1, 2, 3])
    const layout = new Layout()
    layout.update(tree, 'passes', 1)
    const before = [...layout.x.slice(0, tree.size)]
    const ease = new Ease(layout)
    expect(ease.apply(0)).toBe(false)
    ease.start(1000)
    layout.update(tree, 'mass', 3)
    const target = [...layout.x.slice(0, tree.size)]
    expect(ease.apply(1000)).toBe(true)
    expect([...layout.x.slice(0, tree.size)]).toEqual(before)
    layout.update(tree, 'mass', 3)
    expect(ease.apply(1075)).toBe(true)
    for (let node = 0; node < tree.size; node++) {
      const children = tree.childrenOf(node)
      const sum = children.reduce((total, child) => total + layout.width[child], 0)
      if (children.length > 0) expect(sum).toBeCloseTo(layout.width[node], 12)
    }
    layout.update(tree, 'mass', 3)
    expect(ease.apply(1150)).toBe(false)
    expect([...layout.x.slice(0, tree.size)]).toEqual(target)
  })
})

describe('the neighbourhood of a node', () => {
  const pitch = { column: 100, row: 40 }

  it('holds the way to it, the best path, and no two nodes in one place', () => {
    fc.assert(
      fc.property(growths, fc.nat(200), ({ turns, depth, rewards }, chosen) => {
        const tree = grow(turns, depth, rewards)
        const focus = chosen % tree.size
        const { nodes, links, width, height } = focusLayout(tree, tree.values(1), focus, pitch)
        const there = new Set(nodes.map(({ node }) => node))
        for (const node of tree.path(focus)) expect(there.has(node)).toBe(true)
        // The best path is followed from where it is met.
        for (const node of tree.path(tree.bestLeaf)) {
          const above = tree.parent[node]
          if (above >= 0 && tree.path(focus).includes(above)) expect(there.has(node)).toBe(true)
        }
        expect(nodes.length).toBeLessThanOrEqual(500)
        expect(links).toHaveLength(nodes.length - 1)
        for (const { from, to } of links) {
          expect(tree.parent[to.node]).toBe(from.node)
          expect(to.x - from.x).toBe(pitch.column)
        }
        for (const { node, x, y, hidden } of nodes) {
          expect(x).toBe((tree.depth[node] + 0.5) * pitch.column)
          expect(x).toBeLessThanOrEqual(width)
          expect(y).toBeGreaterThanOrEqual(0)
          expect(y).toBeLessThanOrEqual(height)
          expect(hidden).toBe(tree.children[node] - links.filter(({ from }) => from.node === node).length)
        }
        const columns = new Map<number, number[]>()
        for (const { x, y } of nodes) columns.set(x, [...(columns.get(x) ?? []), y])
        for (const ys of columns.values()) {
          ys.sort((a, b) => a - b)
          ys.forEach((y, i) => {
            if (i > 0) expect(y - ys[i - 1]).toBeGreaterThanOrEqual(pitch.row - 1e-9)
          })
        }
      }),
      { numRuns: 40 },
    )
  })

  it('of a wide tree is cut at 500 nodes', () => {
    const turns = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 99_991)
    const tree = grow(turns, 12, [1, 3, 2])
    expect(focusLayout(tree, tree.values(1), 0, pitch).nodes.length).toBeLessThanOrEqual(500)
  })
})
