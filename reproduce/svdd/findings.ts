import type { Results } from 'espalier/measure'
import { type Comparison, higher } from '../support/searches.ts'
import type { Finding } from '../support/verdict.ts'
import { budgetOf, type Goal } from './goals.ts'
import { metrics, names } from './names.ts'

/** The parts of the claim, goal by goal, as far as the seeds show them. */
export function findings(results: Results, goals: readonly Goal[]): Finding[] {
  return goals.flatMap((goal) => {
    const { setting, runs } = goal
    const of = (name: string) => runs.find(({ method }) => method.name === name)?.of ?? []
    const at = (method: string, m: number, metric: string = metrics.median) => ({
      ...{ method, setting, metric, budget: budgetOf(goal, m) },
    })
    const most = Math.max(...of(names.svdd))
    const model = at(names.bestOfN, 1)
    const compare = (a: string, b: string, metric?: string) => higher(results, at(a, most, metric), at(b, most, metric))
    const is = (comparison: Comparison, ...signs: readonly number[]): Finding => ({
      ...comparison,
      holds: signs.includes(comparison.sign),
    })
    const rising = of(names.svdd).map((m, i, all) => ({
      m,
      comparison: higher(results, at(names.svdd, m), i === 0 ? model : at(names.svdd, all[i - 1])),
    }))
    const steps = rising.filter(({ comparison }) => comparison.sign > 0).map(({ m }) => m)
    return [
      is(compare(names.svdd, names.bestOfN), 1),
      is(compare(names.bestOfN, names.smc), 0, 1),
      higher(results, at(names.smc, most), model),
      {
        holds: steps.length === rising.length,
        about: `${setting}, candidates of SVDD`,
        text: `the median is higher than one step of M before at M = ${steps.join(', ') || 'none'} of ${rising.map(({ m }) => m).join(', ')}`,
      },
      is(compare(names.smc, names.svdd, metrics.spread), -1),
      is(compare(names.smc, names.bestOfN, metrics.spread), -1),
      is(compare(names.replacing, names.svdd), 1),
      is(compare(names.replacing, names.svdd, metrics.spread), -1),
      ...(of(names.dps).length > 0 ? [higher(results, at(names.svdd, most), at(names.dps, 1))] : []),
      ...of(names.learned).map((m) => is(higher(results, at(names.svdd, m), at(names.learned, m)), 0, 1)),
    ]
  })
}
