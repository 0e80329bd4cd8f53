import type { GrowingTree } from './growing-tree.ts'
import type { Layout } from './layout.ts'

/** The part of [0, 1] that is shown. */
export interface View {
  readonly from: number
  readonly to: number
}

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
  /** Mean and largest shade (see {@link shades}) of those nodes. */
  readonly mean: number
  readonly max: number
}

export interface Band {
  readonly cells: readonly Cell[]
  readonly slivers: readonly Sliver[]
}

/**
 * What is drawn of a tree on `pixels` columns: nodes of at least one pixel as cells, the rest summed up by band and
 * column, so that the drawing is bounded by the pixels and not by the nodes. Each node that the view meets is in exactly
 * one cell or one sliver of its band; a node of no width (one that no read-out reaches) counts where it stands.
 *
 * @param shade a number from 0 to 1 by node
 */
export function detail(
  tree: GrowingTree,
  layout: Layout,
  view: View,
  pixels: number,
  shade: ArrayLike<number>,
): Band[] {
  const bands = Array.from({ length: tree.maxDepth + 1 }, () => ({ cells: [] as Cell[], slivers: [] as Sliver[] }))
  const columns = Math.max(1, Math.floor(pixels))
  const count = Array.from(bands, () => new Int32Array(columns))
  const sum = Array.from(bands, () => new Float64Array(columns))
  const max = Array.from(bands, () => new Float64Array(columns))
  const scale = columns / (view.to - view.from)
  const { x, width, size } = layout
  for (let i = 0; i < size; i++) {
    const left = (x[i] - view.from) * scale
    const wide = width[i] * scale
    if (left >= columns || left + wide < 0 || (wide > 0 && left + wide === 0)) continue
    const band = tree.depth[i]
    if (wide >= 1) {
      bands[band].cells.push({ node: i, x: left, width: wide })
      continue
    }
    const column = Math.min(columns - 1, Math.max(0, Math.floor(left + wide / 2)))
    count[band][column]++
    sum[band][column] += shade[i]
    if (shade[i] > max[band][column]) max[band][column] = shade[i]
  }
  bands.forEach((band, b) => {
    for (let c = 0; c < columns; c++) {
      const n = count[b][c]
      if (n === 0) continue
      const mean = sum[b][c] / n
      const last = band.slivers.at(-1)
      // Runs of the same shade are one rectangle.
      if (last && last.to === c && level(last.mean) === level(mean) && level(last.max) === level(max[b][c])) {
        const total = last.count + n
        band.slivers[band.slivers.length - 1] = {
          ...{ from: last.from, to: c + 1, count: total, max: Math.max(last.max, max[b][c]) },
          mean: (last.mean * last.count + mean * n) / total,
        }
      } else band.slivers.push({ from: c, to: c + 1, count: n, mean, max: max[b][c] })
    }
  })
  return bands
}

/** Shades are drawn in 64 steps. */
function level(shade: number): number {
  return Math.min(63, Math.floor(shade * 64))
}

const BINS = 512

/**
 * Each node's rank by value among the nodes of its band, from 0 to 1, by a histogram of the band: one pass, no sort.
 * Nodes without a value are at 0, and so are bands of one value at 0.5.
 */
export function shades(tree: GrowingTree, values: ArrayLike<number>, out: Float64Array): Float64Array {
  const bands = tree.maxDepth + 1
  const low = new Float64Array(bands).fill(Infinity)
  const high = new Float64Array(bands).fill(-Infinity)
  for (let i = 0; i < tree.size; i++) {
    const [v, d] = [values[i], tree.depth[i]]
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
    if (!Number.isFinite(values[i])) out[i] = 0
    else if (!(high[d] > low[d])) out[i] = 0.5
    else out[i] = below[d][bin(i)] / total[d]
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
    if (tree.depth[i] !== band) continue
    const [left, right] = [layout.x[i], layout.x[i] + layout.width[i]]
    if (at >= left && at < right) return i
    if (right < at - tolerance || left > at + tolerance) continue
    if (found === undefined || layout.width[i] > layout.width[found]) found = i
  }
  return found
}
