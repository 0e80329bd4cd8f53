import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult, ReproductionRow } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import {
  bestOf,
  cooled,
  type EnergyName,
  edlm,
  exactly,
  inCalls,
  metrics,
  names,
  released,
  resampled,
  settings,
  temperatures,
  windowed,
} from './names.ts'
import { plan } from './plan.ts'

const { calls } = plan
const [most] = calls.slice(-1)
const drafts = [2, 4, 8, 16]

/** Perplexity and entropy over calls, in one plane, at equal cost, over drafts, and the law that can be summed over. */
export function figures(result: ReproductionResult): Files {
  const table = new Table(result)
  return figureFiles({
    figure: againstCalls(table, metrics.perplexity, 'Generative perplexity over network calls'),
    entropy: againstCalls(table, metrics.entropy, 'Unigram entropy over network calls'),
    'equal-entropy': againstCalls(table, metrics.beyond, 'Loss beside MDLM in as many calls at the same entropy'),
    plane: plane(table),
    cost: againstCost(table, metrics.perplexity, 'Generative perplexity over all network rows'),
    'cost-entropy': againstCost(table, metrics.entropy, 'Unigram entropy over all network rows'),
    'cost-equal-entropy': againstCost(table, metrics.beyondBest, 'Loss beside MDLM in 64 calls at the same entropy'),
    drafts: againstDrafts(table),
    exact: exactLaw(table),
  })
}

class Table {
  readonly note: string
  readonly #rows: readonly ReproductionRow[]

  constructor({ table, seeds }: ReproductionResult) {
    this.note = `mean and 95%, ${seeds.length} seeds`
    this.#rows = table
  }

  one(method: string, metric: string, setting: string): ReproductionRow | undefined {
    return this.#rows.find((row) => row.method === method && row.metric === metric && row.setting === setting)
  }

  /** A line over x, where both are measured. */
  line(name: string, at: readonly { method: string; setting: string; x?: number }[], y: string, dashed = false) {
    const points = at.flatMap(({ method, setting, x }) => {
      const row = this.one(method, y, setting)
      const across = x ?? this.one(method, metrics.rows, setting)?.mean
      return row && across !== undefined ? [{ x: across, y: row.mean, low: row.low, high: row.high }] : []
    })
    return { name, points, dashed }
  }
}

const drawn = <S extends { readonly points: readonly unknown[] }>(series: readonly S[]) =>
  series.filter(({ points }) => points.length > 0)

const overCalls = (method: string) => calls.map((n) => ({ method, setting: inCalls(n), x: n }))
const overRows = (method: string) => calls.map((n) => ({ method, setting: inCalls(n) }))

const lines: readonly { readonly name: string; readonly method: string; readonly dashed?: boolean }[] = [
  { name: names.mdlm, method: names.mdlm },
  { name: 'AR, k = 4', method: edlm('ar', 4) },
  { name: 'AR, k = 8', method: edlm('ar', 8) },
  { name: 'coAR, k = 8', method: edlm('coAr', 8) },
  { name: 'NCE, k = 8', method: edlm('nce', 8) },
  { name: 'AR, k = 2, w = 0.2', method: windowed(2), dashed: true },
  { name: 'AR, k = 8, released sign', method: released(8), dashed: true },
]

function yOf(metric: string) {
  const nats = metric === metrics.entropy ? 'nats' : 'nats a token'
  return { label: metric === metrics.perplexity ? metric : nats, log: metric === metrics.perplexity }
}

function referencesOf(table: Table, metric: string) {
  if (metric === metrics.beyond) return [{ y: 0, label: 'MDLM in as many calls, at a temperature' }]
  if (metric === metrics.beyondBest) return [{ y: 0, label: `MDLM in ${most} calls, at a temperature` }]
  const real = table.one(names.data, metric, settings.data)
  return real ? [{ y: real.mean, label: names.data }] : []
}

function againstCalls(table: Table, metric: string, title: string): string | undefined {
  const series = drawn(lines.map(({ name, method, dashed }) => table.line(name, overCalls(method), metric, dashed)))
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title, subtitle: `King James Bible, first hitting; ${table.note}`, series, width: 820, height: 460 },
    x: { label: 'calls of the denoiser for 64 tokens', log: true },
    y: yOf(metric),
    references: referencesOf(table, metric),
  })
}

function againstCost(table: Table, metric: string, title: string): string | undefined {
  const pools = (of: (m: number) => string) =>
    plan.pools.flatMap(({ calls }) => drafts.map((m) => ({ method: of(m), setting: inCalls(calls), m })))
  const chosen = (name: string, of: (m: number) => string, calls: number) =>
    table.line(
      `${name}, ${calls} calls`,
      pools(of).filter(({ setting }) => setting === inCalls(calls)),
      metric,
      true,
    )
  const weighed = (n: number) =>
    table.line(
      `EDLM-AR, ${n} calls`,
      [names.mdlm, ...drafts.map((k) => edlm('ar', k))].map((method) => ({ method, setting: inCalls(n) })),
      metric,
    )
  const series = drawn([
    table.line(names.mdlm, overRows(names.mdlm), metric),
    weighed(8),
    weighed(16),
    chosen('best of m', bestOf, 8),
    chosen('best of m', bestOf, 16),
    chosen('1 of m by importance', resampled, 8),
    table.line(names.autoregressive, [{ method: names.autoregressive, setting: settings.leftToRight }], metric),
  ])
  if (series.length < 2) return undefined
  return linePlot({
    ...{ title, subtitle: `Rows of the denoiser and of the energy; ${table.note}`, series, width: 860, height: 480 },
    x: { label: metrics.rows, log: true },
    y: yOf(metric),
    references: referencesOf(table, metric),
  })
}

function plane(table: Table): string | undefined {
  const at = (method: string, setting: string) => {
    const [x, y] = [metrics.entropy, metrics.perplexity].map((metric) => table.one(method, metric, setting))
    return x && y ? [{ x: x.mean, y: y.mean }] : []
  }
  const cooling = (n: number) => ({
    ...{ name: `MDLM, ${n} calls, T = 1 to 0.7`, dashed: true },
    points: [1, ...[...temperatures].reverse()].flatMap((t) => at(cooled(t), inCalls(n))),
  })
  const drafting = (energy: EnergyName, n: number) => ({
    name: `${edlm(energy, 0).replace(', k = 0', '')}, ${n} calls`,
    points: [names.mdlm, ...drafts.map((k) => edlm(energy, k))].flatMap((method) => at(method, inCalls(n))),
  })
  const series = drawn([
    cooling(8),
    cooling(most),
    drafting('ar', 8),
    drafting('ar', 16),
    {
      name: 'best of m, 8 calls',
      points: [names.mdlm, ...drafts.map(bestOf)].flatMap((method) => at(method, inCalls(8))),
    },
    { name: names.autoregressive, points: at(names.autoregressive, settings.leftToRight) },
    { name: names.data, points: at(names.data, settings.data) },
  ])
  if (series.length < 3) return undefined
  return linePlot({
    ...{ title: 'A lower temperature goes to the left, drafts go down', series, width: 860, height: 520 },
    subtitle: 'More drafts or sequences lie lower; means of the seeds',
    x: { label: 'unigram entropy, nats' },
    y: { label: metrics.perplexity, log: true },
  })
}

function againstDrafts(table: Table): string | undefined {
  const over = (name: string, of: (k: number) => string, n: number, dashed = false) =>
    table.line(
      `${name}, ${n} calls`,
      [{ method: names.mdlm, k: 1 }, ...drafts.map((k) => ({ method: of(k), k }))].map(({ method, k }) => ({
        ...{ method, setting: inCalls(n), x: k },
      })),
      metrics.perplexity,
      dashed,
    )
  const series = drawn([
    ...calls.map((n) => over('AR', (k) => edlm('ar', k), n)),
    over('NCE', (k) => edlm('nce', k), 8, true),
    over('released sign', released, 8, true),
  ]).filter(({ points }) => points.length > 1)
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title: 'Generative perplexity over drafts of a call', subtitle: `EDLM; ${table.note}`, series, height: 460 },
    x: { label: 'drafts k', log: true },
    y: { label: metrics.perplexity, log: true },
    references: referencesOf(table, metrics.perplexity),
  })
}

function exactLaw(table: Table): string | undefined {
  const over = (name: string, of: (k: number) => string) =>
    table.line(
      name,
      [1, ...drafts].map((k) => ({ method: k === 1 ? exactly.drafts(1) : of(k), setting: settings.exact, x: k })),
      metrics.tv,
    )
  const series = drawn([
    over('exp(-E), the paper', exactly.drafts),
    over('exp(+E), the released code', exactly.released),
  ])
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title: 'The sign of the released code leads away from the law', series },
    subtitle: `Four bits in one step, 4000 draws; ${table.note}`,
    x: { label: 'drafts k', log: true },
    y: { label: 'total variation distance' },
  })
}
