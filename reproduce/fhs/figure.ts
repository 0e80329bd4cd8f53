import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult, ReproductionRow } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import { type TextWorldName, textWorldNames } from '../support/text.ts'
import {
  cooled,
  data,
  faulty,
  inBatches,
  inCalls,
  metrics,
  names,
  noises,
  predicted,
  stepsOf,
  temperatures,
  ways,
} from './names.ts'
import { plans } from './plan.ts'

const titles: Readonly<Record<TextWorldName, string>> = { kjv: 'King James Bible', words: 'English words' }

/** Of each world: the two numbers against steps, in one plane, samplers of few calls, and what sampling costs. */
export function figures(result: ReproductionResult): Files {
  const of = (world: TextWorldName) => {
    const table = new Table(result, world)
    return {
      [`${world}-steps`]: againstSteps(table, metrics.perplexity, 'generative perplexity against steps'),
      [`${world}-steps-entropy`]: againstSteps(table, metrics.entropy, 'unigram entropy against steps'),
      [`${world}-plane`]: faultPlane(table),
      [`${world}-samplers`]: samplerPlane(table),
      [`${world}-calls`]: againstCalls(table, metrics.beyond, 'loss beyond the temperature curve'),
      [`${world}-perplexity`]: againstCalls(table, metrics.perplexity, 'generative perplexity in few calls'),
      [`${world}-valid`]: againstCalls(table, metrics.valid, 'words that exist, in few calls'),
      [`${world}-cost`]: cost(table),
    }
  }
  return figureFiles(Object.assign({}, ...textWorldNames.map(of)))
}

class Table {
  readonly world: TextWorldName
  readonly title: string
  readonly note: string
  readonly #rows: readonly ReproductionRow[]

  constructor({ table, seeds }: ReproductionResult, world: TextWorldName) {
    this.world = world
    this.title = titles[world]
    this.note = `mean and 95%, ${seeds.length} seeds`
    this.#rows = table.filter(({ setting }) => setting === world || setting.startsWith(`${world}, `))
  }

  /** Rows of a method and metric, where the setting is one of those, or any. */
  of(method: string, metric: string, settings?: readonly string[]): readonly ReproductionRow[] {
    return this.#rows.filter(
      (row) => row.method === method && row.metric === metric && (settings?.includes(row.setting) ?? true),
    )
  }

  one(method: string, metric: string, setting: string): ReproductionRow | undefined {
    return this.of(method, metric, [setting])[0]
  }
}

const drawn = <S extends { readonly points: readonly unknown[] }>(series: readonly S[]) =>
  series.filter(({ points }) => points.length > 0)

function againstSteps(table: Table, metric: string, what: string): string | undefined {
  const line = (name: string, method: string, dashed = false) => ({
    ...{ name, dashed },
    points: table
      .of(method, metric)
      .filter((row) => stepsOf(row) > 0)
      .map((row) => ({ x: stepsOf(row), y: row.mean, low: row.low, high: row.high })),
  })
  const series = drawn([
    line('exact draws', names.ancestral),
    ...noises.flatMap((noise) => [
      line(noise.name, faulty(noise)),
      line(`${noise.name}, closed form`, predicted(noise), true),
    ]),
  ])
  if (series.length < 2) return undefined
  const longest = Math.max(...plans.filter(({ world }) => world === table.world).map(({ length }) => length))
  const exact = table.one(names.exact, metric, inCalls(table.world, longest))
  return linePlot({
    ...{ title: `${table.title}: ${what}`, subtitle: `The ancestral sampler; ${table.note}`, series },
    x: { label: 'steps N', log: true },
    y: { label: metric === metrics.entropy ? 'nats' : metric, log: metric !== metrics.entropy },
    references: exact ? [{ y: exact.mean, label: `first hitting, ${longest} calls` }] : [],
  })
}

/** Where a method lies in the plane of both numbers, in the order of its settings. */
function places(table: Table, method: string, settings?: readonly string[]) {
  return table.of(method, metrics.perplexity, settings).flatMap(({ mean, setting }) => {
    const entropy = table.one(method, metrics.entropy, setting)
    return entropy ? [{ x: entropy.mean, y: mean }] : []
  })
}

function curve(table: Table, calls: number) {
  return {
    name: `first hitting, T = 1 to ${Math.min(...temperatures)}`,
    points: [1, ...[...temperatures].reverse()].flatMap((t) => places(table, cooled(t), [inCalls(table.world, calls)])),
  }
}

const plane = {
  x: { label: 'unigram entropy, nats' },
  y: { label: metrics.perplexity, log: true },
  height: 480,
} as const

function faultPlane(table: Table): string | undefined {
  const { world } = table
  const most = Math.max(...plans.filter((plan) => plan.world === world).map(({ length }) => length))
  const series = drawn([
    curve(table, most),
    ...noises.map((noise) => ({ name: noise.name, points: places(table, faulty(noise)) })),
    ...noises.map((noise) => ({
      name: `${noise.name}, closed form`,
      points: places(table, predicted(noise)),
      dashed: true,
    })),
    { name: names.data, points: places(table, names.data, [data(world)]) },
  ])
  if (series.length < 3) return undefined
  return linePlot({
    ...{ title: `${table.title}: bad Gumbels beside a lower temperature`, series, ...plane },
    subtitle: 'More steps lead to the left; means of the seeds',
  })
}

const samplers = [
  names.exact,
  names.extrapolated,
  names.corrected,
  names.ancestral,
  names.leaping,
  names.rk2,
  names.trapezoidal,
  names.remasking,
  names.confident,
]

function samplerPlane(table: Table): string | undefined {
  const { world } = table
  const plan = plans.find((p) => p.world === world)
  if (!plan) return undefined
  const few = plan.calls.slice(0, -1)
  const series = drawn([
    { ...curve(table, plan.length), dashed: true },
    ...samplers.map((name) => ({
      name,
      points: places(
        table,
        name,
        few.map((n) => inCalls(world, n)),
      ),
    })),
    { name: names.data, points: places(table, names.data, [data(world)]) },
  ])
  if (series.length < 3) return undefined
  return linePlot({
    ...{ title: `${table.title}: samplers of ${few.join(', ')} calls`, series, ...plane },
    subtitle: 'Fewer calls lie higher; the dashed line is the exact sampler; means of the seeds',
  })
}

function againstCalls(table: Table, metric: string, what: string): string | undefined {
  const { world } = table
  const plan = plans.find((p) => p.world === world)
  const settings = plan?.calls.map((n) => inCalls(world, n))
  const series = drawn(
    samplers.map((name) => ({
      name,
      points: table.of(name, metric, settings).map(({ setting, mean, low, high }) => ({
        x: table.one(name, metrics.nfe, setting)?.mean ?? Number.NaN,
        ...{ y: mean, low, high },
      })),
    })),
  )
  if (series.length === 0) return undefined
  const real = metric === metrics.beyond ? undefined : table.one(names.data, metric, data(world))
  return linePlot({
    ...{ title: `${table.title}: ${what}`, subtitle: table.note[0].toUpperCase() + table.note.slice(1), series },
    x: { label: metrics.nfe, log: true },
    y: { label: metric === metrics.beyond ? 'nats a token' : metric, log: metric === metrics.perplexity },
    references: [
      ...(real ? [{ y: real.mean, label: names.data }] : []),
      ...(metric === metrics.beyond ? [{ y: 0, label: 'first hitting in as many calls, at the same entropy' }] : []),
    ],
  })
}

/** The ways, short enough to stand at the end of a line. */
const short: Readonly<Record<string, string>> = {
  [ways.published]: 'V Gumbels, no cache',
  [ways.cached]: 'V Gumbels, batch cache',
  [ways.ours]: 'exact draws, row cache',
}

function cost(table: Table): string | undefined {
  const { world } = table
  const series = drawn(
    [1, 16].flatMap((batch) =>
      Object.values(ways).map((way) => ({
        name: `${short[way]} (${batch})`,
        dashed: batch > 1,
        points: table
          .of(way, metrics.cpu)
          .flatMap((row) =>
            [16, 64, 256, 1024, 4096].flatMap((n) =>
              row.setting === inBatches(world, n, batch) ? [{ x: n, y: row.mean, low: row.low, high: row.high }] : [],
            ),
          ),
      })),
    ),
  )
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title: `${table.title}: what the ancestral sampler costs`, series, width: 820 },
    subtitle: `CPU time over that of first hitting, with the batch in brackets; ${table.note}`,
    x: { label: 'steps N', log: true },
    y: { label: metrics.cpu, log: true },
    references: [{ y: 1, label: 'first hitting' }],
  })
}
