/** What the networks of images do, with each remedy: the bias, the search for settings, and CNN-FID. */

import { fashionData, imagesTensor, mnistData } from '@espalier/zoo'
import { drawSamples, mean, variance } from 'espalier/measure'
import { nfeOf } from 'espalier/solve'
import { row, type Tensor } from 'espalier/tensor'
import type { ImageModel, ImageModelName } from '../support/images.ts'
import type { Results } from '../support/results.ts'
import { exposure } from './exposure.ts'
import { candidatesOf, search, searched, searchSamples, searchSeeds, searchSteps } from './search.ts'
import {
  attempt,
  type Base,
  bases,
  guidedBases,
  guidedSteps,
  nameOf,
  planOf,
  type Remedy,
  type Setting,
  scale,
  schedule,
  usual,
} from './variants.ts'

export const metrics = {
  fid: 'CNN-FID',
  saturated: 'share of shifts that the window cuts',
  shift: 'mean shift, in steps of 1000',
} as const

/** Samples a seed, of ten classes in turn, and the remedies that are run, for each number of steps. */
export interface Round {
  readonly steps: number
  readonly samples: number
  readonly remedies: readonly (Remedy | undefined)[]
  readonly bases: readonly Base[]
  /** Guidance scale, and NFE a call. */
  readonly w: number
  readonly cost: number
}
const everything = [undefined, 'raw', 'calibrated', 'released', 'constant', 'scaled'] as const
const core = [undefined, 'raw', 'constant', 'scaled'] as const
const round = (steps: number, samples: number, remedies: Round['remedies'] = everything): Round => ({
  ...{ steps, samples, remedies, bases, w: 1, cost: 1 },
})
const guided = (steps: number, samples: number): Round => ({
  ...{ steps, samples, remedies: core, bases: guidedBases, w: scale, cost: 2 },
})
const rounds = [
  ...[4, 5, 10].map((steps) => round(steps, 30)),
  round(20, 20, core),
  round(50, 20, core.slice(0, 3)),
  ...guidedSteps.map((steps) => guided(steps, 20)),
]
export const roundsOf = (quick: boolean) => (quick ? [round(10, 40), guided(5, 20)] : rounds)
export const settingOf = (model: ImageModelName, { w }: Pick<Round, 'w'>) => (w === 1 ? model : `${model}, w = ${w}`)

/** The released form has one-step solvers only, and is run on DDIM. A warm-up of 3 in 5 steps leaves nothing to shift. */
export const goes = (remedy: Remedy | undefined, { name, warmup = 0 }: Base, steps: number) =>
  (remedy !== 'released' || name === 'DDIM') && steps > 2 * warmup

interface Run extends Omit<Round, 'remedies' | 'bases'> {
  readonly base: Base
  readonly remedy: Remedy | undefined
}
const runsOf = (quick: boolean): Run[] =>
  roundsOf(quick).flatMap(({ remedies, bases: own, ...round }) =>
    own.flatMap((base) =>
      remedies.filter((r) => goes(r, base, round.steps)).map((remedy) => ({ ...round, base, remedy })),
    ),
  )
const searches = bases.flatMap((base) =>
  searched.filter((r) => goes(r, base, searchSteps)).map((remedy) => ({ base, remedy })),
)

const callsOf = (base: Base, steps: number) => nfeOf(planOf(base, schedule, steps))
/** Network rows of one seed. */
const rowsOf = ({ base, steps, samples, cost = 1 }: Pick<Run, 'base' | 'steps' | 'samples'> & { cost?: number }) =>
  samples * cost * callsOf(base, steps)
const searchRows = ({ base, remedy }: (typeof searches)[number]) =>
  searchSeeds * candidatesOf(remedy).length * rowsOf({ base, steps: searchSteps, samples: searchSamples })
const sum = (rows: readonly number[]) => rows.reduce((a, b) => a + b, 0)

/** Network rows that {@link measure} takes. Nothing is searched in the quick form. */
export function workOf(quick: boolean, seeds: number): number {
  return seeds * sum(runsOf(quick).map(rowsOf)) + (quick ? 0 : sum(searches.map(searchRows)))
}

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
  const fid = model.cnnFid(seeds.length, 30)
  const { floor } = fid
  const real = floor && (await floor.values())
  for (const name of new Set(roundsOf(quick).map((round) => settingOf(setting, round))))
    if (real) results.add({ method: floor.name, setting: name, metric: fid.name, nfe: 0, values: real })

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
  for (const run of runsOf(quick)) {
    const { steps, samples, base, remedy, w, cost } = run
    const asked = model.subject(w, schedule)
    const method = nameOf(base, remedy)
    const plan = planOf(base, schedule, steps)
    const drawn: Tensor[] = []
    const shifts: { readonly saturated: number; readonly meanShift: number }[] = []
    for (const seed of seeds) {
      const tried = attempt(remedy, settings.get(method) ?? usual, plan, base, dataVariance)
      drawn.push(...(await drawSamples({ ...tried, subject: asked }, plan, [seed], samples)))
      const counted = tried.statistics()
      if (counted) shifts.push(counted)
      onRows(rowsOf(run), `${asked.name}, ${method}, ${steps} steps`)
    }
    const cell = { method, setting: asked.name, budget: steps, nfe: cost * callsOf(base, steps) }
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
