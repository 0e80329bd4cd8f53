import type { Results } from 'espalier/measure'
import { type Finding, lower, show } from '../support/verdict.ts'
import { atSteps, faulty, inBatches, inCalls, metrics, names, noises, ways } from './names.ts'
import type { Plan } from './plan.ts'

/** The parts of the claim, world by world, as far as the seeds show them. */
export function findings(results: Results, plans: readonly Plan[]): Finding[] {
  return plans.flatMap((plan) => [
    ...sameLaw(results, plan),
    ...speed(results, plan),
    ...fault(results, plan),
    ...order(results, plan),
  ])
}

/** In its most steps the ancestral sampler is not told apart from first hitting. */
function sameLaw(results: Results, { world, length, steps, calls }: Plan): Finding[] {
  const most = steps[steps.length - 1]
  const exact = calls[calls.length - 1]
  return [metrics.perplexity, metrics.entropy].map((metric) => {
    const there = { setting: inCalls(world, exact), metric, budget: exact }
    const here = { setting: atSteps(world, most), metric, budget: length }
    const { low, high } = results.lead(names.exact, names.ancestral, there, here)
    const [a, b] = [results.at(names.exact, there).mean, results.at(names.ancestral, here).mean]
    const holds = low < 0 && high > 0
    return {
      holds,
      about: `${world}, ${metric}`,
      text: `first hitting (${show(a)}) ${holds ? 'is not told apart from' : 'differs from'} ancestral in ${most} steps (${show(b)})`,
    }
  })
}

function speed(results: Results, { world, length, timed }: Plan): Finding[] {
  return timed.flatMap(({ batch, steps }) => {
    const most = steps[steps.length - 1]
    const where = { setting: inBatches(world, most, batch), metric: metrics.cpu, budget: length }
    return [ways.published, ways.cached, ways.ours].map((way) => {
      const { mean, low } = results.at(way, where)
      return {
        holds: way === ways.ours || low > 1,
        about: `${world}, CPU time in ${most} steps, batches of ${batch}`,
        text: `${way.replace('ancestral: ', '')}: ${show(mean)} times that of first hitting`,
      }
    })
  })
}

/** Both numbers fall together, and the gain is none at equal entropy. */
function fault(results: Results, { world, length, gumbels, steps }: Plan): Finding[] {
  return noises.flatMap((noise) => {
    const list = gumbels[noise.key]
    const [most] = list[list.length - 1]
    if (!steps.includes(most)) return []
    const where = (metric: string) => ({ setting: atSteps(world, most), metric, budget: length })
    const beyond = results.at(faulty(noise), where(metrics.beyond))
    return [
      lower(results, faulty(noise), names.ancestral, where(metrics.perplexity)),
      lower(results, faulty(noise), names.ancestral, where(metrics.entropy)),
      {
        holds: beyond.high > 0,
        about: `${world}, ${faulty(noise)} in ${most} steps`,
        text: `${show(beyond.mean)} nats a token beside the exact sampler at the same entropy [${show(beyond.low)}, ${show(beyond.high)}]`,
      },
    ]
  })
}

/** Order 2 below order 1 in the loss, with what it gains beyond a temperature. */
function order(results: Results, { world, calls }: Plan): Finding[] {
  return calls.slice(0, -1).flatMap((n) => {
    const where = (metric: string) => ({ setting: inCalls(world, n), metric, budget: n })
    return [names.extrapolated, names.corrected]
      .filter((name) => results.has(name, where(metrics.perplexity)))
      .flatMap((name) => {
        const beyond = results.at(name, where(metrics.beyond))
        return [
          lower(results, name, names.exact, where(metrics.perplexity)),
          {
            holds: beyond.high < 0,
            about: `${world}, ${n} calls at equal entropy`,
            text: `${name}: ${show(beyond.mean)} nats a token [${show(beyond.low)}, ${show(beyond.high)}]`,
          },
        ]
      })
  })
}
