/** What the networks of images do, with each remedy: the bias, the search for settings, and CNN-FID. */

import { fashionData, imagesTensor, mnistData } from '@espalier/zoo'
import { drawSamples, mean, variance } from 'espalier/measure'
import { vpLinear } from 'espalier/process'
import { nfeOf } from 'espalier/solve'
import { row, type Tensor } from 'espalier/tensor'
import type { ImageModel, ImageModelName } from '../support/images.ts'
import type { Results } from '../support/results.ts'
import { exposure } from './exposure.ts'
import { candidatesOf, search, searched, searchSamples, searchSeeds, searchSteps } from './search.ts'
import { attempt, type Base, bases, nameOf, planOf, type Remedy, type Setting } from './variants.ts'

/** The paper's schedule for CIFAR-10 and CelebA; networks are viewed on it. */
export const schedule = vpLinear()
export const metrics = {
  fid: 'CNN-FID',
  saturated: 'share of shifts that the window cuts',
  shift: 'mean shift, in steps of 1000',
} as const

/** Samples a seed, and the remedies that are run, for each number of steps. */
export interface Round {
  readonly steps: number
  readonly samples: number
  readonly remedies: readonly (Remedy | undefined)[]
}
const everything = [undefined, 'raw', 'calibrated', 'released', 'constant', 'scaled'] as const
const core = [undefined, 'raw', 'constant'] as const
const round = (steps: number, samples: number, remedies: Round['remedies'] = everything): Round => ({
  ...{ steps, samples, remedies },
})
const rounds: Readonly<Record<ImageModelName, readonly Round[]>> = {
  mnist: [round(5, 64, core), round(10, 64), round(20, 32, everything.slice(0, 5)), round(50, 24, core)],
  fashion: [round(5, 64), round(10, 64), round(20, 32, everything.slice(0, 5))],
}
export const roundsOf = (model: ImageModelName, quick: boolean) => (quick ? [round(10, 48)] : rounds[model])

/** The released form has one-step solvers only, and is run on DDIM. A warm-up of 3 in 5 steps leaves nothing to shift. */
export const goes = (remedy: Remedy | undefined, { name, warmup = 0 }: Base, steps: number) =>
  (remedy !== 'released' || name === 'DDIM') && steps > 2 * warmup

interface Run {
  readonly base: Base
  readonly steps: number
  readonly samples: number
  readonly remedy: Remedy | undefined
}
const runsOf = (model: ImageModelName, quick: boolean): Run[] =>
  roundsOf(model, quick).flatMap(({ steps, samples, remedies }) =>
    bases.flatMap((base) =>
      remedies.filter((r) => goes(r, base, steps)).map((remedy) => ({ steps, samples, base, remedy })),
    ),
  )
const searches = bases.flatMap((base) =>
  searched.filter((r) => goes(r, base, searchSteps)).map((remedy) => ({ base, remedy })),
)

const callsOf = (base: Base, steps: number) => nfeOf(planOf(base, schedule, steps))
/** Network rows of one seed. */
const rowsOf = ({ base, steps, samples }: Omit<Run, 'remedy'>) => samples * callsOf(base, steps)
const searchRows = ({ base, remedy }: (typeof searches)[number]) =>
  searchSeeds * candidatesOf(remedy).length * rowsOf({ base, steps: searchSteps, samples: searchSamples })
const sum = (rows: readonly number[]) => rows.reduce((a, b) => a + b, 0)

/** Network rows that {@link measure} takes. Nothing is searched in the quick form. */
export function workOf(model: ImageModelName, quick: boolean, seeds: number): number {
  return seeds * sum(runsOf(model, quick).map(rowsOf)) + (quick ? 0 : sum(searches.map(searchRows)))
}

/** Where nothing was searched. */
const usual: Setting = { share: 0.4, cutoff: 0.25, scale: 1.01 }

/**
 * Measures a model and adds its cells to the results.
 * @param onRows is told the network rows that were computed, and what for
 * @returns the settings that were chosen, in words
 */
export async function measure(
  model: ImageModel,
  quick: boolean,
  results: Results,
  onRows: (rows: number, what: string) => void,
): Promise<string[]> {
  const { seeds } = results
  const setting = model.name
  const subject = model.subject(1, schedule)
  const dataVariance = varianceWithin(setting)
  const fid = model.cnnFid(seeds.length, 64)
  const { floor } = fid
  if (floor) results.add({ method: floor.name, setting, metric: fid.name, nfe: 0, values: await floor.values() })

  // 1. The bias: are the states as spread as real ones?
  for (const base of bases) {
    const method = `${base.name}, 10 steps`
    await exposure({ method }, subject, planOf(base, schedule, 10), 32, dataVariance, results)
  }

  // 2. The settings, on noises of their own; windows are in units of the step.
  const settings = new Map<string, Setting>()
  const chosen: string[] = []
  for (const { base, remedy } of quick ? [] : searches) {
    const found = await search(remedy, base, subject, { metric: fid, dataVariance })
    settings.set(nameOf(base, remedy), found)
    if (remedy === 'raw') settings.set(nameOf(base, 'constant'), found)
    const { share, cutoff, scale } = found
    const told = remedy === 'scaled' ? `divisor ${scale}` : `window ${share} of a step, cutoff ${cutoff}`
    chosen.push(`${setting}, ${nameOf(base, remedy)}: ${told}`)
    onRows(searchRows({ base, remedy }), `${setting}, search`)
  }

  // 3. Everything from the same noise.
  for (const run of runsOf(setting, quick)) {
    const { steps, samples, base, remedy } = run
    const method = nameOf(base, remedy)
    const plan = planOf(base, schedule, steps)
    const drawn: Tensor[] = []
    const shifts: { readonly saturated: number; readonly meanShift: number }[] = []
    for (const seed of seeds) {
      const tried = attempt(remedy, settings.get(method) ?? usual, plan, base, dataVariance)
      drawn.push(...(await drawSamples({ ...tried, subject }, plan, [seed], samples)))
      const counted = tried.statistics()
      if (counted) shifts.push(counted)
      onRows(rowsOf(run), `${setting}, ${method}, ${steps} steps`)
    }
    const cell = { method, setting, budget: steps, nfe: callsOf(base, steps) }
    results.add({ ...cell, metric: metrics.fid, values: await fid.values(drawn) })
    if (shifts.length === 0) continue
    results.add({ ...cell, metric: metrics.saturated, values: shifts.map(({ saturated }) => saturated) })
    results.add({ ...cell, metric: metrics.shift, values: shifts.map(({ meanShift }) => 1000 * meanShift) })
  }
  return chosen
}

/** Within one image, on average over training images. */
function varianceWithin(model: ImageModelName): number {
  const images = imagesTensor((model === 'mnist' ? mnistData : fashionData).read('train'), 0, 2000)
  return mean(Array.from({ length: 2000 }, (_, i) => variance(row(images, i))))
}
