import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult, ReproductionRow } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import { type Arm, arms, temperatures } from './arms.ts'
import { exactCalls } from './exact.ts'
import {
  chains,
  data,
  factorOf,
  inCalls,
  isCountdown,
  metrics,
  timeOf,
  toldCalls,
  type WorldName,
  worldNames,
} from './names.ts'
import { plans } from './plan.ts'

const titles: Readonly<Record<WorldName, string>> = {
  words: 'English words, masked',
  'words on a cosine': 'English words, masked, cosine schedule',
  'words-uniform': 'English words, uniform rate',
  kjv: 'King James Bible, masked',
  countdown: 'Countdown, exact model, masked',
  'countdown-uniform': 'Countdown, exact model, uniform rate',
}

/** Of each world: what is drawn in few calls as it comes, at matched entropy, in the plane of both numbers; and the fits. */
export function figures(result: ReproductionResult): Files {
  const files: Record<string, string | undefined> = {}
  for (const world of worldNames) {
    const file = world.replaceAll(' ', '-')
    if (!isCountdown(world)) files[`${file}-plane`] = plane(result, world)
    files[`${file}-factors`] = numbers(result, world, 'factors')
    files[`${file}-times`] = numbers(result, world, 'times')
    if ((planOf(world)?.calls.length ?? 0) < 2) continue
    files[`${file}-errors`] = againstCalls(result, world, metrics.errors, 'rule broken')
    files[`${file}-perplexity`] = againstCalls(result, world, metrics.perplexity, 'generative perplexity')
    files[`${file}-beyond`] = againstCalls(result, world, metrics.beyond, 'loss beyond plain steps at the same entropy')
    // Of characters most words do not exist, whatever the sampler.
    if (world === 'kjv') files[`${file}-valid`] = againstCalls(result, world, metrics.valid, 'words that exist')
  }
  for (const chain of chains) files[chain.replace(', ', '-')] = distances(result, chain)
  return figureFiles(files)
}

const planOf = (world: WorldName) => plans.find((plan) => plan.world === world)

const rowOf = ({ table }: ReproductionResult, method: string, setting: string, metric: string) =>
  table.find((row) => row.method === method && row.setting === setting && row.metric === metric)

const drawn = <S extends { readonly points: readonly unknown[] }>(series: readonly S[]) =>
  series.filter(({ points }) => points.length > 0)

const note = ({ seeds }: ReproductionResult) => `Mean and 95%, ${seeds.length} seeds`

/** As many as a picture can hold, the main ones first; temperatures are the curve, the rest is in the table. */
function shown(methods: readonly string[]): { readonly method: string; readonly dashed: boolean }[] {
  const both = methods.includes(arms.plus('tweedie').method)
  const { plain, jump, lsd, lsdLog, plus, relaxed, apart } = arms
  const solid = [plain, jump, lsd, plus, apart].map((of) => of('euler'))
  const more = both ? [plain, jump].map((of) => of('tweedie')) : [lsdLog('euler'), relaxed('euler')]
  const dashed = [
    ...(both ? [lsd, plus].map((of) => of('tweedie')) : [arms.times('euler', 0.8)]),
    arms.power('euler', 1.2),
  ]
  return [
    ...[...solid, ...more].map(({ method }) => ({ method, dashed: false })),
    ...dashed.map(({ method }) => ({ method, dashed: true })),
  ].filter(({ method }) => methods.includes(method))
}

const methodsOf = (world: WorldName) => (planOf(world)?.arms ?? []).map(({ method }) => method)

function againstCalls(result: ReproductionResult, world: WorldName, metric: string, what: string): string | undefined {
  const calls = planOf(world)?.calls ?? []
  // Streams apart are so far off that nothing else could be told from another.
  const methods = methodsOf(world).filter((name) => metric !== metrics.beyond || name !== arms.apart('euler').method)
  const series = drawn(
    shown(methods).map(({ method, dashed }) => ({
      ...{ name: method, dashed },
      points: calls.flatMap((n) => {
        const row = rowOf(result, method, inCalls(world, n), metric)
        return row ? [{ x: n, y: row.mean, low: row.low, high: row.high }] : []
      }),
    })),
  )
  if (series.length === 0) return undefined
  const real = rowOf(result, data, world, metric)
  return linePlot({
    ...{ title: `${titles[world]}: ${what}`, subtitle: note(result), series, width: 900, height: 520 },
    x: { label: 'network calls, last fill included', log: true },
    y: {
      label: metric === metrics.beyond ? 'nats a token' : metric,
      log: metric === metrics.perplexity || metric === metrics.errors,
    },
    references: [
      ...(real ? [{ y: real.mean, label: isCountdown(world) ? 'the law itself' : data }] : []),
      ...(metric === metrics.beyond ? [{ y: 0, label: 'plain steps' }] : []),
    ],
  })
}

/** Beside the curves: as many as there are colours. */
function besides(world: WorldName): readonly Arm[] {
  const { jump, lsd, plus, relaxed, apart, power } = arms
  return methodsOf(world).includes(arms.plain('tweedie').method) && world !== 'words'
    ? [jump('euler'), lsd('euler'), plus('euler'), jump('tweedie'), lsd('tweedie')]
    : [jump('euler'), lsd('euler'), plus('euler'), relaxed('euler'), apart('euler'), power('euler', 1.2)]
}

/** Some arms at one number of calls: below the curve is a gain. */
function plane(result: ReproductionResult, world: WorldName): string | undefined {
  const setting = inCalls(world, toldCalls)
  const place = (method: string) => {
    const [x, y] = [metrics.entropy, metrics.perplexity].map((metric) => rowOf(result, method, setting, metric))
    return x && y ? [{ x: x.mean, y: y.mean, low: y.low, high: y.high }] : []
  }
  const curve = (kernel: 'euler' | 'tweedie') => ({
    name: `${arms.plain(kernel).method}, T = ${temperatures[0]} to ${temperatures[temperatures.length - 1]}`,
    dashed: true,
    points: [...temperatures, 1]
      .sort((a, b) => a - b)
      .flatMap((t) => place(arms.cooled(kernel, t).method))
      .map(({ x, y }) => ({ x, y })),
  })
  const curves = drawn([curve('euler'), curve('tweedie')]).filter(({ points }) => points.length > 1)
  if (curves.length === 0) return undefined
  const real = rowOf(result, data, world, metrics.perplexity)
  return linePlot({
    ...{ title: `${titles[world]}: ${toldCalls} calls`, width: 900, height: 560 },
    subtitle: 'Below the curve of its own plain steps is a gain',
    series: [...curves, ...drawn(besides(world).map(({ method }) => ({ name: method, points: place(method) })))],
    x: { label: 'unigram entropy, nats' },
    y: { label: metrics.perplexity, log: true },
    references: real ? [{ y: real.mean, label: data }] : [],
  })
}

/** Fitted numbers at 8 calls, step by step. */
function numbers(result: ReproductionResult, world: WorldName, what: 'factors' | 'times'): string | undefined {
  const setting = inCalls(world, toldCalls)
  const methods = methodsOf(world)
  const both = methods.includes(arms.plus('tweedie').method)
  // As many as there are colours: of a masked process the score entropy finds 1, and powers have the times of factors.
  const own = (planOf(world)?.arms ?? []).filter(({ times, factors, metric, variant }) => {
    if (what === 'times') return times !== undefined && (times === 'jump') === (factors === undefined) && !variant
    return factors === 'fitted' && (both ? !variant : !metric)
  })
  const of = what === 'factors' ? factorOf : timeOf
  const points = (method: string) =>
    Array.from({ length: toldCalls }, (_, k) => rowOf(result, method, setting, of(k)))
      .filter((row): row is ReproductionRow => row !== undefined)
      .map(({ mean }, k) => ({ x: k + 1, y: mean }))
  const series = drawn(own.map(({ method }) => ({ name: method, points: points(method) })))
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title: `${titles[world]}: fitted ${what}, ${toldCalls} calls`, subtitle: 'One fit each', series, width: 900 },
    x: { label: 'step' },
    y: { label: what === 'factors' ? 'factor' : 'time' },
    references: what === 'factors' ? [{ y: 1, label: 'plain steps' }] : [],
  })
}

function distances(result: ReproductionResult, chain: string): string | undefined {
  const methods = result.table.filter(({ setting }) => setting.startsWith(chain)).map((row) => row.method)
  const series = drawn(
    shown(methods).map(({ method, dashed }) => ({
      ...{ name: method, dashed },
      points: exactCalls.flatMap((n) => {
        const row = rowOf(result, method, inCalls(chain, n), metrics.tv)
        return row ? [{ x: n, y: row.mean, low: row.low, high: row.high }] : []
      }),
    })),
  )
  if (series.length === 0) return undefined
  return linePlot({
    ...{
      title: `Exact models, ${chain}: distance to the law`,
      subtitle: note(result),
      series,
      width: 900,
      height: 520,
    },
    x: { label: 'network calls, last fill included', log: true },
    y: { label: metrics.tv, log: true },
  })
}
