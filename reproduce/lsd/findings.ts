import type { Results } from 'espalier/measure'
import { type Finding, show } from '../support/verdict.ts'
import { arms } from './arms.ts'
import { chains, inCalls, isCountdown, metrics } from './names.ts'
import type { Plan } from './plan.ts'

/** What is learned against plain steps and against optimised times, as it comes and at matched entropy. */
export function findings(results: Results, plans: readonly Plan[]): Finding[] {
  return [...plans.flatMap((plan) => plan.calls.flatMap((calls) => ofPlan(results, plan, calls))), ...ofLaws(results)]
}

const learntArms = (['euler', 'tweedie'] as const).flatMap((kernel) => [
  { arm: arms.lsd(kernel), base: arms.plain(kernel), jump: arms.jump(kernel) },
  { arm: arms.plus(kernel), base: arms.plain(kernel), jump: arms.jump(kernel) },
])

function ofPlan(results: Results, { world }: Plan, calls: number): Finding[] {
  const setting = inCalls(world, calls)
  const at = (metric: string) => ({ setting, metric, budget: calls })
  const [measure, difference, unit] = isCountdown(world)
    ? [metrics.errors, metrics.errorsBeyond, '']
    : [metrics.perplexity, metrics.beyond, ' nats a token']
  return learntArms.flatMap(({ arm, base, jump }) => {
    if (!results.has(arm.method, at(difference))) return []
    const others = [base, jump].filter(({ method }) => results.has(method, at(measure)))
    const told = others.map(({ method }) => {
      const { low, high } = results.lead(arm.method, method, at(measure))
      const said = low > 0 ? 'lower than' : high < 0 ? 'higher than' : 'not told apart from'
      return { holds: low > 0, text: `${said} ${method} (${show(results.at(method, at(measure)).mean)})` }
    })
    const beyond = results.at(arm.method, at(difference))
    const own = show(results.at(arm.method, at(measure)).mean)
    return [
      {
        holds: told.every(({ holds }) => holds) && beyond.high < 0,
        about: setting,
        text: `${measure} of ${arm.method} (${own}) is ${told.map(({ text }) => text).join(', ')}, at matched entropy ${show(beyond.mean)}${unit} [${show(beyond.low)}, ${show(beyond.high)}]`,
      },
    ]
  })
}

/** Of exact models: the distance to the law. */
function ofLaws(results: Results): Finding[] {
  return chains.flatMap((chain) => {
    const setting = inCalls(chain, 9)
    const at = { setting, metric: metrics.tv, budget: 9 }
    return [arms.lsd('euler'), arms.plus('euler')].map(({ method }) => {
      const base = arms.plain('euler').method
      const { low, high } = results.lead(method, base, at)
      const said = low > 0 ? 'below' : high < 0 ? 'above' : 'not told apart from'
      return {
        holds: low > 0,
        about: `${setting}, ${metrics.tv}`,
        text: `${method} (${show(results.at(method, at).mean)}) is ${said} ${base} (${show(results.at(base, at).mean)})`,
      }
    })
  })
}
