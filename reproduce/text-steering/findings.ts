import type { Results } from 'espalier/measure'
import { shareToReach } from '../dts-star/share.ts'
import { allHigher, higher } from '../support/searches.ts'
import { type Finding, lower, show } from '../support/verdict.ts'
import { exactBudgets, exactSettings } from './exact.ts'
import type { Goal } from './goals.ts'
import { metrics, names } from './names.ts'

/** The parts of the claim, goal by goal, as far as the seeds show them. */
export function findings(results: Results, goals: readonly Goal[], quick: boolean): Finding[] {
  return [
    ...goals.flatMap((goal) => ofGoal(results, goal)),
    ...exactSettings.flatMap((where) => ofWorld(results, where, exactBudgets(where, quick))),
  ]
}

function ofGoal(results: Results, { setting, runs }: Goal): Finding[] {
  const budgetsOf = (name: string) => runs.find(({ method }) => method.name === name)?.budgets ?? []
  const budget = Math.max(...budgetsOf(names.dtsStar))
  const at = (method: string, metric: string = metrics.found) => ({ method, setting, metric, budget })
  const share = (): Finding[] => {
    const budgets = budgetsOf(names.dtsStar)
    if (budgets.length < 2) return []
    const curve = budgets.map((nfe) => ({
      budget: nfe,
      values: results.values(names.dtsStar, { ...at(names.dtsStar), budget: nfe }),
    }))
    const mark = { budget, values: results.values(names.bestOfN, at(names.bestOfN)) }
    const { mean, low, high } = shareToReach(curve, mark)
    const told = `${show(mean)} [${show(low)}, ${show(high)}] of its NFE`
    const text = mean < 1 ? `gets as far as best-of-N with ${told}` : 'does not get as far as best-of-N'
    return [
      { holds: high < 1, about: `${setting}, ${metrics.found} at ${budget} NFE`, text: `${names.dtsStar} ${text}` },
    ]
  }
  return [
    allHigher(results, [names.dtsStar, names.svdd], at(''), at(names.bestOfN)),
    higher(results, at(names.dtsStar), at(names.fk)),
    ...share(),
    higher(results, at(names.dtsStar, metrics.distinct), at(names.fk, metrics.distinct)),
  ]
}

/** A sampler that converges goes on falling; one that does not stands still. */
function ofWorld(results: Results, { setting }: { readonly setting: string }, budgets: readonly number[]): Finding[] {
  if (budgets.length < 2) return []
  const [last, before] = [budgets[budgets.length - 1], budgets[budgets.length - 2]]
  const where = { setting, metric: metrics.distance }
  const falls = (name: string) => {
    const { low, mean } = results.lead(name, name, { ...where, budget: last }, { ...where, budget: before })
    return low > 0 && mean > 0.25 * results.at(name, { ...where, budget: before }).mean
  }
  const biased = [names.fkFew, names.svddSoft, names.svdd]
  const value = (name: string, budget: number) => show(results.at(name, { ...where, budget }).mean)
  const course = (name: string): Finding => ({
    holds: falls(name) !== (biased as readonly string[]).includes(name),
    about: `${where.setting}, ${where.metric}`,
    text: `${name} ${falls(name) ? 'falls' : 'does not fall much'} from ${value(name, before)} at ${before} NFE to ${value(name, last)} at ${last}`,
  })
  return [
    ...[names.dts, ...biased].map(course),
    ...biased.map((name) => lower(results, names.dts, name, { ...where, budget: last })),
  ]
}
