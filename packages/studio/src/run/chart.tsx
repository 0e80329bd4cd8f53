import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { number, whole } from '../format.ts'
import { theme } from '../theme.ts'

/** A line of a chart: a step at each point. */
export interface Series {
  readonly label: string
  readonly nfe: readonly number[]
  readonly value: readonly number[]
  /** Which of the colours and dashes. */
  readonly style: number
}

/** Okabe and Ito's colours that have contrast on both surfaces, each with a dash of its own. */
const inks = {
  light: ['#0072b2', '#b34e00', '#007a5a', '#a0407c'],
  dark: ['#56b4e9', '#e69f00', '#2fc79a', '#e08fbd'],
} as const
const dashes = [[], [8, 5], [2, 4], [10, 4, 2, 4]] as const

export interface ChartProps {
  readonly title: string
  /** What the lines are, in a sentence. */
  readonly caption: string
  series(): readonly Series[]
}

/** Reward against network evaluations; reads `series` again whenever a signal in it changes. */
export function Chart({ title, caption, series }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<{ chart: uPlot; made: string } | undefined>(undefined)
  const [table, setTable] = useState(false)
  const [lines, setLines] = useState<readonly Series[]>([])

  const draw = (given: readonly Series[]) => {
    const element = place.current
    if (!element) return
    const made = `${theme.peek()} ${given.map(({ label, style }) => `${label} ${style}`).join()}`
    if (plot.current?.made !== made) {
      plot.current?.chart.destroy()
      plot.current = { chart: chartOf(element, given), made }
    }
    plot.current.chart.setData(joined(given))
  }
  useSignalEffect(() => {
    theme.value
    const given = series()
    setLines(given)
    draw(given)
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
  }, [table])

  return (
    <section class="chart panel" aria-label={title}>
      <div class="bar">
        <h2>{title}</h2>
        <div class="tools">
          <button type="button" aria-pressed={table} onClick={() => setTable(!table)}>
            Show as table
          </button>
        </div>
      </div>
      {table ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <section class="scroll" tabIndex={0} aria-label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Line</th>
                <th scope="col">NFE</th>
                <th scope="col">Best reward</th>
              </tr>
            </thead>
            <tbody>
              {lines.flatMap((line) =>
                thinned(line.nfe.length, 200).map((i) => (
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
      ) : (
        <figure>
          <div ref={place} class="plot" role="img" aria-label={`${title}: ${inWords(lines)}`} />
          <figcaption>
            {lines.map(({ label, style }) => (
              <span key={label} class="key">
                <svg width="28" height="8" aria-hidden="true">
                  <line
                    x1="0"
                    x2="28"
                    y1="4"
                    y2="4"
                    stroke={inks[theme.value][style]}
                    stroke-width="2"
                    stroke-dasharray={dashes[style].join(' ')}
                  />
                </svg>
                {label}
              </span>
            ))}
            <span class="quiet">{caption}</span>
          </figcaption>
        </figure>
      )}
    </section>
  )
}

/** Every line at the NFE of all lines, as uPlot takes them; a line stays level between its points. */
function joined(lines: readonly Series[]): uPlot.AlignedData {
  const tables = lines.map(({ nfe, value }) => [[...nfe], [...value]] as uPlot.AlignedData)
  if (tables.length === 0) return [[]]
  return uPlot.join(tables)
}

function chartOf(element: HTMLElement, lines: readonly Series[]): uPlot {
  const style = getComputedStyle(element)
  const text = style.getPropertyValue('--text').trim()
  const grid = { stroke: style.getPropertyValue('--line').trim(), width: 1 }
  const stepped = uPlot.paths.stepped?.({ align: 1 })
  const axis = { stroke: text, grid, ticks: grid, font: '11px system-ui, sans-serif' }
  return new uPlot(
    {
      width: element.clientWidth || 300,
      height: element.clientHeight || 180,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: false } },
      axes: [
        { ...axis, size: 34, values: (_, splits) => splits.map((v) => whole(v)) },
        { ...axis, size: 54, values: (_, splits) => splits.map((v) => number(v)) },
      ],
      series: [
        { label: 'NFE' },
        ...lines.map((line) => ({
          label: line.label,
          stroke: inks[theme.peek()][line.style],
          dash: [...dashes[line.style]],
          width: 2,
          paths: stepped,
          points: { show: false },
          spanGaps: true,
        })),
      ],
    },
    [[]],
    element,
  )
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
function thinned(n: number, most: number): number[] {
  const count = Math.min(n, most)
  return Array.from({ length: count }, (_, i) => (count === 1 ? 0 : Math.round((i * (n - 1)) / (count - 1))))
}
