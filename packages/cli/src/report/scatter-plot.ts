/** Points in the plane: samples of a two-dimensional world. */

import * as Plot from '@observablehq/plot'
import { compact, drawFramed, type FrameOptions, innerAspect, palette } from './frame.ts'

export interface ScatterSeries {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface ScatterPlotOptions extends FrameOptions {
  readonly xLabel?: string
  readonly yLabel?: string
  readonly series: readonly ScatterSeries[]
}

/** Draws points, both axes at one scale. @returns a standalone SVG document @throws if there is nothing to draw */
export function scatterPlot(options: ScatterPlotOptions): string {
  const { series } = options
  const points = series.flatMap((s) => s.points)
  if (points.length === 0) throw new Error('scatterPlot: no points were given, at least one is needed')
  const odd = points.find((p) => !Number.isFinite(p.x) || !Number.isFinite(p.y))
  if (odd) throw new Error(`scatterPlot: the point (${odd.x}, ${odd.y}) is not finite`)
  const width = options.width ?? 560
  const size = { ...options, width, height: options.height ?? Math.min(540, width) }
  return drawFramed({
    options: size,
    xLabel: options.xLabel ?? 'x₁',
    yLabel: options.yLabel ?? 'x₂',
    legend: series.length > 1 ? series.map(({ name }, index) => ({ name, index })) : [],
    plot: {
      // The frame's inner size decides the ranges, so that a circle is drawn as a circle.
      ...squareDomains(points, innerAspect(size.width, size.height)),
      marks: [
        Plot.gridX({ stroke: 'currentColor', strokeOpacity: 0.1, ticks: 6 }),
        Plot.gridY({ stroke: 'currentColor', strokeOpacity: 0.1, ticks: 6 }),
        Plot.axisX({ label: null, tickSize: 5, ticks: 6, tickFormat: compact }),
        Plot.axisY({ label: null, tickSize: 0, ticks: 6, tickFormat: compact }),
        ...series.map((s, i) =>
          Plot.dot(s.points, {
            x: 'x',
            y: 'y',
            r: s.points.length > 300 ? 1.8 : 3,
            fill: palette[i % palette.length],
            fillOpacity: s.points.length > 300 ? 0.45 : 0.7,
          }),
        ),
      ],
    },
  })
}

/** Domains that hold all points, with equal units on both axes. @param aspect width over height of the drawing */
function squareDomains(points: readonly { x: number; y: number }[], aspect: number) {
  let [left, right, low, high] = [points[0].x, points[0].x, points[0].y, points[0].y]
  for (const { x, y } of points) {
    left = Math.min(left, x)
    right = Math.max(right, x)
    low = Math.min(low, y)
    high = Math.max(high, y)
  }
  const half = 0.53 * Math.max((right - left) / aspect, high - low, 1e-6)
  const [cx, cy] = [(left + right) / 2, (low + high) / 2]
  return {
    x: { domain: [cx - half * aspect, cx + half * aspect], label: null },
    y: { domain: [cy - half, cy + half], label: null },
  } satisfies Plot.PlotOptions
}
