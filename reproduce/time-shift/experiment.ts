/**
 * Time-shift sampling (Li, Qu, Yao, Sun, Moens 2024, "Alleviating exposure bias in diffusion models through sampling
 * with shifted time steps", arXiv 2305.15583): the network is told the time that fits the spread of the state. First the
 * bias itself is measured, then what the shift does about it, beside a constant shift of the same size.
 */

import { versions } from '@espalier/cli'
import { compareSolvers } from 'espalier/measure'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { type ImageModelName, imageModelNames, openImageModels } from '../support/images.ts'
import { Results } from '../support/results.ts'
import { type Finding, lower, show, verdictOf } from '../support/verdict.ts'
import { gaussian } from './gaussian.ts'
import { goes, measure, metrics, type Round, roundsOf, settingOf, workOf } from './images.ts'
import { guidedPlane, plane, planeComparisons, w2 } from './plane.ts'
import { searchSamples, searchSeeds, searchSteps } from './search.ts'
import { bases, guidedBases, nameOf, schedule } from './variants.ts'

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 6 }, (_, i) => i)
  const results = new Results(seeds)
  const { models, absent } = await openImageModels(imageModelNames)

  // 1. A perfect network, in closed form.
  await gaussian(schedule, quick ? 16 : 64, results)
  await compareSolvers(planeComparisons(seeds, quick ? 500 : 4000), results)
  // 2. Networks.
  const total = models.length * workOf(quick, seeds.length)
  let done = 0
  const chosen: string[] = []
  for (const model of models) {
    const settings = await measure(model, quick, results, (rows, what) => {
      done += rows
      onProgress?.(done / total, what)
    })
    chosen.push(...settings)
  }
  await Promise.all(models.map((model) => model.close()))

  const rounds = roundsOf(quick)
  const images = rounds.map(({ steps, samples, w }) => `${samples} at ${steps} steps${w === 1 ? '' : `, w = ${w}`}`)
  const search = quick
    ? 'nothing was searched'
    : `chosen on ${searchSeeds * searchSamples} other images at ${searchSteps} steps: ${chosen.join('; ')}`
  return {
    paper:
      'Li, Qu, Yao, Sun, Moens 2024, Alleviating Exposure Bias in Diffusion Models through Sampling with Shifted Time ' +
      'Steps, arXiv 2305.15583',
    claim:
      'The states of a sampler drift to a spread that belongs to another noise level; telling the network that level ' +
      'lowers the FID of DDPM, DDIM and F-PNDM, most at 10 to 20 steps, at no cost.',
    ...verdictOf([...models.flatMap(({ name }) => findings(results, name, rounds)), ...findingsOfPlane(results)]),
    command: `npx espalier reproduce time-shift${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: [
      `${seeds.length} seeds; images a seed: ${images.join('; ')}`,
      'F-PNDM makes 9 more calls',
      search,
      ...absent.map((line) => `not run: ${line}`),
    ].join('; '),
    table: results.rows(),
  }
}

/** For each solver: whether the shift helps, and whether it does more than a constant one of the same size. */
function findings(results: Results, model: ImageModelName, rounds: readonly Round[]): Finding[] {
  return rounds.flatMap((round) => {
    const { steps } = round
    const at = { setting: settingOf(model, round), metric: metrics.fid, budget: steps }
    return round.bases
      .filter((base) => goes('raw', base, steps))
      .map((base): Finding => {
        const shifted = nameOf(base, 'raw')
        const helps = lower(results, shifted, nameOf(base), at)
        const more = lower(results, shifted, nameOf(base, 'constant'), at)
        const cut = results.at(shifted, { ...at, metric: metrics.saturated }).mean
        return {
          holds: helps.holds && more.holds,
          about: `${at.setting}, ${metrics.fid} at ${steps} steps`,
          text: `${helps.text}, ${more.text}; ${show(100 * cut)}% of its shifts are cut by the window`,
        }
      })
  })
}

/** The same where states have two values. */
function findingsOfPlane(results: Results): Finding[] {
  const one = bases.filter(({ warmup }) => warmup === undefined)
  return [
    ...one.map((base) => [base, plane] as const),
    ...guidedBases.map((base) => [base, guidedPlane] as const),
  ].flatMap(([base, setting]) =>
    [10, 20].map((budget) => lower(results, nameOf(base, 'raw'), nameOf(base), { setting, metric: w2, budget })),
  )
}
