/**
 * Time-shift sampling (Li, Qu, Yao, Sun, Moens 2024, "Alleviating exposure bias in diffusion models through sampling
 * with shifted time steps", arXiv 2305.15583): the network is told the time that fits the spread of the state. First the
 * bias itself is measured, then what the shift does about it, beside a constant shift of the same size.
 */

import { versions } from '@espalier/cli'
import { fashionData, imagesTensor, mnistData } from '@espalier/zoo'
import { mean, variance } from 'espalier/measure'
import { vpLinear } from 'espalier/process'
import { nfeOf } from 'espalier/solve'
import { row, type Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { draw } from '../support/compare.ts'
import { type ImageModel, type ImageModelName, imageModelNames, openImageModels } from '../support/images.ts'
import { Results } from '../support/results.ts'
import { type Finding, lower, show, verdictOf } from '../support/verdict.ts'
import { exposure } from './exposure.ts'
import { gaussian } from './gaussian.ts'
import { candidatesOf, search, searched, searchSamples, searchSeeds, searchSteps } from './search.ts'
import { attempt, type Base, bases, nameOf, planOf, type Remedy, type Setting } from './variants.ts'

/** The paper's schedule for CIFAR-10 and CelebA; networks are viewed on it. */
const schedule = vpLinear()
export const metrics = {
  fid: 'CNN-FID',
  saturated: 'share of shifts that the window cuts',
  shift: 'mean shift, in steps of 1000',
} as const

/** Samples a seed, and the remedies that are run, for each number of steps. */
interface Round {
  readonly steps: number
  readonly samples: number
  readonly remedies: readonly (Remedy | undefined)[]
}
const everything = [undefined, 'raw', 'calibrated', 'released', 'constant', 'scaled'] as const
const few: Round[] = [5, 10].map((steps) => ({ steps, samples: 64, remedies: everything }))
const many: Round[] = [
  { steps: 20, samples: 32, remedies: everything },
  { steps: 50, samples: 24, remedies: [undefined, 'raw', 'constant'] },
]
const roundsOf = (model: ImageModelName, quick: boolean) =>
  quick ? few.slice(1) : model === 'mnist' ? [...few, ...many] : few

/** The released form has one-step solvers only, and is run on DDIM. A warm-up of 3 in 5 steps leaves nothing to shift. */
const goes = (remedy: Remedy | undefined, { name, warmup = 0 }: Base, steps: number) =>
  (remedy !== 'released' || name === 'DDIM') && steps > 2 * warmup

/** Where nothing is searched. */
const usual: Setting = { share: 0.4, cutoff: 0.25, scale: 1.01 }

/** Within one image, on average over training images. */
function varianceWithin({ name }: ImageModel): number {
  const images: Tensor = imagesTensor((name === 'mnist' ? mnistData : fashionData).read('train'), 0, 2000)
  return mean(Array.from({ length: 2000 }, (_, i) => variance(row(images, i))))
}

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 8 }, (_, i) => i)
  const results = new Results(seeds)
  const { models, absent } = await openImageModels(quick ? ['mnist'] : imageModelNames)
  const chosen: string[] = []
  await gaussian(schedule, quick ? 16 : 64, results)

  const callsOf = (base: Base, steps: number) => nfeOf(planOf(base, schedule, steps))
  const runsOf = ({ name }: ImageModel) =>
    roundsOf(name, quick).flatMap(({ steps, samples, remedies }) =>
      bases.flatMap((base) =>
        remedies.filter((r) => goes(r, base, steps)).map((remedy) => ({ steps, samples, base, remedy })),
      ),
    )
  const searches = bases.flatMap((base) =>
    searched.filter((r) => goes(r, base, searchSteps)).map((remedy) => ({ base, remedy })),
  )
  const rowsOf = ({ base, steps, samples }: { base: Base; steps: number; samples: number }) =>
    samples * callsOf(base, steps)
  const searchRows = ({ base, remedy }: (typeof searches)[number]) =>
    searchSeeds * candidatesOf(remedy).length * rowsOf({ base, steps: searchSteps, samples: searchSamples })
  const sum = (rows: readonly number[]) => rows.reduce((a, b) => a + b, 0)
  const total = sum(
    models.map((model) => seeds.length * sum(runsOf(model).map(rowsOf)) + (quick ? 0 : sum(searches.map(searchRows)))),
  )
  let done = 0
  const advance = (rows: number, what: string) => {
    done += rows
    onProgress?.(done / total, what)
  }

  for (const model of models) {
    const subject = model.subject(1, schedule)
    const dataVariance = varianceWithin(model)
    const fid = model.cnnFid(seeds.length, few[0].samples)
    results.add({
      method: fid.floor!.name,
      setting: model.name,
      metric: fid.name,
      nfe: 0,
      values: await fid.floor!.values(),
    })
    // 1. The bias: are the states as spread as real ones?
    for (const base of bases) {
      const plan = planOf(base, schedule, 10)
      await exposure({ method: `${base.name}, 10 steps` }, subject, plan, 32, dataVariance, results)
    }
    // 2. The settings, on noises of their own; windows are in units of the step.
    const settings = new Map<string, Setting>()
    for (const { base, remedy } of quick ? [] : searches) {
      const setting = await search(remedy, base, subject, { metric: fid, dataVariance })
      settings.set(nameOf(base, remedy), setting)
      if (remedy === 'raw') settings.set(nameOf(base, 'constant'), setting)
      const { share, cutoff, scale } = setting
      const told = remedy === 'scaled' ? `divisor ${scale}` : `window ${share} of a step, cutoff ${cutoff}`
      chosen.push(`${model.name}, ${nameOf(base, remedy)}: ${told}`)
      advance(searchRows({ base, remedy }), `${model.name}, search`)
    }
    // 3. Everything from the same noise.
    for (const { steps, samples, base, remedy } of runsOf(model)) {
      const method = nameOf(base, remedy)
      const setting = settings.get(method) ?? usual
      const plan = planOf(base, schedule, steps)
      const drawn: Tensor[] = []
      const statistics: { saturated: number; meanShift: number }[] = []
      for (const seed of seeds) {
        const tried = attempt(remedy, setting, plan, base, dataVariance)
        drawn.push(...(await draw({ ...tried, subject }, plan, [seed], samples)))
        const counted = tried.statistics()
        if (counted) statistics.push(counted)
        advance(samples * callsOf(base, steps), `${model.name}, ${method}, ${steps} steps`)
      }
      const cell = { method, setting: model.name, budget: steps, nfe: callsOf(base, steps) }
      results.add({ ...cell, metric: fid.name, values: await fid.values(drawn) })
      if (statistics.length > 0) {
        results.add({ ...cell, metric: metrics.saturated, values: statistics.map((s) => s.saturated) })
        results.add({ ...cell, metric: metrics.shift, values: statistics.map((s) => 1000 * s.meanShift) })
      }
    }
  }
  await Promise.all(models.map((model) => model.close()))

  return {
    paper:
      'Li, Qu, Yao, Sun, Moens 2024, Alleviating Exposure Bias in Diffusion Models through Sampling with Shifted Time ' +
      'Steps, arXiv 2305.15583',
    claim:
      'The states of a sampler drift to a spread that belongs to another noise level; telling the network that level ' +
      'lowers the FID of DDPM, DDIM and F-PNDM, most at 10 to 20 steps, at no cost.',
    ...verdictOf(models.flatMap((model) => findings(results, model.name, roundsOf(model.name, quick)))),
    command: `npx espalier reproduce time-shift${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${seeds.length} seeds; images a seed: ${models
        .map(({ name }) =>
          [name, ...roundsOf(name, quick).map(({ steps, samples }) => `${samples} at ${steps} steps`)].join(', '),
        )
        .join(
          '; ',
        )}; F-PNDM makes 9 more calls; ${quick ? 'nothing was searched' : `chosen on ${searchSeeds * searchSamples} other images at ${searchSteps} steps`}: ` +
      `${chosen.join('; ')}${absent.map((line) => `; not run: ${line}`).join('')}`,
    table: results.rows(),
  }
}

/** For each solver: whether the shift helps, and whether it does more than a constant one of the same size. */
function findings(results: Results, model: string, rounds: readonly Round[]): Finding[] {
  return rounds.flatMap(({ steps }) => {
    const at = { setting: model, metric: metrics.fid, budget: steps }
    return bases
      .filter((base) => goes('raw', base, steps))
      .map((base): Finding => {
        const shifted = nameOf(base, 'raw')
        const helps = lower(results, shifted, nameOf(base), at)
        const more = lower(results, shifted, nameOf(base, 'constant'), at)
        const cut = results.at(shifted, { ...at, metric: metrics.saturated }).mean
        return {
          holds: helps.holds && more.holds,
          about: `${model}, ${metrics.fid} at ${steps} steps`,
          text: `${helps.text}, ${more.text}; ${show(100 * cut)}% of its shifts are cut by the window`,
        }
      })
  })
}
