import type { GrowingTree } from './growing-tree.ts'
import type { Layout } from './layout.ts'
import type { View } from './view.ts'

/** A node that is wide enough to be drawn as itself, in pixels. */
export interface Cell {
  readonly node: number
  readonly x: number
  readonly width: number
}

/** Neighbours that are narrower than a pixel, drawn as one: columns `from` to `to` (excluded). */
export interface Sliver {
  readonly from: number
  readonly to: number
  readonly count: number
  /** Mean and largest shade (see {@link shades}) of those nodes that have a value; NaN where none has. */
  readonly mean: number
  readonly max: number
  /** Mean of their heights. */
  readonly tall: number
}

export interface Band {
  readonly cells: readonly Cell[]
  readonly slivers: readonly Sliver[]
}

/** How nodes are drawn, by node. */
export interface Looks {
  /** Colour, from 0 to 1; NaN where there is no value yet. */
  readonly shade: ArrayLike<number>
  /** Share of the band's height, from 0 to 1. */
  readonly tall: ArrayLike<number>
}

/**
 * What is drawn of a tree on `pixels` columns: nodes of at least one pixel as cells, the rest summed up by band and
 * column, so that the drawing is bounded by the pixels and not by the nodes. Each node that the view meets is in exactly
 * one cell or one sliver of its band; a node of no width (one that no read-out reaches) counts where it stands.
 */
export function detail(tree: GrowingTree, layout: Layout, view: View, pixels: number, looks: Looks): Band[] {
  const bands = Array.from({ length: tree.maxDepth + 1 }, () => ({ cells: [] as Cell[], slivers: [] as Sliver[] }))
  const columns = Math.max(1, Math.floor(pixels))
  const slots = bands.length * columns
  const count = new Int32Array(slots)
  const known = new Int32Array(slots)
  const sum = new Float64Array(slots)
  const max = new Float64Array(slots)
  const tall = new Float64Array(slots)
  const scale = columns / (view.to - view.from)
  const { x, width, size } = layout
  for (let i = 0; i < size; i++) {
    const left = (x[i] - view.from) * scale
    const wide = width[i] * scale
    if (left >= columns || left + wide < 0 || (wide > 0 && left + wide === 0) || !tree.has(i)) continue
    const band = tree.depth[i]
    if (wide >= 1) {
      bands[band].cells.push({ node: i, x: left, width: wide })
      continue
    }
    const slot = band * columns + Math.min(columns - 1, Math.max(0, Math.floor(left + wide / 2)))
    const shade = looks.shade[i]
    count[slot]++
    tall[slot] += looks.tall[i]
    // Without a value it is counted, and does not change the mean.
    if (!(shade >= 0)) continue
    known[slot]++
    sum[slot] += shade
    if (shade > max[slot]) max[slot] = shade
  }
  bands.forEach((band, b) => {
    for (let c = 0; c < columns; c++) {
      const slot = b * columns + c
      const n = count[slot]
      if (n === 0) continue
      const mean = sum[slot] / known[slot]
      const top = known[slot] === 0 ? Number.NaN : max[slot]
      const height = tall[slot] / n
      const last = band.slivers.at(-1)
      // Runs of the same look are one rectangle.
      if (
        last?.to === c &&
        level(last.mean) === level(mean) &&
        level(last.max) === level(top) &&
        level(last.tall) === level(height)
      ) {
        const total = last.count + n
        const mixed = (a: number, of: number) => (a * last.count + of * n) / total
        band.slivers[band.slivers.length - 1] = {
          ...{ from: last.from, to: c + 1, count: total, max: Math.max(last.max, top) },
          ...{ mean: mixed(last.mean, mean), tall: mixed(last.tall, height) },
        }
      } else band.slivers.push({ from: c, to: c + 1, count: n, mean, max: top, tall: height })
    }
  })
  return bands
}

/** Looks are drawn in 64 steps; what has no value is a step of its own. */
function level(look: number): number {
  return look >= 0 ? Math.min(63, Math.floor(look * 64)) : -1
}

/** What colours say: how a value ranks within its level, or the value itself. */
export type Colouring = 'rank' | 'value'

/** The lowest and the highest finite value of a tree; the other way round where there is none. */
export function spanOf(tree: GrowingTree, values: ArrayLike<number>): readonly [number, number] {
  let low = Infinity
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < tree.size; i++) {
    const value = values[i]
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return [low, high]
}

/** Each value's place between the lowest and the highest, from 0 to 1; NaN where a node has none. */
export function places(tree: GrowingTree, values: ArrayLike<number>, out: Float64Array): Float64Array {
  const [low, high] = spanOf(tree, values)
  for (let i = 0; i < tree.size; i++) {
    const value = values[i]
    if (Number.isNaN(value)) out[i] = Number.NaN
    else if (!Number.isFinite(value)) out[i] = value > 0 ? 1 : 0
    else out[i] = high > low ? (value - low) / (high - low) : 0.5
  }
  return out
}

const BINS = 512

/**
 * Each node's rank by value among the nodes of its band, from 0 to 1, by a histogram of the band: one pass, no sort.
 * Where all of a band have one value they are at 0.5; an impossible node is at 0, and one without a value has none, NaN.
 */
export function shades(tree: GrowingTree, values: ArrayLike<number>, out: Float64Array): Float64Array {
  const bands = tree.maxDepth + 1
  const low = new Float64Array(bands).fill(Infinity)
  const high = new Float64Array(bands).fill(-Infinity)
  for (let i = 0; i < tree.size; i++) {
    const v = values[i]
    const d = tree.depth[i]
    if (!Number.isFinite(v)) continue
    if (v < low[d]) low[d] = v
    if (v > high[d]) high[d] = v
  }
  const bin = (i: number) => {
    const d = tree.depth[i]
    return Math.min(BINS - 1, Math.floor(((values[i] - low[d]) / (high[d] - low[d])) * BINS))
  }
  const below = Array.from({ length: bands }, () => new Float64Array(BINS))
  const total = new Float64Array(bands)
  for (let i = 0; i < tree.size; i++) {
    const d = tree.depth[i]
    if (!Number.isFinite(values[i]) || !(high[d] > low[d])) continue
    below[d][bin(i)]++
    total[d]++
  }
  for (const band of below) {
    let before = 0
    for (let b = 0; b < BINS; b++) {
      const n = band[b]
      // The middle rank of those that share a bin.
      band[b] = before + n / 2
      before += n
    }
  }
  for (let i = 0; i < tree.size; i++) {
    const d = tree.depth[i]
    if (Number.isNaN(values[i])) out[i] = Number.NaN
    else if (!Number.isFinite(values[i])) out[i] = values[i] > 0 ? 1 : 0
    else if (!(high[d] > low[d])) out[i] = 0.5
    else out[i] = below[d][bin(i)] / total[d]
  }
  return out
}

/**
 * Leaves are bars, so that their reward is not told by colour alone: from 0.15 for the lowest of the tree to 1 for the
 * best. All other nodes fill their band.
 */
export function heights(tree: GrowingTree, out: Float64Array): Float64Array {
  let low = Infinity
  let high = Number.NEGATIVE_INFINITY
  for (const leaf of tree.leaves) {
    const value = tree.reward[leaf]
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  out.fill(1, 0, tree.size)
  for (const leaf of tree.leaves) {
    const value = tree.reward[leaf]
    if (!Number.isFinite(value)) out[leaf] = value > 0 ? 1 : 0.05
    else out[leaf] = high > low ? 0.15 + 0.85 * ((value - low) / (high - low)) : 0.5
  }
  return out
}

/** The node under a point: the deepest cell of the band there, or the heaviest of what is narrower than a pixel. */
export function nodeAt(
  tree: GrowingTree,
  layout: Layout,
  band: number,
  at: number,
  tolerance: number,
): number | undefined {
  let found: number | undefined
  for (let i = 0; i < layout.size; i++) {
    if (tree.depth[i] !== band || !tree.has(i)) continue
    const left = layout.x[i]
    const right = left + layout.width[i]
    if (at >= left && at < right) return i
    if (right < at - tolerance || left > at + tolerance) continue
    if (found === undefined || layout.width[i] > layout.width[found]) found = i
  }
  return found
}
