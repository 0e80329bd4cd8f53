import type { ReproductionResult } from '../result.ts'
import type { Results, Where } from './results.ts'

/** One part of a claim: whether the seeds show it, and what they show in words with numbers. */
export interface Finding {
  readonly holds: boolean
  /** What it is about; findings about the same are told together. */
  readonly about: string
  readonly text: string
}

/** All parts: holds; none: does not hold here; else in part. What the seeds do not tell is not held. */
export function verdictOf(findings: readonly Finding[]): Pick<ReproductionResult, 'verdict' | 'why'> {
  const held = findings.filter(({ holds }) => holds).length
  const verdict = held === findings.length ? 'holds' : held === 0 ? 'does not hold here' : 'holds in part'
  const topics = [...new Set(findings.map(({ about }) => about))]
  const told = topics.map((topic) => {
    const texts = findings.filter(({ about }) => about === topic).map(({ text }) => text)
    return `${topic[0].toUpperCase()}${topic.slice(1)}: ${texts.join('; ')}.`
  })
  return { verdict, why: told.join(' ') }
}

export const show = (value: number) => String(Number(value.toPrecision(3)))

/**
 * Whether method a is lower than b, seed by seed, beyond doubt.
 * @param budget of b, where it is another
 */
export function lower(results: Results, a: string, b: string, where: Where, budget = where.budget): Finding {
  const there = { ...where, budget }
  const [left, right] = [results.at(a, where), results.at(b, there)]
  const { low, high } = results.lead(a, b, where, there)
  const told = low > 0 ? 'is lower than' : high < 0 ? 'is higher than' : 'is not told apart from'
  const more = budget === where.budget ? '' : ` at ${budget} NFE`
  return {
    holds: low > 0,
    about: `${where.setting}, ${where.metric} at ${where.budget} NFE`,
    text: `${a} (${show(left.mean)}) ${told} ${b}${more} (${show(right.mean)})`,
  }
}
