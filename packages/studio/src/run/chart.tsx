import { useSignalEffect } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type uPlot from 'uplot'
import { number, whole } from '../format.ts'
import { note, route } from '../route.ts'
import { theme } from '../theme.ts'
import { dashes, inks, markerPath } from './line-styles.ts'
import { axisEnd, decimated, type Series } from './lines.ts'
import { chartOf, joined } from './plot.ts'

export type { Series } from './lines.ts'

/** Rows of a line in the table. */
const ROWS = 200

export interface ChartProps {
  readonly title: string
  /** What the lines are, in a sentence. */
  readonly caption: string
  /** Where the axis ends when all is there. */
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
  const last = axisEnd(until, Math.max(0, ...lines.map(({ nfe }) => nfe.at(-1) ?? 0)))
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
