import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { number, whole } from '../format.ts'
import { theme } from '../theme.ts'
import { dashes, inks, markerPath } from './line-styles.ts'
import { axisEnd, type Series, valueAt } from './lines.ts'

/** Pixels between two markers of a line. */
const BETWEEN_MARKERS = 90
/** Pixels of a letter of an axis, and beside its texts. */
const LETTER = 6.5
const BESIDE = 14

/** Every line at the NFE of all lines, as uPlot takes them; a line stays level between its points. */
export function joined(lines: readonly Series[]): uPlot.AlignedData {
  const tables = [
    ...lines.map(({ nfe, value }) => [[...nfe], [...value]] as uPlot.AlignedData),
    ...lines.flatMap(({ nfe, band }) => (band ? [[[...nfe], [...band.high], [...band.low]] as uPlot.AlignedData] : [])),
  ]
  if (tables.length === 0) return [[]]
  return uPlot.join(tables)
}

export interface Axes {
  readonly log: boolean
  readonly until: number
  moment(): number | undefined
}

export function chartOf(element: HTMLElement, lines: readonly Series[], { log, until, moment }: Axes): uPlot {
  const style = getComputedStyle(element)
  const text = style.getPropertyValue('--text').trim()
  const surface = style.getPropertyValue('--surface').trim()
  const grid = { stroke: style.getPropertyValue('--line').trim(), width: 1 }
  const stepped = uPlot.paths.stepped?.({ align: 1 })
  const font = '11px system-ui, sans-serif'
  const axis = { stroke: text, grid, ticks: { ...grid, size: 4 }, font, labelFont: font, labelSize: 16, labelGap: 0 }
  const ink = (i: number) => inks[theme.peek()][lines[i].style]
  const banded = lines.filter(({ band }) => band)
  /** Of the upper edge of band k; the lower one follows it. */
  const edge = (k: number) => 1 + lines.length + 2 * k
  return new uPlot(
    {
      width: element.clientWidth || 300,
      height: element.clientHeight || 180,
      legend: { show: false },
      // The last text of the axis below stands half beyond its end.
      padding: [8, (chart) => BESIDE + (LETTER / 2) * whole(chart.scales.x.max ?? 0).length, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: {
          time: false,
          distr: log ? 3 : 1,
          range: (_, low, high) => {
            const end = axisEnd(until, high ?? 0)
            return log ? [Math.min(Math.max(1, low ?? 1), end / 2), end] : [0, end]
          },
        },
        y: {
          range: (chart, low, high) => {
            if (low == null || high == null) return [0, 1]
            const [least, most] = within(chart.data.slice(1, 1 + lines.length), low, high)
            return uPlot.rangeNum(least, most, 0.1, true)
          },
        },
      },
      axes: [
        {
          ...axis,
          size: 26,
          space: (_, __, ___, most) => BESIDE + LETTER * whole(most).length,
          label: 'network evaluations (NFE)',
          values: (_, at) => at.map((v) => (v ? whole(v) : v === 0 ? '0' : '')),
        },
        {
          ...axis,
          size: (_, texts) => BESIDE + LETTER * Math.max(5, ...(texts ?? []).map(({ length }) => length)),
          label: 'best reward',
          values: (_, at) => at.map((v) => number(v)),
        },
      ],
      series: [
        { label: 'NFE' },
        ...lines.map((line, i) => ({
          label: line.label,
          stroke: ink(i),
          dash: [...dashes[line.style]],
          width: 2,
          paths: stepped,
          points: { show: false },
          spanGaps: true,
        })),
        ...banded.flatMap(({ label }) =>
          ['highest', 'lowest'].map((end) => ({
            label: `${label}, ${end}`,
            width: 0,
            paths: stepped,
            points: { show: false },
            spanGaps: true,
          })),
        ),
      ],
      bands: banded.map(({ style }, k) => ({ series: [edge(k), edge(k) + 1], fill: `${inks[theme.peek()][style]}2e` })),
      hooks: {
        drawSeries: [
          (chart, series) => {
            if (series <= lines.length) drawMarkers(chart, series, lines[series - 1].style, ink(series - 1))
          },
        ],
        draw: [(chart) => drawMoment(chart, moment(), lines, text, surface)],
      },
    },
    [[]],
    element,
  )
}

/** As much of a range as the lines need, and at most as much again on either side: bands of two seeds are wide. */
function within(lines: readonly ArrayLike<number | null | undefined>[], low: number, high: number): [number, number] {
  let [least, most] = [Infinity, -Infinity]
  for (const line of lines) {
    for (let i = 0; i < line.length; i++) {
      const value = line[i]
      if (value == null) continue
      least = Math.min(least, value)
      most = Math.max(most, value)
    }
  }
  const room = most - least
  return room > 0 ? [Math.max(low, least - room), Math.min(high, most + room)] : [low, high]
}

/** Marks a line at even distances, so that it is told apart without its colour. */
function drawMarkers(chart: uPlot, series: number, style: number, ink: string): void {
  const { ctx } = chart
  const [xs, ys] = [chart.data[0], chart.data[series]]
  if (!ys) return
  const ratio = uPlot.pxRatio
  ctx.save()
  ctx.fillStyle = ink
  // Lines are marked at places of their own, so that marks do not cover each other.
  let next = chart.bbox.left + ratio * (BETWEEN_MARKERS / 2 + 17 * (series - 1))
  let marked = false
  let value: number | undefined
  // Behind its last point there is no line.
  let last = ys.length - 1
  while (last > 0 && ys[last] == null) last--
  for (let i = 0; i <= last; i++) {
    const here = chart.valToPos(xs[i], 'x', true)
    for (; value !== undefined && next < here; next += ratio * BETWEEN_MARKERS) {
      ctx.fill(new Path2D(markerPath(style, next, chart.valToPos(value, 'y', true), ratio * 0.9)))
      marked = true
    }
    while (next < here) next += ratio * BETWEEN_MARKERS
    value = ys[i] ?? value
  }
  // A line too short for any, as one that is a point, is marked at its end.
  if (!marked && value !== undefined) {
    const end = chart.valToPos(xs[last], 'x', true)
    ctx.fill(new Path2D(markerPath(style, end, chart.valToPos(value, 'y', true), ratio * 0.9)))
  }
  ctx.restore()
}

/** A rule at the moment that is shown, and how high the first line is there. */
function drawMoment(
  chart: uPlot,
  nfe: number | undefined,
  lines: readonly Series[],
  ink: string,
  surface: string,
): void {
  if (nfe === undefined) return
  const { ctx, bbox } = chart
  const x = chart.valToPos(Math.max(nfe, chart.scales.x.min ?? 0), 'x', true)
  const ratio = uPlot.pxRatio
  ctx.save()
  ctx.strokeStyle = ink
  ctx.lineWidth = 1.5 * ratio
  ctx.setLineDash([])
  ctx.beginPath()
  ctx.moveTo(x, bbox.top)
  ctx.lineTo(x, bbox.top + bbox.height)
  ctx.stroke()
  const value = lines[0] && valueAt({ nfe: [...chart.data[0]], value: filled(chart.data[1]) }, nfe)
  if (value !== undefined && Number.isFinite(value)) {
    ctx.fillStyle = ink
    ctx.strokeStyle = surface
    ctx.beginPath()
    ctx.arc(x, chart.valToPos(value, 'y', true), 5 * ratio, 0, 2 * Math.PI)
    ctx.fill()
    ctx.stroke()
  }
  ctx.restore()
}

/** A step line at every place of the axis. */
function filled(values: ArrayLike<number | null | undefined> | undefined): number[] {
  let last = Number.NaN
  return Array.from(values ?? [], (value) => {
    last = value ?? last
    return last
  })
}
