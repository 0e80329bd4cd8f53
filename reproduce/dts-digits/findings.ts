/** What the seeds show of the claim, and the share of a rival's evaluations that a tree needs to do as well. */

import type { Results, Where } from '../support/results.ts'
import { type Finding, lower, show } from '../support/verdict.ts'
import { metrics } from './measure.ts'
import { type Method, names } from './methods.ts'
import type { Task } from './world.ts'

export interface Point {
  readonly nfe: number
  readonly value: number
}

/**
 * Where a curve first comes down to a value, between its points on straight lines of the logarithms.
 * @param curve by increasing NFE
 * @returns NFE, or undefined where it never does; the first point's where that is low enough already
 */
export function reaches(curve: readonly Point[], value: number): number | undefined {
  for (const [i, point] of curve.entries()) {
    if (point.value > value) continue
    if (i === 0) return point.nfe
    const before = curve[i - 1]
    const share = Math.log(before.value / value) / Math.log(before.value / point.value)
    return before.nfe * (point.nfe / before.nfe) ** share
  }
  return undefined
}

interface Comparisons {
  readonly tasks: readonly Task[]
  readonly methods: readonly Method[]
  budgetsOf(method: Method): readonly number[]
}

export function findings(results: Results, { tasks, methods, budgetsOf }: Comparisons): Finding[] {
  const metric = metrics.posterior
  const curve = ({ setting }: Task, method: Method): Point[] =>
    budgetsOf(method).map((nfe) => ({ nfe, value: results.at(method.name, { setting, metric, budget: nfe }).mean }))
  const least = (task: Task, method: Method) =>
    curve(task, method).reduce((best, point) => (point.value < best.value ? point : best))
  const found: Finding[] = []
  for (const task of tasks) {
    const { setting } = task
    const rivals = methods.filter(({ kind }) => kind === 'rival')
    const best = rivals.reduce((a, b) => (least(task, b).value < least(task, a).value ? b : a))
    const control = methods.find(({ name }) => name === names.importance) as Method
    const about = `${setting}, ${metric}`
    for (const tree of methods.filter(({ kind }) => kind === 'tree')) {
      const budget = Math.max(...budgetsOf(tree))
      const where: Where = { setting, metric, budget }
      for (const rival of [best, control]) {
        const { nfe, value } = least(task, rival)
        found.push({ ...lower(results, tree.name, rival.name, where, nfe), about })
        if (rival !== best) continue
        const needed = reaches(curve(task, tree), value)
        const most = needed === budgetsOf(tree)[0] ? 'at most ' : ''
        found.push({
          about,
          holds: needed !== undefined && needed < nfe,
          text:
            needed === undefined
              ? `it does not come to the ${show(value)} of ${rival.name}`
              : `it comes to the ${show(value)} of ${rival.name} with ${most}${show(needed / nfe)} of its NFE`,
        })
      }
    }
  }
  return found
}
