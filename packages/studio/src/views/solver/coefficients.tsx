import type { Plan } from 'espalier/solve'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { number } from '../../format.ts'
import { dashes, inks } from '../../run/line-styles.ts'
import { theme } from '../../theme.ts'

/** Lines that can be told apart. */
const MOST = inks.light.length

interface Line {
  readonly label: string
  /** By step; null where there is no such coefficient. */
  readonly values: readonly (number | null)[]
}

/** How much each kept thing counts in the end of each step: the table as lines. */
export function Coefficients({ plan }: { plan: Plan }) {
  const place = useRef<HTMLDivElement>(null)
  const lines = linesOf(plan)
  const shown = lines.slice(0, MOST)
  const now = theme.value
  useEffect(() => {
    const element = place.current
    if (!element) return
    const style = getComputedStyle(element)
    const grid = { stroke: style.getPropertyValue('--line').trim(), width: 1 }
    const axis = {
      stroke: style.getPropertyValue('--text').trim(),
      grid,
      ticks: grid,
      font: '11px system-ui, sans-serif',
    }
    const steps = lastStages(plan).map(({ step }) => step + 1)
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: element.clientHeight,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [
          { ...axis, size: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200] },
          { ...axis, size: 54, values: (_, splits) => splits.map((v) => number(v)) },
        ],
        series: [
          { label: 'Step' },
          ...shown.map(({ label }, i) => ({
            label,
            stroke: inks[now][i],
            dash: [...dashes[i]],
            width: 2,
            points: { show: steps.length < 2 },
            spanGaps: false,
          })),
        ],
      },
      [steps, ...shown.map(({ values }) => [...values])],
      element,
    )
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: element.clientHeight }),
    )
    observer.observe(element)
    return () => {
      observer.disconnect()
      chart.destroy()
    }
  }, [plan, now])
  return (
    <section class="panel coefficients" aria-labelledby="coefficients">
      <h2 id="coefficients">Coefficients over the steps</h2>
      <figure>
        <div
          ref={place}
          class="plot"
          role="img"
          aria-label={`Coefficients over the steps, as the table below has them: ${shown.map(({ label }) => label).join(', ')}`}
        />
        <figcaption>
          {shown.map(({ label }, i) => (
            <span key={label} class="key">
              <svg width="28" height="8" aria-hidden="true">
                <line
                  x1="0"
                  x2="28"
                  y1="4"
                  y2="4"
                  stroke={inks[now][i]}
                  stroke-width="2"
                  stroke-dasharray={dashes[i].join(' ')}
                />
              </svg>
              {label}
            </span>
          ))}
          {plan.stages.length > shown[0]?.values.length && <span class="quiet">of the last stage of each step</span>}
          {lines.length > MOST && <span class="quiet">and {lines.length - MOST} older ones, in the table</span>}
        </figcaption>
      </figure>
    </section>
  )
}

/** The stage that ends each step; those before it, of predictors and of Runge-Kutta, stand in the table. */
function lastStages({ stages }: Plan) {
  return stages.filter(({ step }, i) => stages[i + 1]?.step !== step)
}

/** Newest first, states before predictions, then the noise where there is some. */
function linesOf(plan: Plan): Line[] {
  const stages = lastStages(plan)
  const longest = (name: 'states' | 'predictions') => Math.max(...stages.map((stage) => stage[name].length))
  const age = (j: number) => (j === 0 ? 'newest' : j === 1 ? 'one before' : `${j} before`)
  const of = (name: 'states' | 'predictions', what: string): Line[] =>
    Array.from({ length: longest(name) }, (_, j) => ({
      label: `${what}, ${age(j)}`,
      values: stages.map((stage) => stage[name][j] ?? null),
    })).filter(({ values }) => values.some((value) => value !== null && value !== 0))
  const noise = stages.map((stage) => stage.noise)
  return [
    ...of('states', 'State'),
    ...of('predictions', 'Prediction'),
    ...(noise.some((value) => value !== 0) ? [{ label: 'Noise', values: noise }] : []),
  ]
}
