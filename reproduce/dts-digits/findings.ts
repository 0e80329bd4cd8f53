/** What the seeds show of the claim, and the share of a rival's evaluations that a tree needs to do as well. */

import type { Results } from '../support/results.ts'
import { type Finding, show } from '../support/verdict.ts'
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
  readonly budgets: readonly number[]
}

const metric = metrics.posterior

/** The tree as published, at its largest budget, against the best that every other method did with at most as much. */
export function findings(results: Results, { tasks, methods, budgets }: Comparisons): Finding[] {
  const named = (name: string) => methods.find((method) => method.name === name) as Method
  const [tree, control] = [named(names.paper), named(names.importance)]
  const budget = Math.max(...budgets)
  const rivals = methods.filter(({ kind }) => kind === 'rival')
  return tasks.flatMap(({ setting }) => {
    const curve = (method: Method): Point[] =>
      budgets.map((nfe) => ({ nfe, value: results.at(method.name, { setting, metric, budget: nfe }).mean }))
    const least = (method: Method) => curve(method).reduce((best, point) => (point.value < best.value ? point : best))
    const about = `${setting}, ${metric}`
    const compared = [...rivals, control].map((method) => {
      const { nfe, value } = least(method)
      const { low, high } = results.lead(
        tree.name,
        method.name,
        { setting, metric, budget },
        { setting, metric, budget: nfe },
      )
      const sign = low > 0 ? 'lower than' : high < 0 ? 'higher than' : 'not told apart from'
      return { method, sign, nfe, value, text: `${method.name} (${show(value)} at ${nfe})` }
    })
    const groups = (['lower than', 'not told apart from', 'higher than'] as const).flatMap((sign): Finding[] => {
      const own = compared.filter((one) => one.sign === sign)
      if (own.length === 0) return []
      const subject = `${tree.name} (${show(results.at(tree.name, { setting, metric, budget }).mean)} at ${budget} NFE)`
      return [
        {
          about,
          holds: sign === 'lower than',
          text: `${subject} is ${sign} ${own.map(({ text }) => text).join(', ')}`,
        },
      ]
    })
    const best = compared.slice(0, rivals.length).reduce((a, b) => (b.value < a.value ? b : a))
    const share = (method: Method): string => {
      const needed = reaches(curve(method), best.value)
      if (needed === undefined) return `${method.name} never`
      return `${method.name} with ${needed === curve(method)[0].nfe ? 'at most ' : ''}${show(needed / best.nfe)} of its NFE`
    }
    const needed = reaches(curve(tree), best.value)
    const saves: Finding = {
      about,
      holds: best.sign === 'lower than' && needed !== undefined && needed < best.nfe,
      text: `to the mean of the best rival, ${best.method.name}, come: ${share(tree)}; ${share(control)}`,
    }
    return [...groups, saves]
  })
}
