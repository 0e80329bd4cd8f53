import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { SolverSheet } from '../engine/analysis.ts'
import type { Catalogue } from '../engine/protocol.ts'
import { messageOf, number } from '../format.ts'
import { address, go, note, route } from '../route.ts'
import { workshop } from '../studio.ts'
import { theme } from '../theme.ts'
import { callText, splitCall } from './texts.ts'

const processes = ['vp-cosine', 'vp-linear', 've', 'edm', 'flow']
/** A defect below this is rounding. */
const NOTHING = 1e-6

/** A solver as a table, and what follows from the table. */
export function Solver({ text }: { text: string }) {
  const catalogue = useSignal<Catalogue | undefined>(undefined)
  const sheet = useSignal<SolverSheet | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const { query } = route.value
  const process = query.get('process') ?? 'vp-cosine'
  const steps = query.get('steps') ?? '10'

  useEffect(() => {
    workshop
      .catalogue()
      .then((found) => {
        catalogue.value = found
      })
      .catch((cause: unknown) => {
        error.value = messageOf(cause)
      })
  }, [])
  useEffect(() => {
    let current = true
    workshop.analyse(text, process, 'uniform', Number(steps)).then(
      (found) => {
        if (!current) return
        sheet.value = found
        error.value = undefined
      },
      (cause: unknown) => {
        if (!current) return
        sheet.value = undefined
        error.value = messageOf(cause)
      },
    )
    return () => {
      current = false
    }
  }, [text, process, steps])

  const { name, options } = splitCall(text)
  const entry = catalogue.value?.solvers.find((candidate) => candidate.name === name)
  const show = (next: string) => go(address(['solver', next], Object.fromEntries(query)))
  const found = sheet.value
  return (
    <>
      <h1 tabIndex={-1}>Solver {text}</h1>
      <section class="panel fields" aria-label="Which solver">
        <div>
          <label for="solver-name">Solver</label>
          <select id="solver-name" value={name} onInput={(event) => show(event.currentTarget.value)}>
            {!entry && <option value={name}>{name}</option>}
            {catalogue.value?.solvers.map((candidate) => (
              <option key={candidate.name} value={candidate.name}>
                {candidate.name}: {candidate.about}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="solver-options">Its options, as name=value, …</label>
          <input
            id="solver-options"
            value={options}
            spellcheck={false}
            placeholder={entry?.options.join(', ')}
            onChange={(event) => show(callText(name, event.currentTarget.value))}
          />
        </div>
        <div>
          <label for="solver-process">Process</label>
          <select id="solver-process" value={process} onInput={(event) => note({ process: event.currentTarget.value })}>
            {processes.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="solver-steps">Steps</label>
          <input
            id="solver-steps"
            type="number"
            min="1"
            max="200"
            value={steps}
            onChange={(event) => note({ steps: event.currentTarget.value })}
          />
        </div>
      </section>
      {error.value && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {!found && !error.value && <p class="quiet">Working it out…</p>}
      {found && <Sheet sheet={found} />}
    </>
  )
}

function Sheet({ sheet }: { sheet: SolverSheet }) {
  const { plan, analysis, region } = sheet
  const { order, stability, memory } = analysis
  const list = (values: readonly number[]) => values.map(number).join('  ')
  const download = () => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([JSON.stringify(plan, null, 2)], { type: 'application/json' }))
    link.download = 'plan.json'
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return (
    <div class="sheet">
      <section class="panel" aria-labelledby="facts">
        <h2 id="facts">What follows from the table</h2>
        <dl>
          <Fact name="Network calls">{`${analysis.nfe} in ${analysis.steps} steps`}</Fact>
          <Fact name="Predicts">{analysis.target}</Fact>
          <Fact name="Remembers">{`${memory.predictions} predictions, ${memory.states} older states`}</Fact>
          <Fact name="Noise">{analysis.stochastic ? 'drawn: it has no order conditions' : 'none'}</Fact>
          {sheet.order && <Fact name="Order">{`${sheet.order.steady} on fine grids`}</Fact>}
          {order && <Fact name="Order here">{`${order.apparent} at step ${order.step + 1} on this grid`}</Fact>}
          {stability && (
            <Fact name="Stable">
              {stability.limit === null ? 'on all of the negative axis' : `down to z = ${number(-stability.limit)}`}
            </Fact>
          )}
        </dl>
        {order && (
          <table>
            <caption>Order conditions: relative error of the term of each rooted tree</caption>
            <thead>
              <tr>
                <th scope="col">Tree</th>
                <th scope="col">Order</th>
                <th scope="col">Error</th>
                <th scope="col">Met</th>
              </tr>
            </thead>
            <tbody>
              {order.conditions.map(({ tree, order: of, defect }) => (
                <tr key={tree}>
                  <th scope="row">{tree}</th>
                  <td>{of}</td>
                  <td>{number(Math.abs(defect) < NOTHING ? 0 : Math.abs(defect))}</td>
                  <td>{Math.abs(defect) < NOTHING ? 'exactly' : Math.abs(defect) < 0.5 ? 'to within half' : 'no'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      {region && <Region sheet={sheet} />}
      <section class="panel wide" aria-labelledby="table">
        <div class="bar">
          <h2 id="table">The table</h2>
          <button type="button" onClick={download}>
            Download as JSON
          </button>
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
        <section class="scroll" tabIndex={0} aria-label="Stages of the plan">
          <table class="stages">
            <thead>
              <tr>
                <th scope="col">Step</th>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <th scope="col">Asks at</th>
                <th scope="col">States, newest first</th>
                <th scope="col">Predictions, newest first</th>
                <th scope="col">Noise</th>
              </tr>
            </thead>
            <tbody>
              {plan.stages.map((stage, i) => (
                <tr key={`${stage.step} ${i}`}>
                  <th scope="row">{stage.step + 1}</th>
                  <td>{number(plan.grid[stage.step])}</td>
                  <td>{number(plan.grid[stage.step + 1])}</td>
                  <td>{stage.time === null ? 'nothing' : number(stage.time)}</td>
                  <td>{list(stage.states)}</td>
                  <td>{list(stage.predictions)}</td>
                  <td>{stage.noise === 0 ? 'none' : number(stage.noise)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </section>
    </div>
  )
}

function Fact({ name, children }: { name: string; children: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** Where errors do not grow: the spectral radius of a step on y' = L y, by z = L times the step in rho. */
function Region({ sheet: { region, analysis } }: { sheet: SolverSheet }) {
  const place = useRef<HTMLCanvasElement>(null)
  const now = theme.value
  useEffect(() => {
    const canvas = place.current
    const context = canvas?.getContext('2d')
    if (!canvas || !context || !region) return
    const { re, im, radius } = region
    const style = getComputedStyle(canvas)
    const of = (name: string) => style.getPropertyValue(name).trim()
    const [w, h] = [canvas.width, canvas.height]
    const [dx, dy] = [w / re.length, h / im.length]
    context.clearRect(0, 0, w, h)
    context.fillStyle = of('--accent')
    radius.forEach((row, i) => {
      row.forEach((value, j) => {
        if (value <= 1 + 1e-6) context.fillRect(j * dx, h - (i + 1) * dy, dx + 0.5, dy + 0.5)
      })
    })
    const x = (v: number) => ((v - re[0]) / (re[re.length - 1] - re[0])) * w
    const y = (v: number) => h - ((v - im[0]) / (im[im.length - 1] - im[0])) * h
    context.fillStyle = of('--edge')
    context.fillRect(x(0), 0, 1, h)
    context.fillRect(0, y(0), w, 1)
    context.font = '13px system-ui, sans-serif'
    // Labels stand on plates of the surface: the region may lie under them.
    for (const [text, at, up] of [
      [number(re[0]), 4, y(0) - 8],
      [number(re[re.length - 1]), w - 46, y(0) - 8],
      [`${number(im[im.length - 1])} i`, x(0) + 6, 16],
      [`${number(im[0])} i`, x(0) + 6, h - 8],
    ] as const) {
      context.fillStyle = of('--surface')
      context.fillRect(at - 2, up - 13, context.measureText(text).width + 4, 17)
      context.fillStyle = of('--text')
      context.fillText(text, at, up)
    }
  }, [region, now])
  if (!region) return null
  const { stability } = analysis
  const reach =
    stability?.limit === null ? 'all of the negative real axis' : `z from ${number(-(stability?.limit ?? 0))} to 0`
  return (
    <section class="panel" aria-labelledby="region">
      <h2 id="region">Stability region</h2>
      <canvas
        ref={place}
        class="region"
        width="480"
        height="400"
        role="img"
        aria-label={`Stability region of step ${region.step + 1}: stable on ${reach}`}
      />
      <p class="quiet">Filled: where errors do not grow on y′ = L y, with z = L times the step in ρ.</p>
    </section>
  )
}
