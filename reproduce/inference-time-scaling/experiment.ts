/**
 * Inference-time scaling beyond denoising steps (Ma et al. 2025, arXiv 2501.09732): searches over start noises,
 * algorithms by verifiers, beside the same number of network evaluations spent on more steps.
 */

import { versions } from '@espalier/cli'
import { type NoiseChain, odeChain, pixelChain, type StochasticChain } from 'espalier/chain'
import { compareSearches, Results, type SearchMetric } from 'espalier/measure'
import { uniformGrid } from 'espalier/process'
import { type SearchResult, searchFrom } from 'espalier/search'
import { ddim } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { type Digits, openDigits } from '../support/digits.ts'
import { extended, lacking } from '../support/known.ts'
import { allHigher, digitPairs, higher, judgedBy, spreads } from '../support/searches.ts'
import { type Finding, verdictOf } from '../support/verdict.ts'
import { ensemble, label, singleNames, type Traced, traced, type Verifier, verifiersOf } from './verifiers.ts'

/** Steps of a sample in the search. */
export const steps = 10
/** NFE of a search: 1 + 4 K samples, so that rounds of zero-order search come out even. */
export const budgets = [5, 17, 65].map((samples) => samples * steps)

export const metrics = {
  /** Of a verifier whose numbers compare from call to call. */
  verifier: (name: string) => `${name}, of the winner`,
  held: `held-out judge: log-odds of a ${label}`,
  sure: 'held-out judge: log p of the likeliest digit',
  spread: 'spread of the winners',
  digits: 'share of pairs of winners that are different digits',
} as const

/** By the names of the tables; `goes` says which search that is. */
export const algorithms = [
  { name: 'random', goes: 'random' },
  { name: 'ZO-2', goes: 'zero-order(neighbours=2)' },
  { name: 'ZO-4', goes: 'zero-order(neighbours=4)' },
  // The paper's .11, .78 and .81 of the time would be one round of ten steps; this is two.
  { name: 'Paths-2', goes: 'paths(level=8, back=7, forward=8)' },
] as const

/**
 * Searches that branch on the way, and best-of-N beside them. They need noise at every step, so they walk another
 * chain: the same network and steps, DDIM with eta = 1. The verdict on the paper is not about them.
 */
export const branching = [
  { name: 'best-of-N, noise at every step', goes: 'best-of-n' },
  { name: 'forest (ours)', goes: 'forest' },
  { name: 'greedy islands (ours)', goes: 'greedy' },
  // Below three islands greedy islands spend half on plain samples.
  { name: 'greedy islands (ours), no hedge', goes: 'greedy(hedge=false)' },
] as const

export const noSearch = 'no search, more steps'
const control = { method: noSearch, setting: 'none' }

/** How much earlier the self-supervised verifier looks, in time: halfway. */
const earlier = 0.5

function chainOf({ denoiser, range }: Digits, count: number): NoiseChain<Float32Array, Traced> {
  const { process } = denoiser
  const plan = ddim()(process, uniformGrid(process, count))
  const chain = odeChain({ denoiser, plan, range, branchAt: Array.from({ length: count }, (_, i) => count - i) })
  return traced<Float32Array>(chain, Math.round(earlier * count))
}

/** The last step draws no noise, so the last block has two. */
function noisyChainOf({ denoiser, range }: Digits): StochasticChain<Float32Array, Traced> {
  const { process } = denoiser
  const plan = ddim({ eta: 1 })(process, uniformGrid(process, steps))
  const chain = pixelChain({ denoiser, plan, range, branchAt: 'every' })
  // Halfway is one level nearer to the end than where the last two steps are two levels.
  return traced<Float32Array>(chain, Math.round(earlier * steps) - 1)
}

export async function run(
  options: ReproductionOptions & { readonly model?: string } = {},
): Promise<ReproductionResult> {
  const { quick = false, onProgress, model, known } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 12 : 32 }, (_, i) => i)
  const sizes = quick ? [budgets[1]] : budgets
  const results = new Results(seeds)
  const world = await openDigits(model)
  try {
    const verifiers = verifiersOf(world)
    const judged = judgedBy<Traced>(world, winnerOf)
    const all: SearchMetric<Traced>[] = [
      ...verifiers.filter(({ name }) => name !== ensemble).map(({ name, reward }) => verdictOn(name, reward)),
      judged(metrics.held, (judgement) => judgement.logOdds(label)),
      judged(metrics.sure, (judgement) => judgement.confidence),
      judged(metrics.spread, spreads),
      judged(metrics.digits, digitPairs),
    ]
    const onWay = branching.map(({ name }) => name)
    const cells = lacking(
      known,
      [
        control,
        ...verifiers.flatMap(({ name: setting, lambda }) => [
          ...algorithms.map(({ name }) => ({ method: name, setting })),
          // Ranks compare within one call, and these searches keep scores from call to call.
          ...(lambda === undefined ? [] : onWay.map((method) => ({ method, setting }))),
        ]),
      ],
      ({ method }) => onWay.includes(method as (typeof onWay)[number]),
    )
    const wanted = (setting: string, list: readonly { readonly name: string; readonly goes: string }[]) =>
      list
        .filter(({ name }) => cells.some((cell) => cell.method === name && cell.setting === setting))
        .map(({ name, goes }) => ({ name, search: searchFrom(goes) }))
    const shares = (from: number, to: number) => (share: number, what: string) =>
      onProgress?.(from + share * (to - from), what)

    // The control: all evaluations on one sample.
    const fine = cells.includes(control) ? [steps, ...sizes] : []
    for (const [i, budget] of fine.entries()) {
      const task = { name: control.setting, reward: indifferent, chain: () => chainOf(world, budget) }
      await compareSearches(
        {
          tasks: [task],
          methods: [{ name: noSearch, search: searchFrom('random') }],
          budgets: [budget],
          metrics: all,
          ...together(seeds),
        },
        results,
        shares((0.1 * i) / fine.length, (0.1 * (i + 1)) / fine.length),
      )
    }
    const kinds = [
      { chain: chainOf(world, steps), list: algorithms },
      { chain: noisyChainOf(world), list: branching },
    ]
    const parts = kinds.flatMap(({ chain, list }) =>
      verifiers.map(({ name, reward, lambda }) => ({
        tasks: [{ name, reward, lambda, chain: () => chain }],
        methods: wanted(name, list),
      })),
    )
    for (const [i, part] of parts.entries()) {
      const [from, to] = [i, i + 1].map((k) => 0.1 + (0.9 * k) / parts.length)
      await compareSearches({ ...part, budgets: sizes, metrics: all, ...together(seeds) }, results, shares(from, to))
    }
  } finally {
    await world.close()
  }

  const { verdict, why } = known ?? verdictOf(findings(results, sizes))
  const result: ReproductionResult = {
    paper:
      'Ma, Tong, Jia, Hu, Su, Zhang, Yang, Li, Jaakkola, Jia, Xie 2025, Inference-Time Scaling for Diffusion Models beyond ' +
      'Scaling Denoising Steps, arXiv 2501.09732',
    claim:
      'Where more denoising steps stop helping, searching for a good start noise goes on to: every algorithm raises its ' +
      'verifier with the evaluations it is given. Random search raises it most and costs the most diversity, and ' +
      'verifiers are hacked: what one gains, another may lose.',
    verdict,
    why,
    command: `npx espalier reproduce inference-time-scaling${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${seeds.length} seeds, one search each; ${sizes.join(', ')} NFE a search, ${steps} steps a sample, ` +
      `network ${world.name}`,
    table: results.rows(),
  }
  return known ? extended(known, result) : result
}

/** All samples of a random search in one wave, so that a verifier by ranks sees them in one call. */
const together = (seeds: readonly number[]) => ({ width: budgets[budgets.length - 1] / steps, together: seeds.length })

const indifferent = { name: 'none', evaluate: async (samples: readonly Traced[]) => samples.map(() => 0) }

/**
 * The sample that the search itself selects: for ranks the largest number ever given says nothing. The forest draws
 * samples, and of these the best has won.
 */
const chosen = ({ method, candidates, selected, best }: SearchResult<Traced>): Traced =>
  candidates[method === 'forest' ? best : selected].sample

const winnerOf = (result: SearchResult<Traced>): Tensor => chosen(result).sample

const verdictOn = (name: string, reward: Verifier['reward']): SearchMetric<Traced> => ({
  name: metrics.verifier(name),
  values: async (found) => Array.from(await reward.evaluate(found.map(chosen))),
})

/** The parts of the claim, as far as the seeds show them. */
function findings(results: Results, sizes: readonly number[]): Finding[] {
  const budget = sizes[sizes.length - 1]
  const names = algorithms.map(({ name }) => name)
  const out: Finding[] = []
  for (const setting of singleNames) {
    const metric = metrics.verifier(setting)
    const at = (method: string, of: string = metric, nfe = budget) => ({ method, setting, metric: of, budget: nfe })
    out.push(allHigher(results, names, at(''), { ...control, metric, budget }))
    if (sizes.length > 1) {
      const grows = names.map((name) => higher(results, at(name), at(name, metric, sizes[0])))
      out.push({
        holds: grows.every(({ holds }) => holds),
        about: `${setting}, from ${sizes[0]} to ${budget} NFE`,
        text: `it grows with ${names.filter((_, i) => grows[i].holds).join(', ') || 'none'}`,
      })
    }
    for (const nfe of sizes.slice(-2)) {
      const place = (method: string) => at(method, metric, nfe)
      out.push(...['ZO-4', 'Paths-2'].map((other) => higher(results, place('random'), place(other))))
    }
    out.push(allHigher(results, ['ZO-4', 'Paths-2'], at('', metrics.spread), at('random', metrics.spread)))
  }
  // Hacking: what verifiers that know nothing of digits make of them, beside samples without a search.
  for (const setting of ['symmetry', 'self-similarity']) {
    for (const metric of [metrics.digits, metrics.sure]) {
      const at = { setting, metric, budget }
      const { sign, about, text } = higher(results, { ...at, method: 'random' }, { ...control, metric, budget })
      out.push({ holds: sign < 0, about: `${about} (hacked if it is lower)`, text })
    }
  }
  return out
}
