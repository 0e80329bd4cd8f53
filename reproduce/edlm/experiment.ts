/**
 * EDLM (Xu et al. 2024, arXiv 2410.21357): a masked diffusion whose drafts are weighed by an energy of whole sequences. Its
 * gain in the judge's perplexity beside the entropy, against MDLM over steps, at equal cost, and against whole sequences of
 * MDLM that are chosen by the same energy at the end; and what its printed likelihood is.
 */

import { versions } from '@espalier/cli'
import { bootstrap95, jackknife, mean, Results } from 'espalier/measure'
import { key, purpose, stream } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult, ReproductionRow } from '../result.ts'
import { type FinishedCells, runCells, type SearchCell } from '../support/search-cells.ts'
import { lossAt, type Tempered } from '../support/temperature-curve.ts'
import { namedQuality, type TextWorld } from '../support/text.ts'
import { verdictOf } from '../support/verdict.ts'
import { drawnCells, poolName, poolOf, sequencesOf } from './draw.ts'
import { addExact } from './exact.ts'
import { findings } from './findings.ts'
import { likelihoodCells } from './likelihood.ts'
import { between, type Curve, callsFor } from './matched.ts'
import { type Models, openModels } from './models.ts'
import { bestOf, cooled, inCalls, metrics, names, resampled, settings, temperatures } from './names.ts'
import { type Plan, plan, quickPlan } from './plan.ts'
import { chosen } from './pool.ts'

/** Counts up when the same seed no longer gives the same numbers, so that no result is mixed from two programs. */
export const protocol = 1
export const folder = 'runs/edlm'
export const cellsName = (quick: boolean): string => `${versions().espalier}-${protocol}${quick ? '-quick' : ''}`

export async function run(
  options: ReproductionOptions & { readonly open?: () => Promise<Models> } = {},
): Promise<ReproductionResult> {
  const { quick = false, onProgress, open = openModels } = options
  const chosenPlan = quick ? quickPlan : plan
  const seeds = options.seeds ?? Array.from({ length: chosenPlan.seeds }, (_, i) => i)
  const results = new Results(seeds)
  let models: Promise<Models> | undefined
  const opened = () => {
    models ??= open()
    return models
  }
  try {
    const drawn = drawnCells(chosenPlan, opened)
    const cells = [...drawn, ...likelihoodCells(chosenPlan, opened)]
    // One after another: CPU time is measured too.
    const finished = await runCells(cells, results, { name: cellsName(quick), folder, atOnce: 1, onProgress })
    onProgress?.(1, 'the judge')
    const world = await (await opened()).judging()
    const judged = new Judged(results, world)
    for (const cell of drawn.filter(({ pool }) => !pool)) {
      const outcomes = finished.outcomes(cell)
      const average = (of: 'nfe' | 'rewardEvaluations') => Math.round(mean(outcomes.map((outcome) => outcome[of])))
      const spent = { nfe: average('nfe'), rewardEvaluations: average('rewardEvaluations') }
      await judged.add(cell, outcomes.map(sequencesOf), spent)
    }
    for (const pool of chosenPlan.pools) await addChosen(pool, judged, finished)
    await addHeldOut(chosenPlan, judged, world)
    const ratios = addMatched(chosenPlan, judged)
    await addExact(results)
    const result = resultOf(results, ratios, chosenPlan, quick)
    finished.remove()
    onProgress?.(1, 'done')
    return result
  } finally {
    await (await models)?.close()
  }
}

function resultOf(
  results: Results,
  ratios: readonly ReproductionRow[],
  chosenPlan: Plan,
  quick: boolean,
): ReproductionResult {
  const { seeds } = results
  const { count, cheap, calls } = chosenPlan
  return {
    paper:
      'Xu, Geffner, Kreis, Nie, Xu, Leskovec, Ermon, Vahdat 2024, Energy-Based Diffusion Language Models for Text Generation, ' +
      'arXiv 2410.21357',
    claim:
      'Drafts that are weighed by an energy, an autoregressive model without training or one trained by noise contrast, lower the ' +
      'generative perplexity of a masked diffusion at the same steps, up to 49 %, so that 1.3 times less sampling time does; a ' +
      'window of the first fifth of the time is enough; and its likelihood comes near that of the autoregressive model.',
    ...verdictOf(findings(results, ratios, chosenPlan)),
    command: `npx espalier reproduce edlm${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `${seeds.length} seeds; a seed has ${count} sequences of 64 tokens of weighed drafts, ${cheap} of others; ${calls.join(', ')} calls`,
    table: [...results.rows(), ...ratios],
  }
}

/** A method at a place, measured: pooled means that a jackknife can leave seeds out of. */
interface Place extends Pick<SearchCell, 'method' | 'setting' | 'budget'> {
  /** One a seed. */
  readonly points: readonly Tempered[]
}

/** What the judge makes of sequences. */
class Judged {
  readonly results: Results
  readonly places: Place[] = []
  readonly #world: TextWorld

  constructor(results: Results, world: TextWorld) {
    this.results = results
    this.#world = world
  }

  /** @param sequences of each seed */
  async add(
    { method, setting, budget }: Pick<SearchCell, 'method' | 'setting' | 'budget'>,
    sequences: readonly (readonly Int32Array[])[],
    spent: { readonly nfe?: number; readonly rewardEvaluations?: number } = {},
  ): Promise<void> {
    const qualities: Record<string, number>[] = []
    const points: Tempered[] = []
    for (const rows of sequences) {
      const quality = await this.#world.quality(rows)
      qualities.push(namedQuality(quality))
      points.push(quality)
    }
    this.places.push({ method, setting, budget, points })
    const { nfe = 0, rewardEvaluations = 0 } = spent
    for (const metric of Object.keys(qualities[0])) {
      this.results.add({
        ...{ method, setting, budget, metric, nfe, rewardEvaluations },
        values: qualities.map((values) => values[metric]),
      })
    }
  }

  at(method: string, setting: string): Place | undefined {
    return this.places.find((place) => place.method === method && place.setting === setting)
  }
}

/** What is chosen from pools of whole sequences, with its own cost: a chosen one of m costs m of all. */
async function addChosen(
  { calls, most }: Plan['pools'][number],
  judged: Judged,
  finished: FinishedCells,
): Promise<void> {
  const { results } = judged
  const setting = inCalls(calls)
  const outcomes = finished.outcomes({ method: poolName(most), setting, budget: most * (calls + 1) })
  const pools = outcomes.map(poolOf)
  for (let m = 2; m <= most; m *= 2) {
    for (const [by, method] of [['best', bestOf(m)] as const, ['importance', resampled(m)] as const]) {
      const rows = pools.map((pool, i) => chosen(pool, most, m, by, results.seeds[i]))
      const place = { method, setting, budget: m * (calls + 1) }
      await judged.add(place, rows, { nfe: m * calls, rewardEvaluations: m })
      const share = m / most
      for (const metric of [metrics.nfe, metrics.energies, metrics.rows, metrics.cpu]) {
        results.add({
          ...{ ...place, metric, nfe: m * calls, rewardEvaluations: m },
          values: outcomes.map(({ values }) => share * values[metric]),
        })
      }
    }
  }
}

async function addHeldOut({ cheap }: Plan, judged: Judged, world: TextWorld): Promise<void> {
  const rows = judged.results.seeds.map((seed) => {
    const held = world.heldOut(seed, cheap)
    if (!held) throw new Error(`the corpus is not installed: ${names.data} cannot be measured`)
    return held
  })
  await judged.add({ method: names.data, setting: settings.data, budget: 0 }, rows)
}

/**
 * Beside MDLM's temperature curves, in as many calls and in one call a token; and in how many calls it is as good.
 * @returns ratios, whose intervals are bootstraps over seeds: where curves are flat, or end, no jackknife holds
 */
function addMatched({ calls }: Plan, judged: Judged): ReproductionRow[] {
  const { results } = judged
  const { seeds } = results
  const rising = [...temperatures, 1]
  const ratios: ReproductionRow[] = []
  /** Curves over the seeds that are kept. */
  const curvesOf = (kept: ArrayLike<number>): Curve[] =>
    calls.map((n) => ({
      calls: n,
      points: rising.map((t) => pooled(judged.at(cooled(t), inCalls(n)) as Place, kept)),
    }))
  const cpu = ({ method, setting, budget }: Omit<Place, 'points'>, kept: ArrayLike<number>) => {
    const values = results.values(method, { setting, budget, metric: metrics.cpu })
    return mean(Array.from(kept, (i) => values[i]))
  }
  for (const place of judged.places) {
    const { method, setting, budget } = place
    const own = ownCalls(setting)
    const beyond = (metric: string, n: number) =>
      results.add({
        ...{ method, setting, budget, metric, nfe: own },
        values: jackknife(seeds.length, (kept) => {
          const { loss, entropy } = pooled(place, kept)
          return loss - lossAt(entropy, (curvesOf(kept).find((c) => c.calls === n) as Curve).points)
        }),
      })
    beyond(metrics.beyondBest, calls[calls.length - 1])
    if (!calls.includes(own) || setting !== inCalls(own) || rising.some((t) => method === cooled(t))) continue
    beyond(metrics.beyond, own)
    const ratio = (metric: string, statistic: (kept: ArrayLike<number>) => number) => {
      const { uniform } = stream(purpose(key(seeds.length), 'bootstrap'))
      ratios.push({
        ...{ method, setting, nfe: own, gradientEvaluations: 0, rewardEvaluations: 0, metric },
        ...bootstrap95([...seeds.keys()], statistic, uniform, 500),
      })
    }
    const needed = (kept: ArrayLike<number>, matched: boolean) => callsFor(pooled(place, kept), curvesOf(kept), matched)
    ratio(metrics.fewer, (kept) => needed(kept, false) / own)
    ratio(metrics.fewerMatched, (kept) => needed(kept, true) / own)
    ratio(metrics.fasterMatched, (kept) => {
      const costs = calls.map((n) => cpu({ method: names.mdlm, setting: inCalls(n), budget: n }, kept))
      return between(needed(kept, true), calls, costs) / cpu(place, kept)
    })
  }
  return ratios
}

/** Means over the seeds that are kept. */
function pooled({ points }: Place, kept: ArrayLike<number>): Tempered {
  return {
    loss: mean(Array.from(kept, (i) => points[i].loss)),
    entropy: mean(Array.from(kept, (i) => points[i].entropy)),
  }
}

/** Network calls of a setting; of real text and of what is read from the left none. */
const ownCalls = (setting: string): number => Number(/(\d+)/.exec(setting)?.[1] ?? 0)
