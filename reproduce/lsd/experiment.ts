/**
 * LSD and LSD+ (Fu et al. 2025, arXiv 2509.19962): what factors of the score and times that are learned from a teacher of
 * many steps bring a sampler of few. Beside plain steps and jumping times in as many network calls, the last fill among
 * them, and beside a temperature that brings the same entropy.
 */

import { versions } from '@espalier/cli'
import { jackknife, mean, Results } from 'espalier/measure'
import { profiledSampler, type SamplerProfile, sampleTokens, shaped } from 'espalier/text'
import { sequencesOf } from '../edlm/draw.ts'
import type { ReproductionOptions, ReproductionResult, ReproductionRow } from '../result.ts'
import { type Outcome, runCells, type SearchCell } from '../support/search-cells.ts'
import type { Tempered } from '../support/temperature-curve.ts'
import { namedQuality } from '../support/text.ts'
import { verdictOf } from '../support/verdict.ts'
import { type Arm, arms, isFitted, temperatures } from './arms.ts'
import { countdownQuality, drawnCountdowns } from './countdown.ts'
import { addExact } from './exact.ts'
import { findings } from './findings.ts'
import { fitCalls } from './fit.ts'
import { type Models, openModels } from './models.ts'
import { data, factorOf, inCalls, isCountdown, metrics, timeOf, toldCalls } from './names.ts'
import { type Plan, plans, quickPlans } from './plan.ts'

/** Counts up when the same seed no longer gives the same numbers, so that no result is mixed from two programs. */
const protocol = 1
const folder = 'runs/lsd'
/** Of every fit: one for all seeds of sequences. */
const fitSeed = 1

export interface LsdOptions extends ReproductionOptions {
  readonly open?: () => Models
  readonly chosen?: readonly Plan[]
  /** Draws, and asks no judge: what is measured then is left to another run. */
  readonly drawOnly?: boolean
}

export async function run(options: LsdOptions & { readonly drawOnly: true }): Promise<undefined>
export async function run(options?: LsdOptions): Promise<ReproductionResult>
export async function run(options: LsdOptions = {}): Promise<ReproductionResult | undefined> {
  const { quick = false, onProgress, open = openModels } = options
  const chosen = options.chosen ?? (quick ? quickPlans : plans)
  const seeds = options.seeds ?? Array.from({ length: quick ? 3 : 5 }, (_, i) => i)
  const results = new Results(seeds)
  const models = open()
  const name = `${versions().espalier}-${protocol}${quick ? '-quick' : ''}`
  try {
    const drawn: Drawn[] = []
    const fitRows: ReproductionRow[] = []
    const finished: { remove(): void }[] = []
    for (const plan of chosen) {
      const fits = await runFits(plan, models, name, onProgress)
      const cells = drawnCells(plan, models, fits.profile)
      const kept = await runCells(cells, results, { name, folder, atOnce: 1, onProgress })
      drawn.push(...cells.map((cell) => ({ ...cell, plan, outcomes: kept.outcomes(cell) })))
      fitRows.push(...fits.rows)
      finished.push(fits, kept)
    }
    if (options.drawOnly) return undefined
    onProgress?.(1, 'the judge')
    await measure(drawn, chosen, models, results)
    await addExact(results, (what) => onProgress?.(1, what))
    const result = resultOf(results, chosen, quick, fitRows)
    for (const file of finished) file.remove()
    onProgress?.(1, 'done')
    return result
  } finally {
    await models.close()
  }
}

function resultOf(
  results: Results,
  chosen: readonly Plan[],
  quick: boolean,
  fits: readonly ReproductionRow[],
): ReproductionResult {
  const { seeds } = results
  return {
    paper: 'Fu, Guo, Liu 2025, Learnable Sampler Distillation for Discrete Diffusion Models, arXiv 2509.19962',
    claim:
      'A factor of the score for each of a few steps (LSD), and the times of the steps (LSD+), learned by matching a teacher ' +
      'of many steps, lower the generative perplexity of Euler and Tweedie steps two to four times at 8 to 64 NFE, below ' +
      'that of optimised times (Jump Your Steps), at no cost of sampling.',
    ...verdictOf(findings(results, chosen)),
    command: `npx espalier reproduce lsd${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `${seeds.length} seeds; a seed has ${chosen.map(({ world, count, calls }) => `${count} sequences of ${world} in ${calls.join(', ')} calls`).join('; ')}`,
    table: [...results.rows(), ...fits],
  }
}

interface Drawn extends DrawnCell {
  readonly plan: Plan
  readonly outcomes: readonly Outcome[]
}

interface DrawnCell extends SearchCell {
  readonly arm: Arm
}

const outcome = (nfe: number, values: Record<string, number>, texts: readonly string[]): Outcome => ({
  ...{ nfe, gradientEvaluations: 0, rewardEvaluations: 0, values, texts },
})

/** A place of an arm. */
const placeOf = ({ method }: Arm, { world }: Plan, calls: number) => ({
  method,
  setting: inCalls(world, calls),
  budget: calls,
})

/** Profiles of all arms, those that are fitted kept in a file. */
async function runFits(plan: Plan, models: Models, name: string, onProgress: ReproductionOptions['onProgress']) {
  const { world, teacher, pairs } = plan
  const profileFor = async (arm: Arm, calls: number) =>
    fitCalls(arm, calls, { denoiser: await models.denoiser(world), teacher, pairs, seed: fitSeed })
  const cells = plan.calls.flatMap((calls) =>
    plan.arms.filter(isFitted).map((arm) => ({
      ...placeOf(arm, plan, calls),
      async run() {
        const { profile, nfe, seconds } = await profileFor(arm, calls)
        return outcome(nfe, { [metrics.fitNfe]: nfe, [metrics.fitCpu]: seconds }, [JSON.stringify(profile)])
      },
    })),
  )
  const fits = new Results([fitSeed])
  const kept = await runCells(cells, fits, { name: `${name}-fits`, folder, atOnce: 1, onProgress })
  const profileOf = (of: Pick<SearchCell, 'method' | 'setting' | 'budget'>) =>
    JSON.parse(kept.outcomes(of)[0].texts?.[0] ?? '') as SamplerProfile
  return {
    async profile(arm: Arm, calls: number): Promise<SamplerProfile> {
      return isFitted(arm) ? profileOf(placeOf(arm, plan, calls)) : (await profileFor(arm, calls)).profile
    },
    rows: cells.flatMap((cell) => {
      const { nfe, values } = kept.outcomes(cell)[0]
      const { times, factors } = profileOf(cell)
      const steps = [
        ...factors.map((factor, k) => [factorOf(k), factor] as const),
        ...times.slice(0, -1).map((time, k) => [timeOf(k), time] as const),
      ]
      const numbers = [...Object.entries(values), ...(cell.budget === toldCalls ? steps : [])]
      return numbers.map(([metric, value]) => ({
        ...{ method: cell.method, setting: cell.setting, nfe, gradientEvaluations: 0, rewardEvaluations: 0, metric },
        ...{ mean: value, low: value, high: value, n: 1 },
      }))
    }),
    remove: kept.remove,
  }
}

/** Sequences of every arm. The judge is not asked here. */
function drawnCells(
  plan: Plan,
  models: Models,
  profileOf: (arm: Arm, calls: number) => Promise<SamplerProfile>,
): DrawnCell[] {
  const { world, count } = plan
  return plan.calls.flatMap((calls) =>
    plan.arms.map((arm) => ({
      ...placeOf(arm, plan, calls),
      arm,
      async run(seed: number) {
        const denoiser = shaped(await models.denoiser(world), { temperature: arm.temperature })
        const sampler = profiledSampler(await profileOf(arm, calls))
        const { tokens, nfe } = await sampleTokens({ denoiser, sampler, count, seed })
        const texts = tokens.map((row) => row.join(' '))
        return outcome(nfe / count, { [metrics.nfe]: nfe / count }, texts)
      },
    })),
  )
}

/** What is measured of the sequences of one seed. */
interface Measured {
  readonly entropy: number
  /** By the name of the metric that compares it with others of the same entropy. */
  readonly compared: Readonly<Record<string, number>>
}

/** The judge's numbers of all that was drawn, and each beside the temperature curve of its plain steps. */
async function measure(
  drawn: readonly Drawn[],
  chosen: readonly Plan[],
  models: Models,
  results: Results,
): Promise<void> {
  const measured = new Map<Drawn, readonly Measured[]>()
  for (const cell of drawn) {
    const { plan, outcomes } = cell
    const points = await add(await openMeasure(plan, models), cell, outcomes.map(sequencesOf), results)
    measured.set(cell, points)
  }
  for (const plan of chosen) {
    const measure = await openMeasure(plan, models)
    const place = { method: data, setting: plan.world, budget: 0, outcomes: [] }
    await add(measure, place, results.seeds.map(measure.real), results)
  }
  for (const [cell, points] of measured) {
    const { method, setting, budget, arm, plan, outcomes } = cell
    if (arm.temperature !== undefined) continue
    const curve = [...temperatures, 1]
      .sort((a, b) => a - b)
      .flatMap((t) => {
        const name = arms.cooled(arm.kernel, t).method
        const same = [...measured].find(([c]) => c.plan === plan && c.setting === setting && c.method === name)
        return same ? [same[1]] : []
      })
    // Analytic steps have a curve of their own where they are another sampler.
    if (curve.length < 2 || !rising(curve)) continue
    const nfe = Math.round(mean(outcomes.map((one) => one.nfe)))
    const plain = curve[[...temperatures, 1].sort((a, b) => a - b).indexOf(1)]
    for (const metric of Object.keys(points[0].compared)) {
      const pooled = (all: readonly Measured[], kept: readonly number[]): Tempered => ({
        entropy: mean(kept.map((i) => all[i].entropy)),
        loss: mean(kept.map((i) => all[i].compared[metric])),
      })
      const values = jackknife(results.seeds.length, (kept) => {
        const [own, base] = [pooled(points, kept), pooled(plain, kept)]
        const slope = slopeOf(curve.map((of) => pooled(of, kept)))
        return own.loss - base.loss - slope * (own.entropy - base.entropy)
      })
      results.add({ method, setting, budget, metric, nfe, values })
    }
  }
}

/**
 * What a temperature changes the loss by for a change of entropy: by least squares, as all of the curve is known better than
 * the piece of it that lies nearest.
 */
export function slopeOf(curve: readonly Tempered[]): number {
  const centre = { entropy: mean(curve.map((point) => point.entropy)), loss: mean(curve.map((point) => point.loss)) }
  let [both, own] = [0, 0]
  for (const { entropy, loss } of curve) {
    both += (entropy - centre.entropy) * (loss - centre.loss)
    own += (entropy - centre.entropy) ** 2
  }
  return both / own
}

/**
 * Whether entropy rises with the temperature: else nothing can be matched. Of a uniform process the prediction of a token is
 * mostly the token itself, which no temperature changes.
 */
function rising(curve: readonly (readonly Measured[])[]): boolean {
  const entropies = curve.map((points) => mean(points.map(({ entropy }) => entropy)))
  return entropies.every((entropy, i) => i === 0 || entropy > entropies[i - 1])
}

/** How the sequences of a world are measured. */
interface Measure {
  real(seed: number): readonly Int32Array[]
  named(rows: readonly Int32Array[]): Promise<Record<string, number>>
  compared(named: Record<string, number>): Record<string, number>
}

async function openMeasure({ world, count }: Plan, models: Models): Promise<Measure> {
  if (isCountdown(world)) {
    return {
      real: (seed) => drawnCountdowns(seed, count),
      async named(rows) {
        const { errors, entropy, distinct } = countdownQuality(rows)
        return { [metrics.errors]: errors, [metrics.entropy]: entropy, [metrics.distinct]: distinct }
      },
      // Sharpening takes nothing from a law whose free values are even: there is nothing to be matched.
      compared: () => ({}),
    }
  }
  const judging = await models.judging(world)
  return {
    real(seed) {
      const rows = judging.heldOut(seed, count)
      if (!rows) throw new Error(`the corpus of ${world} is not installed`)
      return rows
    },
    named: async (rows) => namedQuality(await judging.quality(rows)),
    compared: (named) => ({
      [metrics.beyond]: Math.log(named[metrics.perplexity]),
      ...(metrics.valid in named ? { [metrics.validBeyond]: named[metrics.valid] } : {}),
    }),
  }
}

async function add(
  measure: Measure,
  { method, setting, budget, outcomes }: Pick<Drawn, 'method' | 'setting' | 'budget' | 'outcomes'>,
  sequences: readonly (readonly Int32Array[])[],
  results: Results,
): Promise<Measured[]> {
  const qualities: Record<string, number>[] = []
  for (const rows of sequences) qualities.push(await measure.named(rows))
  const nfe = outcomes.length > 0 ? Math.round(mean(outcomes.map((one) => one.nfe))) : 0
  for (const metric of Object.keys(qualities[0])) {
    results.add({ method, setting, budget, metric, nfe, values: qualities.map((values) => values[metric]) })
  }
  return qualities.map((named) => ({ entropy: named[metrics.entropy], compared: measure.compared(named) }))
}
