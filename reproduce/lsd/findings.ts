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

/** Budgets as told: all, none, or which. */
function told(list: readonly number[], all: readonly number[]): string {
  if (list.length === 0) return 'nowhere'
  return list.length === all.length ? 'everywhere' : `in ${list.join(', ')} calls`
}

function ofPlan(results: Results, { world, calls }: Plan): Finding[] {
  const exact = isCountdown(world)
  const measure = exact ? metrics.errors : metrics.perplexity
  const at = (metric: string, n: number) => ({ setting: inCalls(world, n), metric, budget: n })
  return learntArms.flatMap(({ arm, base, jump, cooled }) => {
    const own = calls.filter((n) => results.has(arm.method, at(measure, n)))
    if (own.length === 0) return []
    const sides = [base, jump, ...(exact ? [cooled] : [])].map(({ method }) => ({
      name: method,
      below: own.filter((n) => results.lead(arm.method, method, at(measure, n)).low > 0),
      above: own.filter((n) => results.lead(arm.method, method, at(measure, n)).high < 0),
    }))
    if (!exact) {
      sides.push({
        name: `${base.method} at its entropy`,
        below: own.filter((n) => results.at(arm.method, at(metrics.beyond, n)).high < 0),
        above: own.filter((n) => results.at(arm.method, at(metrics.beyond, n)).low > 0),
      })
    }
    const texts = sides.map(
      ({ name, below, above }) => `below ${name} ${told(below, own)}, above it ${told(above, own)}`,
    )
    return [
      {
        holds: sides.every(({ below }) => below.length === own.length),
        about: `${world}, ${measure} in ${own.join(', ')} calls`,
        text: `${arm.method} is ${texts.join('; ')}`,
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
      const below = own.filter((n) => results.lead(method, base.method, at(n)).low > 0)
      const above = own.filter((n) => results.lead(method, base.method, at(n)).high < 0)
      return [
        {
          holds: below.length === own.length,
          about: `${chain}, ${metrics.tv} in ${own.join(', ')} calls`,
          text: `${method} is below ${base.method} ${told(below, own)}, above it ${told(above, own)}`,
        },
      ]
    })
  })
}
