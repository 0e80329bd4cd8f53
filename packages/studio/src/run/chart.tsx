import { useSignalEffect } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { number, whole } from '../format.ts'
import { note, route } from '../route.ts'
import { theme } from '../theme.ts'
import { dashes, inks, markerPath } from './line-styles.ts'
import { decimated, type Series, valueAt } from './lines.ts'

export type { Series } from './lines.ts'

/** Rows of a line in the table. */
const ROWS = 200
/** Pixels between two markers of a line. */
const BETWEEN_MARKERS = 90
/** Pixels of a letter of an axis, and beside its texts. */
const LETTER = 6.5
const BESIDE = 14

export interface ChartProps {
  readonly title: string
  /** What the lines are, in a sentence. */
  readonly caption: string
  /** Where the axis ends at least. */
  readonly until?: number
  /** More buttons. */
  readonly tools?: ComponentChildren
  series(): readonly Series[]
  /** NFE that a rule is drawn at. */
  moment?(): number | undefined
}

/** Reward against network evaluations; reads `series` and `moment` again whenever a signal in them changes. */
export function Chart({ title, caption, until = 0, tools, series, moment }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<{ chart: uPlot; made: string } | undefined>(undefined)
  const at = useRef<number | undefined>(undefined)
  const [table, setTable] = useState(false)
  const [lines, setLines] = useState<readonly Series[]>([])
  const [thinned, setThinned] = useState('')
  const log = route.value.query.get('x') === 'log'

  const draw = (given: readonly Series[]) => {
    const element = place.current
    if (!element) return
    const made = `${theme.peek()} ${log} ${until} ${given.map(({ label, style, band }) => `${label} ${style} ${band !== undefined}`).join()}`
    if (plot.current?.made !== made) {
      plot.current?.chart.destroy()
      plot.current = { chart: chartOf(element, given, { log, until, moment: () => at.current }), made }
    }
    const all = given.reduce((sum, { nfe }) => sum + nfe.length, 0)
    const seen = visible(given, element.clientWidth, log, until)
    const few = seen.reduce((sum, { nfe }) => sum + nfe.length, 0)
    setThinned(few < all ? `Drawn: ${whole(few)} of ${whole(all)} points, lowest and highest of each column.` : '')
    plot.current.chart.setData(joined(seen))
  }
  useSignalEffect(() => {
    theme.value
    route.value
    const given = series()
    setLines(given)
    draw(given)
  })
  useSignalEffect(() => {
    at.current = moment?.()
    plot.current?.chart.redraw(false)
  })
  useEffect(() => {
    const element = place.current
    if (!element) return
    draw(series())
    const observer = new ResizeObserver(() => {
      plot.current?.chart.setSize({ width: element.clientWidth, height: element.clientHeight })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.current?.chart.destroy()
      plot.current = undefined
    }
  }, [table, log, until])

  return (
    <section class="chart panel" aria-label={title}>
      <div class="bar">
        <h2>{title}</h2>
        <div class="tools">
          {tools}
          {!table && (
            <button type="button" aria-pressed={log} onClick={() => note({ x: log ? undefined : 'log' })}>
              Log NFE
            </button>
          )}
          <button type="button" aria-pressed={table} onClick={() => setTable(!table)}>
            Show as table
          </button>
        </div>
      </div>
      {table ? (
        <LineTable title={title} lines={lines} />
      ) : (
        <figure>
          <div ref={place} class="plot" role="img" aria-label={`${title}: ${inWords(lines)}`} />
          <figcaption>
            {lines.map(({ label, style }) => (
              <Key key={label} label={label} style={style} />
            ))}
            <span class="quiet">
              {caption} {thinned}
            </span>
          </figcaption>
        </figure>
      )}
    </section>
  )
}

function Key({ label, style }: { label: string; style: number }) {
  const ink = inks[theme.value][style]
  return (
    <span class="key">
      <svg width="34" height="12" aria-hidden="true">
        <line x1="0" x2="34" y1="6" y2="6" stroke={ink} stroke-width="2" stroke-dasharray={dashes[style].join(' ')} />
        <path d={markerPath(style, 17, 6)} fill={ink} />
      </svg>
      {label}
    </span>
  )
}

function LineTable({ title, lines }: { title: string; lines: readonly Series[] }) {
  const most = Math.max(0, ...lines.map(({ nfe }) => nfe.length))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="scroll" tabIndex={0} aria-label={`${title}, as a table`}>
      <table>
        {most > ROWS && (
          <caption>
            {ROWS} evenly spaced rows of each line that has more; the download has all of them (up to {whole(most)})
          </caption>
        )}
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col">NFE</th>
            <th scope="col">Best reward</th>
          </tr>
        </thead>
        <tbody>
          {lines.flatMap((line) =>
            spread(line.nfe.length, ROWS).map((i) => (
              <tr key={`${line.label} ${i}`}>
                <td>{line.label}</td>
                <td>{whole(line.nfe[i])}</td>
                <td>{number(line.value[i])}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </section>
  )
}

/** Where the axis begins and ends. */
function reach(lines: readonly Series[], log: boolean, until: number): [number, number] {
  const last = Math.max(1, until, ...lines.map(({ nfe }) => nfe.at(-1) ?? 0))
  if (!log) return [0, last]
  const first = Math.min(last / 2, ...lines.flatMap(({ nfe }) => nfe.slice(0, 1)))
  return [Math.max(1, first), last]
}

function visible(lines: readonly Series[], columns: number, log: boolean, until: number): readonly Series[] {
  const [low, high] = reach(lines, log, until)
  const place = log
    ? (nfe: number) => Math.log(Math.max(nfe, low) / low) / Math.log(high / low)
    : (nfe: number) => nfe / high
  return lines.map((line) => decimated(line, Math.max(1, columns), place))
}

/** Every line at the NFE of all lines, as uPlot takes them; a line stays level between its points. */
function joined(lines: readonly Series[]): uPlot.AlignedData {
  const tables = [
    ...lines.map(({ nfe, value }) => [[...nfe], [...value]] as uPlot.AlignedData),
    ...lines.flatMap(({ nfe, band }) => (band ? [[[...nfe], [...band.high], [...band.low]] as uPlot.AlignedData] : [])),
  ]
  if (tables.length === 0) return [[]]
  return uPlot.join(tables)
}

interface Axes {
  readonly log: boolean
  readonly until: number
  moment(): number | undefined
}

function chartOf(element: HTMLElement, lines: readonly Series[], { log, until, moment }: Axes): uPlot {
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
      padding: [8, 24, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: {
          time: false,
          distr: log ? 3 : 1,
          range: (_, low, high) => {
            const end = Math.max(until, high ?? 1, 1)
            return log ? [Math.min(Math.max(1, low ?? 1), end / 2), end] : [0, end]
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

function inWords(lines: readonly Series[]): string {
  const parts = lines.flatMap(({ label, nfe, value }) =>
    nfe.length > 0
      ? [`${label} ends at ${number(value[value.length - 1])} after ${whole(nfe[nfe.length - 1])} NFE`]
      : [],
  )
  return parts.join('; ') || 'nothing yet'
}

/** At most `most` of n indices, the last among them. */
function spread(n: number, most: number): number[] {
  const count = Math.min(n, most)
  return Array.from({ length: count }, (_, i) => (count === 1 ? 0 : Math.round((i * (n - 1)) / (count - 1))))
}
