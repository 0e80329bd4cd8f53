import { download } from '../../download.ts'
import type { SolverSheet } from '../../engine/analysis.ts'
import { number } from '../../format.ts'
import { BundlePlot } from './bundle.tsx'
import { Coefficients } from './coefficients.tsx'
import { Region } from './region.tsx'

/** A defect below this is rounding. */
const NOTHING = 1e-6

/** All that follows from a table, and the table. */
export function Sheet({ sheet }: { sheet: SolverSheet }) {
  const { plan } = sheet
  return (
    <div class="sheet">
      <div class="column">
        <Facts sheet={sheet} />
        <Conditions sheet={sheet} />
      </div>
      <Region sheet={sheet} />
      <BundlePlot plan={plan} />
      <Coefficients plan={plan} />
      <Stages sheet={sheet} />
    </div>
  )
}

function Facts({ sheet: { analysis, order } }: { sheet: SolverSheet }) {
  const { order: here, stability, memory, moments } = analysis
  const last = moments.times.length - 1
  return (
    <section class="panel" aria-labelledby="facts">
      <h2 id="facts">What follows from the table</h2>
      <dl>
        <Fact name="Network calls">{`${analysis.nfe} in ${analysis.steps} steps`}</Fact>
        <Fact name="Predicts">{analysis.target}</Fact>
        <Fact name="Remembers">{`${counted(memory.predictions, 'prediction')}, ${counted(memory.states, 'older state')}`}</Fact>
        <Fact name="Noise">{analysis.stochastic ? 'drawn: it has no order conditions' : 'none'}</Fact>
        {order && (
          <Fact name="Order">
            {order.effective < order.steady
              ? `${order.steady} on fine grids; ${order.effective} from its own first and last steps`
              : `${order.steady} on fine grids`}
          </Fact>
        )}
        {here && <Fact name="Order here">{`${here.apparent} at step ${here.step + 1} on this grid`}</Fact>}
        {here?.degrees && (
          <Fact name="Exact for">
            {`predictions of degree ${here.degrees.rho} in ρ, ${here.degrees.lambda} in λ, ${here.degrees.time} in t`}
          </Fact>
        )}
        {stability && (
          <Fact name="Stable">
            {stability.limit === null
              ? 'on all of the negative axis'
              : stability.limit === 0
                ? 'nowhere on the negative axis'
                : `down to z = ${number(-stability.limit)}`}
          </Fact>
        )}
        <Fact name="Data">{`Gaussian, mean ${moments.data.mean}, standard deviation ${moments.data.std}`}</Fact>
        <Fact name="Mean">{`${number(moments.mean[last])}, exact ${number(moments.exact.mean[last])}`}</Fact>
        <Fact name="Variance">{`${number(moments.variance[last])}, exact ${number(moments.exact.variance[last])}`}</Fact>
      </dl>
    </section>
  )
}

function Conditions({ sheet: { analysis } }: { sheet: SolverSheet }) {
  const { order } = analysis
  return (
    <section class="panel" aria-labelledby="conditions">
      <h2 id="conditions">Order conditions</h2>
      {order ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <section class="scroll" tabIndex={0} aria-label="Table of order conditions">
          <table>
            <caption>Relative error of the term of each rooted tree, at step {order.step + 1}</caption>
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
                  <td>{number(Math.abs(defect) < NOTHING ? 0 : defect)}</td>
                  <td>{Math.abs(defect) < NOTHING ? '✓ yes' : '✗ no'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : (
        <p class="quiet">
          {analysis.stochastic
            ? 'The table draws noise: it has none.'
            : 'Every step starts without signal: there are none.'}
        </p>
      )}
    </section>
  )
}

function Stages({ sheet: { plan } }: { sheet: SolverSheet }) {
  const list = (values: readonly number[]) => values.map(number).join('  ')
  return (
    <section class="panel wide" aria-labelledby="table">
      <div class="bar">
        <h2 id="table">The table</h2>
        <button type="button" onClick={() => download('plan.json', JSON.stringify(plan, null, 2))}>
          Download JSON
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
              <th scope="col">Asked state</th>
              <th scope="col">States, newest first</th>
              <th scope="col">Predictions, newest first</th>
              <th scope="col">Noise</th>
            </tr>
          </thead>
          <tbody>
            {plan.stages.map(({ step, time, ask, states, predictions, noise }, i) => (
              <tr key={`${step} ${i}`}>
                <th scope="row">{step + 1}</th>
                <td>{number(plan.grid[step])}</td>
                <td>{number(plan.grid[step + 1])}</td>
                <td>{time === null ? 'nothing' : number(time)}</td>
                <td>
                  {time === null
                    ? '–'
                    : `${ask.states}` === '1' && ask.predictions.length === 0
                      ? 'here'
                      : `${list(ask.states)} | ${list(ask.predictions)}`}
                </td>
                <td>{list(states)}</td>
                <td>{list(predictions)}</td>
                <td>{noise === 0 ? 'none' : number(noise)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
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

function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
