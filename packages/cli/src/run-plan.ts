/** `espalier plan`: solver tables as files, as text, and what can be computed from them. */

import { writeFileAtomic } from 'espalier/node'
import { type Process, parseProcess, vpCosine } from 'espalier/process'
import type { NetworkCard } from 'espalier/runtime'
import {
  type Analysis,
  analyse,
  type Order,
  orderOf,
  type Plan,
  planSchema,
  type Solver,
  stabilityRegion,
  stepsOf,
} from 'espalier/solve'
import { asUserError, UserError } from './errors.ts'
import { formatNumber, regionPlot, type Table, tableToText } from './report/index.ts'
import { namedSampler, readPlan, resolved, type SamplerSettings } from './sampler.ts'
import { zooModels } from './zoo.ts'

export interface PlanSettings extends SamplerSettings {
  /** A process as JSON, or only its type, for solvers by name. */
  readonly process?: string
}

interface Chosen {
  readonly plan: Plan
  readonly process: Process
  /** What made the plan, where it was named. */
  readonly solver?: Solver
}

/** Prints a table, and saves it where that is wanted. */
export async function showPlan(settings: PlanSettings, out: { save?: string; json: boolean }): Promise<void> {
  const { plan } = await choose(settings)
  const text = `${JSON.stringify(plan, null, 2)}\n`
  if (out.save !== undefined) await save(out.save, text, '--save')
  process.stdout.write(out.json ? text : `${describe(plan)}\n\n${tableToText(tableOf(plan))}\n`)
}

/** Prints what follows from a table: its order conditions, its stability, what it does to Gaussian data. */
export async function analysePlan(settings: PlanSettings, out: { plot?: string; json: boolean }): Promise<void> {
  const { plan, process: model, solver } = await choose(settings)
  await asUserError('plan analyse', async () => {
    const analysis = analyse(plan, model)
    const order = solver && !analysis.stochastic ? orderOf(solver, { process: model }) : undefined
    if (out.plot !== undefined) await save(out.plot, stabilityPlot(plan, model, analysis), '--plot')
    process.stdout.write(out.json ? `${JSON.stringify({ ...analysis, solverOrder: order })}\n` : tell(analysis, order))
  })
}

export function printPlanSchema(): void {
  process.stdout.write(`${JSON.stringify(planSchema(), null, 2)}\n`)
}

function save(file: string, text: string, option: string): Promise<void> {
  return asUserError(`${option} ${file}`, () => writeFileAtomic(file, text))
}

async function choose(settings: PlanSettings): Promise<Chosen> {
  const { plan: file, solver: name, grid: gridName } = resolved(settings)
  if (file !== undefined) {
    const plan = await readPlan(file)
    return { plan, process: processOf(plan, settings.process) }
  }
  const { solver, grid, steps } = namedSampler(settings)
  const model = settings.process === undefined ? vpCosine() : processFrom(settings.process)
  return asUserError(`--solver ${name} --grid ${gridName}`, () => ({
    plan: solver(model, grid(model, steps)),
    process: model,
    solver,
  }))
}

/** `vp-linear`, or `{ "type": "vp-linear", "b0": 0.1, "b1": 20 }`. */
function processFrom(text: string): Process {
  try {
    return parseProcess(text.trim().startsWith('{') ? JSON.parse(text) : { type: text })
  } catch (error) {
    throw new UserError(`--process ${text}: ${(error as Error).message}`)
  }
}

/** The process that a table was made for: the one given, or one of those that Espalier and its zoo have by default. */
function processOf(plan: Plan, given: string | undefined): Process {
  if (given !== undefined) {
    const found = processFrom(given)
    if (found.name === plan.process) return found
    throw new UserError(`--process ${given} is ${found.name}; the plan is for ${plan.process}`)
  }
  const types = ['vp-linear', 'vp-cosine', 'vp-scaled-linear', 'sub-vp', 've', 'edm', 'flow', 'mean-reverting']
  const zoo = zooModels().flatMap(({ card }) => (card.type === 'network' ? [(card as NetworkCard).process] : []))
  const known = [...types.map((type) => ({ type })), { type: 'residual-shifting' }, ...zoo].map((spec) =>
    parseProcess(spec),
  )
  const found = known.find(({ name }) => name === plan.process)
  if (found) return found
  throw new UserError(`the plan is for the process ${plan.process}; say which that is with --process`)
}

function describe(plan: Plan): string {
  return `${plan.name} on ${plan.process}, ${plan.target} prediction, ${stepsOf(plan)} steps`
}

function tableOf({ grid, stages }: Plan): Table {
  const list = (values: readonly number[]) => values.map((v) => formatNumber(v, 5)).join(' ')
  return {
    columns: [
      { name: 'step', right: true },
      { name: 'from', right: true },
      { name: 'to', right: true },
      { name: 'asks at', right: true },
      { name: 'asked state' },
      { name: 'states, newest first' },
      { name: 'predictions, newest first' },
      { name: 'noise', right: true },
    ],
    rows: stages.map(({ step, time, ask, states, predictions, noise }) => [
      String(step + 1),
      formatNumber(grid[step], 4),
      formatNumber(grid[step + 1], 4),
      time === null ? '' : formatNumber(time, 4),
      time === null
        ? ''
        : `${`${ask.states}` === '1' && ask.predictions.length === 0 ? 'here' : `${list(ask.states)} | ${list(ask.predictions)}`}`,
      list(states),
      list(predictions),
      noise === 0 ? '' : formatNumber(noise, 5),
    ]),
  }
}

function tell(analysis: Analysis, order: Order | undefined): string {
  const { order: conditions, stability, memory, moments } = analysis
  const lines = [
    `${analysis.name} on ${analysis.process}: ${analysis.target} prediction, ${analysis.steps} steps, ${analysis.nfe} NFE`,
    `remembers ${memory.states} older states and ${memory.predictions} predictions`,
  ]
  if (order) {
    const capped = order.effective < order.steady ? `; ${order.effective} from its own first and last steps` : ''
    lines.push(`order ${order.steady} on fine grids${capped}`)
  }
  if (conditions) {
    const worst = new Map<number, number>()
    for (const { order: of, defect } of conditions.conditions) {
      worst.set(of, Math.max(worst.get(of) ?? 0, Math.abs(defect)))
    }
    const defects = [...worst].map(([of, defect]) => `${of}: ${formatNumber(defect, 3)}`).join(', ')
    lines.push(
      `order ${conditions.apparent} at step ${conditions.step + 1} on this grid; largest relative error of its terms, by order:`,
      `  ${defects}`,
    )
    if (conditions.degrees) {
      const { rho, lambda, time } = conditions.degrees
      lines.push(
        `exact for predictions that are polynomials of degree ${rho} in rho, ${lambda} in lambda, ${time} in t`,
      )
    }
  } else if (analysis.stochastic) lines.push('stochastic: it has no order conditions')
  if (stability) {
    const { limit, step } = stability
    const reach = limit === null ? 'everywhere' : limit === 0 ? 'nowhere' : `down to z = -${formatNumber(limit, 4)}`
    lines.push(`stable on the negative real axis: ${reach} (step ${step + 1})`)
  }
  const last = moments.times.length - 1
  lines.push(
    `data N(${moments.data.mean}, ${moments.data.std}^2): ends with mean ${formatNumber(moments.mean[last], 5)} ` +
      `(exact ${formatNumber(moments.exact.mean[last], 5)}) and variance ${formatNumber(moments.variance[last], 5)} ` +
      `(exact ${formatNumber(moments.exact.variance[last], 5)})`,
  )
  return `${lines.join('\n')}\n`
}

function stabilityPlot(plan: Plan, model: Process, { stability, name }: Analysis): string {
  if (!stability) throw new UserError('a plan that starts every step from a = 0 has no stability region')
  const reach = Math.min(20, stability.limit || 8)
  const box = { re: [-1.3 * reach, 0.5 * reach], im: [-1.4 * reach, 1.4 * reach], points: [121, 121] } as const
  const { re, im, radius } = stabilityRegion(plan, model, box, stability.step)
  return regionPlot({
    title: `Stability region of ${name}`,
    subtitle: `step ${stability.step + 1} of ${stepsOf(plan)}: where errors do not grow on y' = L y, z = L times the step in rho`,
    level: 1 + 1e-6,
    regions: [{ name, re, im, values: radius }],
  })
}
