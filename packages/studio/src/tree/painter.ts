import type { Level } from '@espalier/engine'
import { number } from '../format.ts'
import { colour } from './colours.ts'
import type { Band, View } from './detail.ts'
import type { GrowingTree } from './growing-tree.ts'
import type { Layout } from './layout.ts'

/** Colours of the surroundings, from the style sheet. */
export interface Ink {
  readonly surface: string
  readonly text: string
  readonly quiet: string
  readonly line: string
  readonly accent: string
}

export interface Scene {
  readonly tree: GrowingTree
  readonly layout: Layout
  readonly bands: readonly Band[]
  readonly shade: ArrayLike<number>
  readonly levels: readonly Level[]
  readonly view: View
  readonly selected: number | undefined
  /** Size of the canvas in CSS pixels. */
  readonly width: number
  readonly height: number
  readonly ink: Ink
  /** What is shown in the cell of a node, if it is there by now. */
  readonly thumbnail: (node: number) => CanvasImageSource | undefined
}

/** Space for the names of the bands. */
export const GUTTER = 58
const GAP = 3
const ROOT_HEIGHT = 14
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

export function paint(context: CanvasRenderingContext2D, scene: Scene): void {
  const { tree, layout, bands, levels, shade, view, selected, width, height, ink } = scene
  context.clearRect(0, 0, width, height)
  const count = depthOf(tree, levels)
  const rows = bandsOf(count, height)
  const inner = width - GUTTER
  context.font = '11px system-ui, sans-serif'
  context.textBaseline = 'middle'

  rows.forEach(({ top, height: tall }, d) => {
    context.fillStyle = ink.quiet
    context.fillText(nameOf(d, count, levels), 0, top + tall / 2, GUTTER - 6)
    context.fillStyle = ink.line
    context.fillRect(GUTTER, top + tall, inner, 1)
  })

  context.save()
  context.beginPath()
  context.rect(GUTTER, 0, inner, height)
  context.clip()
  const [low, high] = rewardRange(tree)
  /** Leaves are bars: their reward is not told by colour alone. */
  const tallOf = (value: number, tall: number) =>
    Number.isFinite(value) && high > low ? Math.max(2, (0.15 + (0.85 * (value - low)) / (high - low)) * tall) : tall / 2

  bands.forEach((band, d) => {
    const { top, height: tall } = rows[d]
    const leaves = d === count && d > 0
    for (const { from, to, mean, max } of band.slivers) {
      const filled = leaves ? Math.max(2, (0.15 + 0.85 * mean) * tall) : tall
      context.fillStyle = colour(mean)
      context.fillRect(GUTTER + from, top + tall - filled, to - from, filled)
      context.fillStyle = colour(max)
      context.fillRect(GUTTER + from, top + tall - 2, to - from, 2)
    }
    for (const { node, x, width: wide } of band.cells) {
      const left = GUTTER + Math.max(0, x)
      const right = GUTTER + Math.min(inner, x + wide)
      const gap = right - left > 3 ? 1 : 0
      const filled = leaves || tree.isLeaf(node) ? tallOf(tree.reward[node], tall) : tall
      context.fillStyle = d === 0 ? ink.line : colour(shade[node])
      context.fillRect(left, top + tall - filled, right - left - gap, filled)
      if (d === 0 || right - left < ROOM || tall < ROOM) continue
      const picture = scene.thumbnail(node)
      if (!picture) continue
      const [px, py] = [(left + right - THUMBNAIL) / 2, top + (tall - THUMBNAIL) / 2]
      context.fillStyle = ink.surface
      context.fillRect(px - 1, py - 1, THUMBNAIL + 2, THUMBNAIL + 2)
      context.drawImage(picture, px, py, THUMBNAIL, THUMBNAIL)
    }
  })

  const place = (node: number) => {
    const scale = inner / (view.to - view.from)
    const { top, height: tall } = rows[tree.depth[node]]
    const left = (layout.x[node] - view.from) * scale
    const right = left + Math.max(2, layout.width[node] * scale)
    return { left: GUTTER + Math.max(0, left), right: GUTTER + Math.min(inner, right), top, tall }
  }
  const outline = (node: number, style: string, thick: number) => {
    const { left, right, top, tall } = place(node)
    if (right < GUTTER || left > width) return
    context.strokeStyle = style
    context.lineWidth = thick
    context.strokeRect(left + thick / 2, top + thick / 2, Math.max(1, right - left - thick), tall - thick)
  }
  if (tree.bestLeaf >= 0)
    for (const node of tree.path(tree.bestLeaf)) {
      if (node === 0) continue
      // Light on dark on light: seen on every colour of the scale.
      outline(node, ink.surface, 4)
      outline(node, ink.text, 2)
    }
  if (selected !== undefined && selected < tree.size) {
    outline(selected, ink.surface, 5)
    outline(selected, ink.accent, 3)
  }
  context.restore()
}

/** Finite rewards, lowest and highest. */
export function rewardRange(tree: GrowingTree): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity]
  for (const leaf of tree.leaves) {
    const value = tree.reward[leaf]
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return [low, high]
}

/** The name of a band: what is left of the noise there. */
export function nameOf(depth: number, count: number, levels: readonly Level[]): string {
  if (depth === 0) return 'root'
  if (depth === count) return 'samples'
  const level = levels[depth]
  if (!level) return `level ${depth}`
  return level.sigma === null ? `t ${number(level.time)}` : `σ ${number(Number(level.sigma.toPrecision(2)))}`
}
