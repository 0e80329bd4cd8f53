import type { Results } from 'espalier/measure'
import type { Finding } from '../support/verdict.ts'
import { arms, temperatures } from './arms.ts'
import { exactCalls } from './exact.ts'
import { chains, inCalls, isCountdown, metrics } from './names.ts'
import type { Plan } from './plan.ts'

/** What is learned against plain steps and against optimised times, as it comes and at matched entropy. */
export function findings(results: Results, plans: readonly Plan[]): Finding[] {
  return [...plans.flatMap((plan) => ofPlan(results, plan)), ...ofLaws(results)]
}

const learntArms = (['euler', 'tweedie'] as const).flatMap((kernel) =>
  [arms.lsd(kernel), arms.plus(kernel), arms.relaxed(kernel)].map((arm) => ({
    ...{ arm, base: arms.plain(kernel), jump: arms.jump(kernel) },
    cooled: arms.cooled(kernel, temperatures[0]),
  })),
)

/** One method beside another over budgets: where it is lower beyond doubt, and where higher. */
interface Side {
  readonly name: string
  readonly of: readonly number[]
  readonly below: readonly number[]
  readonly above: readonly number[]
}

function told({ name, of, below, above }: Side): string {
  const where = (list: readonly number[]) => (list.length === of.length ? 'everywhere' : `in ${list.join(', ')}`)
  const parts = [
    ...(below.length > 0 ? [`below ${name} ${where(below)}`] : []),
    ...(above.length > 0 ? [`above ${name} ${where(above)}`] : []),
  ]
  return parts.length > 0 ? parts.join(', ') : `not told apart from ${name}`
}

function ofPlan(results: Results, { world, calls }: Plan): Finding[] {
  const exact = isCountdown(world)
  const measure = exact ? metrics.errors : metrics.perplexity
  const at = (metric: string, n: number) => ({ setting: inCalls(world, n), metric, budget: n })
  return learntArms.flatMap(({ arm, base, jump, cooled }) => {
    const own = calls.filter((n) => results.has(arm.method, at(measure, n)))
    if (own.length === 0) return []
    const sides: Side[] = [base, jump, ...(exact ? [cooled] : [])].map(({ method }) => ({
      ...{ name: method, of: own },
      below: own.filter((n) => results.lead(arm.method, method, at(measure, n)).low > 0),
      above: own.filter((n) => results.lead(arm.method, method, at(measure, n)).high < 0),
    }))
    const matched = own.filter((n) => results.has(arm.method, at(metrics.beyond, n)))
    if (matched.length > 0) {
      sides.push({
        ...{ name: `${base.method} at its entropy`, of: matched },
        below: matched.filter((n) => results.at(arm.method, at(metrics.beyond, n)).high < 0),
        above: matched.filter((n) => results.at(arm.method, at(metrics.beyond, n)).low > 0),
      })
    }
    return [
      {
        holds: sides.every(({ below, of }) => below.length === of.length),
        about: `${world}, ${measure} in ${own.join(', ')} calls`,
        text: `${arm.method} is ${sides.map(told).join('; ')}`,
      },
    ]
  })
}

/** Of exact models: the distance to the law. */
function ofLaws(results: Results): Finding[] {
  return chains.flatMap((chain) => {
    const at = (n: number) => ({ setting: inCalls(chain, n), metric: metrics.tv, budget: n })
    return learntArms.flatMap(({ arm: { method }, base }) => {
      const own = exactCalls.filter((n) => results.has(method, at(n)))
      if (own.length === 0) return []
      const side: Side = {
        ...{ name: base.method, of: own },
        below: own.filter((n) => results.lead(method, base.method, at(n)).low > 0),
        above: own.filter((n) => results.lead(method, base.method, at(n)).high < 0),
      }
      return [
        {
          holds: side.below.length === own.length,
          about: `${chain}, ${metrics.tv} in ${own.join(', ')} calls`,
          text: `${method} is ${told(side)}`,
        },
      ]
    })
  })
}
