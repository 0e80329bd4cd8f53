import type { Level } from '@espalier/engine'
import { number } from '../format.ts'
import { colour } from './colours.ts'
import { type Band, type Colouring, detail, heights, places, shades } from './detail.ts'
import { type GrowingTree, ROOT } from './growing-tree.ts'
import type { Layout } from './layout.ts'
import type { Surface } from './surface.ts'
import { everything, type View } from './view.ts'

/** Colours of the surroundings, from the style sheet. */
export interface Ink {
  readonly surface: string
  readonly text: string
  readonly quiet: string
  readonly line: string
  readonly edge: string
  readonly accent: string
}

export interface Scene {
  readonly tree: GrowingTree
  readonly layout: Layout
  readonly levels: readonly Level[]
  /** Inverse temperature of the values. */
  readonly lambda: number
  /** Default: rank. */
  readonly colouring?: Colouring
  readonly view: View
  readonly selected: number | undefined
  /** Of the picture in CSS pixels. */
  readonly width: number
  readonly height: number
  readonly ink: Ink
  /** Whether there are pictures of nodes. */
  readonly pictures: boolean
}

/** Space for the names of the bands. */
export const GUTTER = 58
const GAP = 3
/** The root's band, which is the map of the whole where a part is shown. */
export const ROOT_HEIGHT = 24
/** Side of a thumbnail, and the narrowest cell that has one. */
const THUMBNAIL = 28
const ROOM = 34

/** Top and height of each band of a tree with `count` levels below the root. */
export function bandsOf(count: number, height: number): { readonly top: number; readonly height: number }[] {
  const rest = Math.max(count, 1)
  const each = (height - ROOT_HEIGHT - GAP * rest) / rest
  return Array.from({ length: count + 1 }, (_, d) =>
    d === 0 ? { top: 0, height: ROOT_HEIGHT } : { top: ROOT_HEIGHT + GAP + (d - 1) * (each + GAP), height: each },
  )
}

/** How many bands there are: those of the chain, before its first leaf too. */
export function depthOf(tree: GrowingTree, levels: readonly Level[]): number {
  return Math.max(tree.maxDepth, levels.length - 1, 1)
}

/** Numbers by node, kept from one drawing to the next. */
export class Looked {
  shade = new Float64Array(0)
  tall = new Float64Array(0)

  look(tree: GrowingTree, lambda: number, colouring: Colouring): void {
    if (this.shade.length < tree.size) {
      this.shade = new Float64Array(tree.parent.length)
      this.tall = new Float64Array(tree.parent.length)
    }
    const coloured = colouring === 'rank' ? shades : places
    coloured(tree, tree.values(lambda), this.shade)
    heights(tree, this.tall)
  }
}

/** Draws a tree; the same scene is the same picture, on whatever surface. */
export function paint(on: Surface, scene: Scene, looks = new Looked()): void {
  const { tree, layout, levels, view, selected, width, height, ink } = scene
  const count = depthOf(tree, levels)
  const rows = bandsOf(count, height)
  const inner = width - GUTTER
  const whole = view.to - view.from >= 1
  looks.look(tree, scene.lambda, scene.colouring ?? 'rank')

  rows.forEach(({ top, height: tall }, d) => {
    const name = d === 0 && !whole ? 'whole' : nameOf(d, count, levels)
    on.text(name, 0, top + tall / 2, ink.quiet, GUTTER - 6)
    on.fill(GUTTER, top + tall, inner, 1, ink.line)
  })
  on.clipped(GUTTER, 0, inner, height, () => {
    detail(tree, layout, view, inner, looks).forEach((band, d) => {
      if (d === ROOT) return
      fillBand(on, scene, looks, band, rows[d])
    })
    if (whole) on.fill(GUTTER, 0, inner, ROOT_HEIGHT, ink.line)
    else paintMap(on, scene, looks)

    const outline = (node: number, style: string, thick: number) => {
      const scale = inner / (view.to - view.from)
      const { top, height: tall } = rows[tree.depth[node]]
      const left = (layout.x[node] - view.from) * scale
      const right = Math.min(inner + 2, left + Math.max(2, layout.width[node] * scale))
      if (right < 0 || left > inner) return
      const start = Math.max(-2, left)
      on.outline(GUTTER + start, top, right - start, tall, style, thick)
    }
    if (tree.bestLeaf >= 0) {
      for (const node of tree.path(tree.bestLeaf)) {
        if (node === ROOT) continue
        // Light on dark on light: seen on every colour of the scale.
        outline(node, ink.surface, 4)
        outline(node, ink.text, 2)
      }
    }
    if (selected !== undefined && tree.has(selected)) {
      if (selected === ROOT && !whole) return
      outline(selected, ink.surface, 5)
      outline(selected, ink.accent, 3)
    }
  })
}

function fillBand(
  on: Surface,
  { ink, width, pictures }: Scene,
  { shade, tall: share }: Looked,
  band: Band,
  { top, height: tall }: { readonly top: number; readonly height: number },
): void {
  const inner = width - GUTTER
  for (const { from, to, mean, max, tall: part } of band.slivers) {
    const filled = Math.max(2, part * tall)
    if (Number.isNaN(mean)) on.hatch(GUTTER + from, top, to - from, tall, ink.edge)
    else {
      on.fill(GUTTER + from, top + tall - filled, to - from, filled, colour(mean))
      on.fill(GUTTER + from, top + tall - 2, to - from, 2, colour(max))
    }
  }
  for (const { node, x, width: wide } of band.cells) {
    const left = GUTTER + Math.max(0, x)
    const right = GUTTER + Math.min(inner, x + wide)
    const gap = right - left > 3 ? 1 : 0
    const filled = Math.max(2, share[node] * tall)
    if (Number.isNaN(shade[node])) on.hatch(left, top, right - left - gap, tall, ink.edge)
    else on.fill(left, top + tall - filled, right - left - gap, filled, colour(shade[node]))
    if (!pictures || right - left < ROOM || tall < ROOM) continue
    on.picture(node, (left + right - THUMBNAIL) / 2, top + (tall - THUMBNAIL) / 2, THUMBNAIL)
  }
}

/** The whole of the first level, small, and what of it is shown. */
function paintMap(on: Surface, { tree, layout, view, width, ink }: Scene, looks: Looked): void {
  const inner = width - GUTTER
  const first = detail(tree, layout, everything, inner, looks)[1]
  for (const { from, to, mean } of first?.slivers ?? [])
    if (!Number.isNaN(mean)) on.fill(GUTTER + from, 6, to - from, ROOT_HEIGHT - 12, colour(mean))
  for (const { node, x, width: wide } of first?.cells ?? [])
    if (!Number.isNaN(looks.shade[node])) on.fill(GUTTER + x, 6, wide, ROOT_HEIGHT - 12, colour(looks.shade[node]))
  if (tree.bestLeaf >= 0) {
    const at = GUTTER + layout.x[tree.bestLeaf] * inner
    on.fill(at - 2, 4, 4, ROOT_HEIGHT - 8, ink.surface)
    on.fill(at - 1, 4, 2, ROOT_HEIGHT - 8, ink.text)
  }
  const from = GUTTER + view.from * inner
  const wide = Math.max(6, (view.to - view.from) * inner)
  on.outline(from - 1, 0, wide + 2, ROOT_HEIGHT, ink.surface, 5)
  on.outline(from, 1, wide, ROOT_HEIGHT - 2, ink.accent, 3)
}

/** The name of a band: what is left of the noise there. */
export function nameOf(depth: number, count: number, levels: readonly Level[]): string {
  if (depth === 0) return 'root'
  if (depth === count) return 'samples'
  const level = levels[depth]
  if (!level) return `level ${depth}`
  return level.sigma === null ? `t ${number(level.time)}` : `σ ${number(Number(level.sigma.toPrecision(2)))}`
}
