import type { Results } from 'espalier/measure'
import { allHigher, higher } from '../support/searches.ts'
import { type Finding, show } from '../support/verdict.ts'
import type { Goal } from './goals.ts'
import { bestOfN, dtsStar, metrics, narrow } from './names.ts'
import { shareToReach } from './share.ts'

/** The parts of the claim, goal by goal, as far as the seeds show them. */
export function findings(results: Results, goals: readonly Goal[]): Finding[] {
  return goals.flatMap(({ setting, runs, truth }) => {
    const metric = truth ? metrics.truth : metrics.found
    const budgetsOf = (name: string) => runs.find(({ method }) => method.name === name)?.budgets ?? []
    const names = runs.map(({ method }) => method.name)
    const budget = Math.max(...budgetsOf(narrow))
    const at = (method: string, of: string = metric, nfe: number = budget) => ({
      ...{ method, setting, metric: of, budget: nfe },
    })
    const trees = names.filter((name) => name === dtsStar || name === narrow)
    const published = names.filter((name) => ![bestOfN, ...trees].includes(name) && !name.includes('ours'))
    const about = `${setting}, ${metric} at ${budget} NFE`

    const fivefold = (method: string): Finding => {
      const curve = budgetsOf(method).map((nfe) => ({
        budget: nfe,
        values: results.values(method, at(method, metric, nfe)),
      }))
      const { mean, low, high } = shareToReach(curve, {
        budget,
        values: results.values(bestOfN, at(bestOfN)),
      })
      const share = `${show(mean)} [${show(low)}, ${show(high)}]`
      const text = mean < 1 ? `gets as far as best-of-N with ${share} of its NFE` : 'does not get as far as best-of-N'
      return { holds: high <= 0.2, about, text: `${method} ${text}` }
    }
    const against = (tree: string): Finding => {
      const told = published.map((name) => ({ name, ...higher(results, at(tree), at(name)) }))
      const those = (sign: number) => told.filter((c) => c.sign === sign).map(({ name }) => name)
      const parts = [
        ['higher than', those(1)],
        ['not told apart from', those(0)],
        ['lower than', those(-1)],
      ] as const
      const list = parts.filter(([, all]) => all.length > 0).map(([how, all]) => `${how} ${all.join(', ')}`)
      return { holds: those(1).length === published.length, about, text: `${tree} is ${list.join('; ')}` }
    }
    const natural = (tree: string): Finding => {
      const { sign, text, about: where } = higher(results, at(tree, metrics.sure), at(bestOfN, metrics.sure))
      return { holds: sign >= 0, about: where, text }
    }
    return [
      allHigher(results, trees, at(''), at(bestOfN)),
      ...trees.map(against),
      ...trees.map(fivefold),
      ...trees.map(natural),
    ]
  })
}
