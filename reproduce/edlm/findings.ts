import { type Interval, mean, mean95, type Results } from 'espalier/measure'
import type { ReproductionRow } from '../result.ts'
import { type Finding, show } from '../support/verdict.ts'
import { rowsOf } from './draw.ts'
import {
  bestOf,
  bounds,
  type EnergyName,
  edlm,
  energies,
  exactly,
  inCalls,
  metrics,
  names,
  released,
  resampled,
  settings,
  windowed,
} from './names.ts'
import type { Drafts, Plan } from './plan.ts'

/** A method where it was run. */
interface Place {
  readonly method: string
  readonly setting: string
  readonly budget: number
}

/**
 * The parts of the claim, as far as the seeds show them.
 * @param ratios calls and time of MDLM for the same
 */
export function findings(results: Results, ratios: readonly ReproductionRow[], plan: Plan): Finding[] {
  return [
    ...sameCalls(results, plan),
    ...lessTime(ratios, plan),
    ...window(results, plan),
    ...equalCost(results, plan),
    ...sign(results, plan),
    ...likelihood(results, plan),
  ]
}

const weighed = (energy: EnergyName, k: number, n: number): Place => ({
  ...{ method: edlm(energy, k), setting: inCalls(n), budget: rowsOf(n, k) },
})
const plain = (n: number): Place => ({ method: names.mdlm, setting: inCalls(n), budget: n })
const early = (k: number, n: number): Place => ({
  ...{ method: windowed(k), setting: inCalls(n), budget: rowsOf(n, k, 0.2) },
})
const whole = (method: string, m: number, n: number): Place => ({
  ...{ method, setting: inCalls(n), budget: m * (n + 1) },
})

/** The most drafts that were run in so many calls. */
function mostDrafts(drafts: Drafts, n: number): number | undefined {
  const ks = Object.entries(drafts).flatMap(([k, calls]) => (calls.includes(n) ? [Number(k)] : []))
  return ks.length > 0 ? Math.max(...ks) : undefined
}

/** Lower in the same calls, by how much, and what of it is left at the same entropy. */
function sameCalls(results: Results, plan: Plan): Finding[] {
  return (['ar', 'coAr', 'nce'] as const).flatMap((energy) => {
    const shares: number[] = []
    const found = plan.calls.flatMap((n) => {
      const k = mostDrafts(plan[energy], n)
      if (k === undefined) return []
      const own = weighed(energy, k, n)
      const compared = lowerThan(results, own, plain(n), metrics.perplexity, `in ${n} calls`)
      const share = 1 - meanOf(results, own, metrics.perplexity) / meanOf(results, plain(n), metrics.perplexity)
      shares.push(share)
      return [{ ...compared, text: `${compared.text}: ${percent(share)}, ${entropies(results, own, plain(n))}` }]
    })
    const at = Object.entries(plan[energy]).flatMap(([k, all]) => (Number(k) === 8 ? all : []))
    const beyond = averaged(results, at, (n) =>
      results.values(edlm(energy, 8), { ...weighed(energy, 8, n), metric: metrics.beyond }),
    )
    const largest: Finding = {
      holds: Math.max(...shares) >= 0.49,
      about: 'up to 49 % lower',
      text: `${energies[energy]} is ${percent(Math.max(...shares))} lower at most`,
    }
    return [
      ...found,
      {
        holds: beyond.high < 0,
        about: 'at the same entropy as MDLM',
        text: `${edlm(energy, 8)}: ${within(beyond)} nats a token, mean of ${at.join(', ')} calls`,
      },
      ...(energy === 'coAr' ? [] : [largest]),
    ]
  })
}

/** As good as MDLM in more time. */
function lessTime(ratios: readonly ReproductionRow[], plan: Plan): Finding[] {
  return Object.entries(plan.windowed).flatMap(([k, all]) =>
    all.flatMap((n) => {
      const { method, setting } = early(Number(k), n)
      const row = ratios.find((r) => r.method === method && r.setting === setting && r.metric === metrics.fasterMatched)
      if (!row) return []
      return [
        {
          holds: row.low > 1 && row.high >= 1.3,
          about: `CPU time of MDLM for the same perplexity and entropy over that of ${method}`,
          text: `${within(row)} in ${n} calls`,
        },
      ]
    }),
  )
}

/** How much of the gain the first fifth of the time keeps. */
function window(results: Results, plan: Plan): Finding[] {
  return Object.entries(plan.windowed).map(([name, all]) => {
    const k = Number(name)
    const both = all.filter((n) => plan.ar[k]?.includes(n))
    const gain = (of: (n: number) => Place) => mean(both.map((n) => logOf(results, plain(n)) - logOf(results, of(n))))
    const share = gain((n) => early(k, n)) / gain((n) => weighed('ar', k, n))
    return {
      holds: share >= 0.5,
      about: 'a window of the first fifth',
      text: `with k = ${k} it keeps ${percent(share)} of the gain in ${both.join(', ')} calls`,
    }
  })
}

/** Beside what the same rows buy otherwise. */
function equalCost(results: Results, plan: Plan): Finding[] {
  const longest = plan.calls[plan.calls.length - 1]
  const pairs = plan.pools.flatMap(({ calls, most }) =>
    Array.from({ length: Math.log2(most) }, (_, i) => ({ m: 2 ** (i + 1), n: calls })).filter(({ m, n }) =>
      plan.ar[m]?.includes(n),
    ),
  )
  const about = `as many rows, mean of ${pairs.length} pairs`
  const against = [
    { told: 'the best of m whole sequences by the same model', of: bestOf },
    { told: 'one of m whole sequences by importance', of: resampled },
  ].flatMap(({ told, of }) => {
    const difference = (metric: string, read = (x: number) => x) =>
      averaged(results, pairs, ({ m, n }) => {
        const [own, other] = [weighed('ar', m, n), whole(of(m), m, n)].map(({ method, ...where }) =>
          results.values(method, { ...where, metric }),
        )
        return own.map((value, i) => read(value) - read(other[i]))
      })
    const [loss, entropy, beyond] = [
      difference(metrics.perplexity, Math.log),
      difference(metrics.entropy),
      difference(metrics.beyondBest),
    ]
    return [
      {
        holds: loss.high < 0,
        about,
        text: `beside ${told} EDLM-AR has ${within(loss)} nats a token more and ${within(entropy)} nats of entropy more`,
      },
      { holds: beyond.high < 0, about, text: `at the same entropy ${within(beyond)} more` },
    ]
  })
  const own = weighed('ar', 8, 8)
  const compared = lowerThan(results, own, plain(longest), metrics.perplexity, `${rowsOf(8, 8)} rows`)
  const direct = { method: names.autoregressive, setting: settings.leftToRight, budget: longest }
  const left = lowerThan(results, own, direct, metrics.perplexity, `${rowsOf(8, 8)} rows`)
  return [
    ...against,
    { ...compared, text: `${compared.text} in ${longest} calls, ${entropies(results, own, plain(longest))}` },
    { ...left, text: `${left.text}, which reads ${longest} half rows, ${entropies(results, own, direct)}` },
  ]
}

function sign(results: Results, plan: Plan): Finding[] {
  return Object.entries(plan.released).flatMap(([k, all]) =>
    all.map((n) => {
      const wrong = { method: released(Number(k)), setting: inCalls(n), budget: rowsOf(n, Number(k)) }
      return lowerThan(results, plain(n), wrong, metrics.perplexity, `the released sign in ${n} calls`)
    }),
  )
}

function likelihood(results: Results, { bounded }: Plan): Finding[] {
  const at = (method: string): Place => ({ method, setting: settings.likelihood, budget: bounded.draws })
  const base = at(bounds.mdlm)
  const about = 'held-out text, nats a token'
  const below = (['ar', 'coAr', 'nce'] as const).map((energy) =>
    lowerThan(results, at(bounds.valid(energy, 16)), base, metrics.nats, about),
  )
  const exact = { setting: settings.exact, metric: metrics.bits, budget: 4 }
  const { low, high } = results.lead(exactly.paper, exactly.entropy, exact)
  const [paper, entropy] = [exactly.paper, exactly.entropy].map((method) => results.at(method, exact).mean)
  return [
    lowerThan(results, at(bounds.paper('nce')), base, metrics.nats, 'the paper objective, nats a token'),
    ...below,
    {
      holds: low <= 0,
      about: 'the paper objective as a bound',
      text: `of laws that can be summed over it is ${show(paper)} nats, their entropy ${show(entropy)} (${show(low)} to ${show(high)} more)`,
    },
  ]
}

const meanOf = (results: Results, { method, ...where }: Place, metric: string) =>
  results.at(method, { ...where, metric }).mean
const logOf = (results: Results, { method, ...where }: Place) =>
  mean(results.values(method, { ...where, metric: metrics.perplexity }).map(Math.log))

/** The mean over several places, seed by seed. */
function averaged<P>(results: Results, places: readonly P[], of: (place: P) => readonly number[]): Interval {
  const all = places.map(of)
  return mean95(results.seeds.map((_, i) => mean(all.map((values) => values[i]))))
}

function lowerThan(results: Results, a: Place, b: Place, metric: string, about: string): Finding {
  const [here, there] = [a, b].map(({ setting, budget }) => ({ setting, budget, metric }))
  const { low, high } = results.lead(a.method, b.method, here, there)
  const told = low > 0 ? 'is lower than' : high < 0 ? 'is higher than' : 'is not told apart from'
  const [left, right] = [results.at(a.method, here).mean, results.at(b.method, there).mean]
  return { holds: low > 0, about, text: `${a.method} (${show(left)}) ${told} ${b.method} (${show(right)})` }
}

const percent = (share: number) => `${Math.round(100 * share)} %`
const within = ({ mean, low, high }: Interval) => `${show(mean)} [${show(low)}, ${show(high)}]`
const entropies = (results: Results, a: Place, b: Place) =>
  `entropies ${[a, b].map((place) => meanOf(results, place, metrics.entropy).toFixed(2)).join(' and ')}`
