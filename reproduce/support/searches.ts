/** What comparisons of searches measure, and what of it is told apart. */

import { jackknife, type SearchMetric } from 'espalier/measure'
import type { SearchResult } from 'espalier/search'
import type { Digits, Judgement } from './digits.ts'
import { spread } from './digits.ts'
import type { Results, Where } from './results.ts'
import { type Finding, show } from './verdict.ts'

type Row = Where & { readonly method: string }

/** A finding, and in which direction the seeds tell the two apart: 1, -1, or 0. */
export interface Comparison extends Finding {
  readonly sign: -1 | 0 | 1
}

/** Whether one row is higher than another, seed by seed, beyond doubt. */
export function higher(results: Results, a: Row, b: Row): Comparison {
  const [left, right] = [results.at(a.method, a), results.at(b.method, b)]
  const { low, high } = results.lead(b.method, a.method, b, a)
  const sign = low > 0 ? 1 : high < 0 ? -1 : 0
  const told = { 1: 'is higher than', 0: 'is not told apart from', [-1]: 'is lower than' }[sign]
  const more = b.budget === a.budget ? '' : ` at ${b.budget} NFE`
  return {
    sign,
    holds: sign > 0,
    about: `${a.setting}, ${a.metric} at ${a.budget} NFE`,
    text: `${a.method} (${show(left.mean)}) ${told} ${b.method}${more} (${show(right.mean)})`,
  }
}

/** Whether each of several methods is higher than one row, in one sentence. */
export function allHigher(results: Results, methods: readonly string[], where: Where, than: Row): Finding {
  const all = methods.map((method) => ({ method, ...higher(results, { ...where, method }, than) }))
  const named = (sign: number) =>
    all.filter((c) => c.sign === sign).map(({ method }) => `${method} (${show(results.at(method, where).mean)})`)
  const told = [
    ['higher', named(1)],
    ['not told apart', named(0)],
    ['lower', named(-1)],
  ] as const
  const list = told.flatMap(([how, names]) => (names.length > 0 ? [`${how} ${names.join(', ')}`] : []))
  const more = than.budget === where.budget ? '' : ` at ${than.budget} NFE`
  const reference = `${than.method}${more} (${show(results.at(than.method, than).mean)})`
  return {
    holds: all.every(({ holds }) => holds),
    about: `${where.setting}, ${where.metric} at ${where.budget} NFE`,
    text: `beside ${reference}: ${list.join(', ')}`,
  }
}

/** What a judge whom no search sees makes of the chosen samples; one row a seed, asked once for all metrics. */
export function judgedBy<X>(
  world: Digits,
  chosen: (result: SearchResult<X>) => Parameters<Digits['judge']>[0][number],
) {
  const asked = new WeakMap<readonly SearchResult<X>[], Promise<Judgement>>()
  return (name: string, of: (judgement: Judgement, task: string) => readonly number[]): SearchMetric<X> => ({
    name,
    async values(results, task) {
      const judgement = asked.get(results) ?? world.judge(results.map(chosen))
      asked.set(results, judgement)
      return of(await judgement, task)
    },
  })
}

/** Spread of the samples of all seeds in the judge's features, as jackknife pseudo-values. */
export function spreads({ features }: Judgement): number[] {
  return jackknife(features.length, (kept) => spread(kept.map((i) => features[i])))
}

/** The share of pairs of samples that are different digits, 0.9 where all ten are alike; as jackknife pseudo-values. */
export function digitPairs({ digit }: Judgement): number[] {
  return jackknife(digit.length, (kept) => {
    const counts = new Map<number, number>()
    for (const i of kept) counts.set(digit[i], (counts.get(digit[i]) ?? 0) + 1)
    const same = [...counts.values()].reduce((sum, n) => sum + n * (n - 1), 0)
    return 1 - same / (kept.length * (kept.length - 1))
  })
}
