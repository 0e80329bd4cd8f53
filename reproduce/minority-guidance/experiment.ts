/**
 * Minority guidance (Um, Lee, Ye 2024, arXiv 2301.12334): a classifier of noisy samples by how rare they are, trained on
 * scores that the diffusion model itself gives, and guidance by it towards any degree of rarity.
 */

import { versions } from '@espalier/cli'
import { minorityClassNames, minorityScoring } from '@espalier/zoo'
import { classifierGuided, type NoisyClassifier } from 'espalier/guide'
import { drawSamples } from 'espalier/measure'
import { type Denoiser, uniformGrid } from 'espalier/process'
import { ddim, execute } from 'espalier/solve'
import { gather, type Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { Results } from '../support/results.ts'
import { verdictOf } from '../support/verdict.ts'
import { findings } from './findings.ts'
import { metrics, openWorld, type World } from './world.ts'

const rarest = 9

export const setting = 'digits'
export const names = {
  plain: 'plain',
  rejection: 'rejection, rarest tenth',
  temperature: 'temperature 1.1',
  shuffled: 'shuffled labels, class 9, w = 2',
  short: 'same training, true labels, class 9, w = 2',
  guided: (label: number, w: number) => `class ${label}, w = ${w}`,
  real: (label: number) => `real digits, class ${label}`,
} as const

export const scales = [1, 2, 4] as const
/** The scale at which all classes are asked for. */
export const usual = 2
export const classesOf = (quick: boolean): readonly number[] => (quick ? [0, 9] : [0, 2, 4, 6, 8, 9])

interface Method {
  readonly method: string
  readonly classifier?: NoisyClassifier
  readonly label?: number
  readonly w?: number
  /** Factor of the first noise. */
  readonly temperature?: number
}

/** Pictures that are shown of a method. */
const shown = 12
const pictures = new WeakMap<ReproductionResult, ReadonlyMap<string, Tensor>>()
/** The first samples of every method, from the same noise, for the contact sheet: they are not part of the table. */
export const samplesOf = (result: ReproductionResult): ReadonlyMap<string, Tensor> | undefined => pictures.get(result)

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: 5 }, (_, i) => i)
  const samples = quick ? 40 : 100
  const steps = quick ? 20 : 40
  const results = new Results(seeds)
  const sheet = new Map<string, Tensor>()
  const world = await openWorld(quick ? 2000 : 5000)
  try {
    onProgress?.(0, 'real digits')
    for (const label of quick ? [rarest] : classesOf(false)) {
      const real = await addReal(world, results, label, samples)
      sheet.set(names.real(label), gather(real, [...Array(shown).keys()]))
    }

    const asked = classesOf(quick).map((label) => ({ label, w: usual as number }))
    const scaled = scales.filter((w) => w !== usual).map((w) => ({ label: rarest, w: w as number }))
    const methods: Method[] = [
      { method: names.plain },
      ...[...asked, ...scaled].map(({ label, w }) => ({
        ...{ method: names.guided(label, w), classifier: world.classifier, label, w },
      })),
    ]
    if (!quick) {
      methods.push({ method: names.temperature, temperature: 1.1 })
      const length = 300
      for (const shuffle of [true, false]) {
        onProgress?.(0, 'training the classifiers of the control')
        const classifier = await world.trained(length, { shuffle })
        methods.push({ method: shuffle ? names.shuffled : names.short, classifier, label: rarest, w: usual })
      }
    }
    for (const [i, method] of methods.entries()) {
      onProgress?.(i / methods.length, method.method)
      const drawn = await draw(world, method, steps, seeds, samples)
      sheet.set(method.method, gather(drawn[0], [...Array(shown).keys()]))
      const gradientEvaluations = method.classifier ? steps - 1 : 0
      await add(world, results, { method: method.method, nfe: steps, gradientEvaluations }, drawn)
      if (method.method === names.plain) await addRejection(world, results, steps, drawn)
    }
  } finally {
    await world.close()
  }
  onProgress?.(1, 'done')

  const result: ReproductionResult = {
    paper:
      "Um, Lee, Ye 2024, Don't Play Favorites: Minority Guidance for Diffusion Models, ICLR 2024, arXiv 2301.12334",
    claim:
      'Guidance by a classifier of minority classes moves samples to lower densities (AvgkNN, LOF, rarity score), the more the ' +
      'rarer the class and the larger the scale, and they look more like real minority samples than plain ones do.',
    ...verdictOf(findings(results, quick)),
    command: `npx espalier reproduce minority-guidance${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${seeds.length} seeds of ${samples} samples, ${steps} DDIM steps; rejection has the NFE of a seed too, of which ` +
      `${minorityScoring.draws} a sample go to its score; gradient evaluations are those of the classifier`,
    table: results.rows(),
  }
  pictures.set(result, sheet)
  return result
}

/** From the same noise for every method. */
async function draw(
  world: World,
  method: Method,
  steps: number,
  seeds: readonly number[],
  samples: number,
): Promise<Tensor[]> {
  const { classifier, label, w = 0, temperature = 1 } = method
  const plan = ddim()(world.denoiser.process, uniformGrid(world.denoiser.process, steps))
  const wrap = (denoiser: Denoiser) =>
    classifier
      ? classifierGuided(denoiser, classifier, { label: minorityClassNames[label ?? rarest], scale: w })
      : denoiser
  const warm: typeof execute = (table, denoiser, x, run) =>
    execute(table, denoiser, { shape: x.shape, data: x.data.map((v) => temperature * v) }, run)
  const subject = { name: setting, denoiser: world.denoiser, batch: 50 }
  const drawn = await drawSamples({ subject, wrap, run: warm }, plan, seeds, samples)
  // In the range of the data, as every sample is shown.
  return drawn.map(({ shape, data }) => ({ shape, data: data.map((v) => Math.min(1, Math.max(-1, v))) }))
}

interface Spent {
  readonly method: string
  readonly nfe: number
  readonly gradientEvaluations?: number
}

async function add(world: World, results: Results, spent: Spent, drawn: readonly Tensor[]): Promise<void> {
  await addMeasured(world, results, spent, drawn)
  results.add({ ...spent, setting, metric: metrics.fid, values: await world.fid.values(drawn) })
}

async function addMeasured(world: World, results: Results, spent: Spent, drawn: readonly Tensor[]): Promise<void> {
  const found = []
  for (const samples of drawn) found.push(await world.measured(samples))
  for (const metric of Object.values(metrics)) {
    if (metric === metrics.fid) continue
    const values = found.map((values) => values[metric])
    if (values.every(Number.isFinite)) results.add({ ...spent, setting, metric, values })
  }
}

/**
 * Of as many plain samples as the NFE of a seed pay, each drawn and scored, the tenth with the largest scores. A sample
 * that is kept has cost those that were not.
 */
async function addRejection(world: World, results: Results, steps: number, drawn: readonly Tensor[]): Promise<void> {
  const each = steps + minorityScoring.draws
  const kept = await Promise.all(
    drawn.map(async (all) => {
      const tried = Math.floor((all.shape[0] * steps) / each)
      const scores = await world.scores(gather(all, [...Array(tried).keys()]), 'choosing')
      const order = [...scores.keys()].sort((i, j) => scores[j] - scores[i])
      return { tried, samples: gather(all, order.slice(0, Math.max(1, Math.round(tried / 10)))) }
    }),
  )
  const nfe = Math.round((each * kept[0].tried) / kept[0].samples.shape[0])
  await addMeasured(
    world,
    results,
    { method: names.rejection, nfe },
    kept.map(({ samples }) => samples),
  )
}

/** The real digits of a class in the same numbers: where samples of that class should come. */
async function addReal(world: World, results: Results, label: number, samples: number): Promise<Tensor> {
  // Behind those that samples are measured against.
  const sets = results.seeds.map((_, i) => world.real(label, 1000 + ((i * samples) % 1000), samples))
  await add(world, results, { method: names.real(label), nfe: 0 }, sets)
  return sets[0]
}
