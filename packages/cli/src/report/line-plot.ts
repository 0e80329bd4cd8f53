/** Lines with 95% bands: reward against NFE, error against NFE. */

import * as Plot from '@observablehq/plot'
import { compact, drawFramed, type FrameOptions, fontSize, isNarrow, palette, symbols } from './frame.ts'

/** One point of a line; `low` and `high` bound its 95% band. */
export interface PlotPoint {
  readonly x: number
  readonly y: number
  readonly low?: number
  readonly high?: number
  /** A marker that is not filled: a point that says less than the others. */
  readonly hollow?: boolean
}

export interface PlotSeries {
  readonly name: string
  readonly points: readonly PlotPoint[]
  /** Dashed, for controls and references. */
  readonly dashed?: boolean
}

export interface PlotAxis {
  readonly label: string
  /** Logarithmic. Every value must then be positive; a band that reaches 0 is cut at the bottom of the frame. */
  readonly log?: boolean
}

export interface LinePlotOptions extends FrameOptions {
  readonly x: PlotAxis
  readonly y: PlotAxis
  readonly series: readonly PlotSeries[]
  /** Horizontal lines with a name, such as a floor or an exact value. */
  readonly references?: readonly { readonly y: number; readonly label: string }[]
  /** Points to be ringed, on a dotted staircase from each to the next one on the right: a Pareto front. */
  readonly front?: readonly { readonly x: number; readonly y: number }[]
  /** `step`: the value holds until the next point, as a best-so-far does. Default `line`. */
  readonly curve?: 'line' | 'step'
}

/**
 * Draws lines with markers and 95% bands.
 *
 * @returns a standalone SVG document
 * @throws if there is nothing to draw, or a value is not finite, or not positive on a logarithmic axis
 */
export function linePlot(options: LinePlotOptions): string {
  checkSeries(options)
  const { series, x, y, references = [], front = [] } = options
  const narrow = isNarrow(options)
  const paper = options.background === 'none' ? 'none' : 'white'
  const curve = options.curve === 'step' ? 'step-after' : 'linear'
  const floor = y.log ? smallest(options) : Number.NEGATIVE_INFINITY
  const places = series.flatMap((s) => s.points.map((p) => p.x))
  const ticksX = ticks(x, places, narrow ? 4 : 7)
  const ticksY = ticks(y, [...references.map((r) => r.y), ...series.flatMap((s) => extent(s, floor))], 6)
  // Names stand at the ends of their lines where there is room, else in a legend.
  const longest = Math.max(...series.map((s) => s.name.length))
  const marginRight = narrow ? 14 : Math.min((options.width ?? 720) / 3, longest * fontSize * 0.68 + 20)

  return drawFramed({
    options,
    xLabel: x.label,
    yLabel: y.label,
    marginRight,
    legend: narrow ? series.map(({ name }, index) => ({ name, index })) : [],
    plot: {
      x: { type: x.log ? 'log' : 'linear', nice: !x.log, label: null },
      y: { type: y.log ? 'log' : 'linear', nice: !y.log, label: null },
      symbol: { type: 'identity' } as Plot.ScaleOptions,
      marks: [
        Plot.gridY({ stroke: 'currentColor', strokeOpacity: 0.12, ticks: ticksY }),
        Plot.axisX({ label: null, tickSize: 5, ticks: ticksX, text: compact }),
        Plot.axisY({ label: null, tickSize: 0, ticks: ticksY, text: compact }),
        ...references.map((reference) =>
          Plot.ruleY([reference.y], { stroke: 'currentColor', strokeOpacity: 0.55, strokeDasharray: '2,4' }),
        ),
        ...series.map((s, i) => band(s, i, curve, floor)),
        ...series.flatMap((s, i) => line(s, i, curve, paper)),
        ...frontMarks(front, Math.max(...places)),
      ],
    },
    annotate(canvas) {
      for (const { y: value, label } of references) {
        canvas.text(label, { x: 70, y: canvas.y(value) - 5, 'font-size': 11, 'fill-opacity': 0.72 })
      }
      if (narrow) return
      const ends = series.map((s, index) => ({ index, y: canvas.y(s.points[s.points.length - 1].y) }))
      for (const end of spread(ends, fontSize + 4)) {
        canvas.text(series[end.index].name, {
          x: canvas.width - marginRight + 12,
          y: end.y + fontSize * 0.36,
          fill: palette[end.index % palette.length],
          'font-weight': 'bold',
        })
      }
    },
  })
}

function checkSeries({ series, x, y }: LinePlotOptions): void {
  if (series.length === 0) throw new Error('linePlot: no series were given, at least one is needed')
  for (const s of series) {
    if (s.points.length === 0) throw new Error(`linePlot: series "${s.name}" has no points`)
    for (const point of s.points) {
      if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) {
        throw new Error(`linePlot: series "${s.name}" has the point (${point.x}, ${point.y}); both must be finite`)
      }
      if ((x.log && point.x <= 0) || (y.log && point.y <= 0)) {
        throw new Error(`linePlot: series "${s.name}" has (${point.x}, ${point.y}) on a logarithmic axis`)
      }
    }
  }
}

/** Rings, and a staircase that goes on to the right edge: what was reached stays within reach. */
function frontMarks(front: NonNullable<LinePlotOptions['front']>, end: number): Plot.Markish[] {
  if (front.length === 0) return []
  const sorted = [...front].sort((p, q) => p.x - q.x)
  const last = { x: end, y: sorted[sorted.length - 1].y }
  const shared = { x: 'x', y: 'y', stroke: 'currentColor', ariaLabel: () => 'front' }
  const dots = { strokeDasharray: '0.1,4.5', strokeLinecap: 'round', strokeWidth: 1.8 } as const
  return [
    Plot.lineY([...sorted, last], { ...shared, ...dots, curve: 'step-after' }),
    Plot.dot(sorted, { ...shared, r: 7.5, strokeWidth: 1.6 }),
  ]
}

type Curve = 'linear' | 'step-after'

function band(series: PlotSeries, index: number, curve: Curve, floor: number): Plot.Markish {
  const points = series.points.filter((p) => Number.isFinite(p.low) && Number.isFinite(p.high))
  return Plot.areaY(points, {
    x: 'x',
    y1: (p: PlotPoint) => Math.max(p.low!, floor),
    y2: 'high',
    fill: palette[index % palette.length],
    fillOpacity: 0.15,
    curve,
  })
}

function line(series: PlotSeries, index: number, curve: Curve, paper: string): Plot.Markish[] {
  const colour = palette[index % palette.length]
  const strokeDasharray = series.dashed ? '6,4' : undefined
  const marks = [
    Plot.lineY(series.points, { x: 'x', y: 'y', stroke: colour, strokeWidth: 2.2, strokeDasharray, curve }),
  ]
  // Markers stand where something was measured; the corners of a staircase are no measurements.
  if (curve === 'step-after' || series.points.length > 40) return marks
  const marker = { x: 'x', y: 'y', r: 3.4, symbol: symbols[index % symbols.length] } as const
  const [hollow, full] = [series.points.filter((p) => p.hollow), series.points.filter((p) => !p.hollow)]
  return [
    ...marks,
    ...(full.length > 0 ? [Plot.dot(full, { ...marker, fill: colour })] : []),
    ...(hollow.length > 0 ? [Plot.dot(hollow, { ...marker, fill: paper, stroke: colour, strokeWidth: 1.8 })] : []),
  ]
}

/** Plot's own choice on a linear axis; on a logarithmic one as many of 1, 2, 5 per decade as stay legible. */
function ticks(axis: PlotAxis, values: readonly number[], count: number): number | number[] {
  if (!axis.log) return count
  const low = Math.min(...values)
  const high = Math.max(...values)
  const decades = Math.log10(high / low)
  const steps = decades < 0.9 ? [1, 1.5, 2, 3, 4, 5, 7] : decades < count / 2 ? [1, 2, 5] : [1]
  const chosen: number[] = []
  for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k++) {
    for (const step of steps) {
      const tick = Number(`${step}e${k}`)
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) chosen.push(tick)
    }
  }
  return chosen.length > 0 ? chosen : [low]
}

function extent(series: PlotSeries, floor: number): number[] {
  return series.points.flatMap((p) => [p.y, Math.max(p.low ?? p.y, floor), p.high ?? p.y]).filter(Number.isFinite)
}

function smallest({ series }: LinePlotOptions): number {
  const bounds = series.flatMap((s) => s.points.flatMap((p) => [p.y, p.low ?? p.y]))
  return Math.min(...bounds.filter((value) => value > 0))
}

/** Moves labels apart vertically until no two are nearer than `gap`, keeping their order. */
function spread<T extends { y: number }>(labels: readonly T[], gap: number): T[] {
  const sorted = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y)
  for (let pass = 0; pass < 50; pass++) {
    for (let i = 1; i < sorted.length; i++) {
      const overlap = gap - (sorted[i].y - sorted[i - 1].y)
      if (overlap <= 0) continue
      sorted[i].y += overlap / 2
      sorted[i - 1].y -= overlap / 2
    }
  }
  return sorted
}
