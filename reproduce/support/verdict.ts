import type { ReproductionResult } from '../result.ts'
import type { Results, Where } from './results.ts'

/** One part of a claim: whether the seeds show it, and what they show in words with numbers. */
export interface Finding {
  readonly holds: boolean
  readonly text: string
}

/** All parts: holds; none: does not hold here; else in part. What the seeds do not tell is not held. */
export function verdictOf(findings: readonly Finding[]): Pick<ReproductionResult, 'verdict' | 'why'> {
  const held = findings.filter(({ holds }) => holds).length
  const verdict = held === findings.length ? 'holds' : held === 0 ? 'does not hold here' : 'holds in part'
  return { verdict, why: findings.map(({ text }) => `${text}.`).join(' ') }
}

export const show = (value: number) => String(Number(value.toPrecision(3)))

/**
 * Whether method a is lower than b, seed by seed, beyond doubt.
 * @param where for both; `other` for b alone, such as another budget
 */
export function lower(results: Results, a: string, b: string, where: Where, other: Partial<Where> = {}): Finding {
  const there = { ...where, ...other }
  const [left, right] = [results.at(a, where), results.at(b, there)]
  const { low, high } = results.lead(a, b, where, there)
  const told = low > 0 ? 'lower than' : high < 0 ? 'higher than' : 'not told apart from'
  const at = (budget: number | undefined) => (budget === undefined ? '' : ` at ${budget} NFE`)
  const text =
    `${where.setting}: ${where.metric} of ${a}${at(where.budget)} is ${told} that of ${b}` +
    `${there.budget === where.budget ? '' : at(there.budget)} (${show(left.mean)} and ${show(right.mean)})`
  return { holds: low > 0, text }
}
