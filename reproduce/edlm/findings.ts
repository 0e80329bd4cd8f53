import type { Interval, Results } from 'espalier/measure'
import { type Finding, show } from '../support/verdict.ts'
import { rowsOf } from './draw.ts'
import {
  bestOf,
  bounds,
  type EnergyName,
  edlm,
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

/** The parts of the claim, as far as the seeds show them. */
export function findings(results: Results, plan: Plan): Finding[] {
  return [
    ...sameCalls(results, plan),
    ...fewerCalls(results, plan),
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

/** The most drafts that were run in so many calls. */
function mostDrafts(drafts: Drafts, n: number): number | undefined {
  const ks = Object.entries(drafts).flatMap(([k, calls]) => (calls.includes(n) ? [Number(k)] : []))
  return ks.length > 0 ? Math.max(...ks) : undefined
}

/** Lower in the same calls, by how much, and what of it is left at the same entropy. */
function sameCalls(results: Results, plan: Plan): Finding[] {
  return (['ar', 'coAr', 'nce'] as const).flatMap((energy) => {
    const found = plan.calls.flatMap((n) => {
      const k = mostDrafts(plan[energy], n)
      if (k === undefined) return []
      const own = weighed(energy, k, n)
      const about = `in ${n} calls`
      const compared = lowerThan(results, own, plain(n), metrics.perplexity, about)
      const share =
        1 -
        results.at(own.method, { ...own, metric: metrics.perplexity }).mean /
          results.at(names.mdlm, { ...plain(n), metric: metrics.perplexity }).mean
      const beyond = results.at(own.method, { ...own, metric: metrics.beyond })
      return [
        {
          n,
          share,
          finding: {
            ...compared,
            text: `${compared.text}, ${percent(share)} (entropy ${entropies(results, own, plain(n))})`,
          },
        },
        {
          n,
          share,
          finding: {
            holds: beyond.high < 0,
            about,
            text: `at the same entropy ${within(beyond)} nats a token beside MDLM`,
          },
        },
      ]
    })
    const best = Math.max(...found.map(({ share }) => share))
    return [
      ...found.map(({ finding }) => finding),
      ...(energy === 'coAr' || found.length === 0
        ? []
        : [
            {
              holds: best >= 0.49,
              about: 'up to 49 % lower',
              text: `${edlm(energy, 0).replace(', k = 0', '')} is ${percent(best)} lower at most`,
            },
          ]),
    ]
  })
}

/** As good as MDLM in more calls, and in more time. */
function fewerCalls(results: Results, plan: Plan): Finding[] {
  const places = [
    ...Object.entries(plan.windowed).flatMap(([k, all]) => all.map((n) => early(Number(k), n))),
    ...plan.calls.flatMap((n) => (plan.ar[2]?.includes(n) ? [weighed('ar', 2, n)] : [])),
  ].filter(({ setting }) => setting !== inCalls(plan.calls[plan.calls.length - 1]))
  return places.map((place) => {
    const [calls, time] = [metrics.fewerMatched, metrics.fasterMatched].map((metric) =>
      results.at(place.method, { ...place, metric }),
    )
    return {
      holds: time.low > 1 && time.high >= 1.3,
      about: `1.3 times less time, ${place.setting}`,
      text: `${place.method} does with ${within(calls)} times fewer calls and ${within(time)} times less CPU time for the same perplexity and entropy`,
    }
  })
}

/** How much of the gain the first fifth of the time keeps. */
function window(results: Results, plan: Plan): Finding[] {
  return Object.entries(plan.windowed).flatMap(([k, all]) =>
    all.flatMap((n) => {
      if (!plan.ar[Number(k)]?.includes(n)) return []
      const loss = ({ method, ...where }: Place) =>
        Math.log(results.at(method, { ...where, metric: metrics.perplexity }).mean)
      const base = loss(plain(n))
      const share = (base - loss(early(Number(k), n))) / (base - loss(weighed('ar', Number(k), n)))
      return [
        {
          holds: share >= 0.5,
          about: 'a window of a fifth',
          text: `k = ${k} keeps ${percent(share)} of the gain in ${n} calls`,
        },
      ]
    }),
  )
}

/** Beside what the same rows buy otherwise. */
function equalCost(results: Results, plan: Plan): Finding[] {
  const longest = plan.calls[plan.calls.length - 1]
  return plan.pools.flatMap(({ calls, most }) => {
    const ms = Array.from({ length: Math.log2(most) }, (_, i) => 2 ** (i + 1))
    return ms.flatMap((m) => {
      if (!plan.ar[m]?.includes(calls)) return []
      const own = weighed('ar', m, calls)
      const about = `${rowsOf(calls, m)} rows, beyond MDLM's temperature curve of ${longest} calls`
      const others = [bestOf(m), resampled(m)].map((method) => ({
        ...{ method, setting: inCalls(calls), budget: m * (calls + 1) },
      }))
      return others.map((other) => lowerThan(results, own, other, metrics.beyondBest, about))
    })
  })
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
  const about = 'likelihood of held-out text'
  const lower = (['ar', 'coAr', 'nce'] as const).map((energy) =>
    lowerThan(results, at(bounds.valid(energy, 16)), base, metrics.nats, about),
  )
  const exact = { setting: settings.exact, metric: metrics.bits, budget: 1 }
  const [paper, entropy] = [exactly.paper, exactly.entropy].map((method) => results.at(method, exact).mean)
  return [
    ...lower,
    {
      holds: paper >= entropy,
      about: 'the paper objective as a bound',
      text: `of laws that can be summed over it is ${show(paper)} nats, their entropy ${show(entropy)}`,
    },
  ]
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
  [a, b]
    .map(({ method, ...where }) => show(results.at(method, { ...where, metric: metrics.entropy }).mean))
    .join(' and ')
