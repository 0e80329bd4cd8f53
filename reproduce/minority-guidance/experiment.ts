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
import { extended, lacking } from '../support/known.ts'
import { Results } from '../support/results.ts'
import { verdictOf } from '../support/verdict.ts'
import { findings } from './findings.ts'
import { greedy, noisy, type Searcher, tempered } from './searches.ts'
import { distinct, metrics, openWorld, type World } from './world.ts'

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
  /** Controls and rivals without a classifier; `nfe` of a seed. */
  noisy: 'plain, noise at every step',
  forest: (nfe: number) => `forest (ours), ${nfe} NFE a seed`,
  greedy: (nfe: number) => `greedy islands (ours), ${nfe} NFE a seed`,
  rejected: (nfe: number) => `rejection, rarest tenth, ${nfe} NFE a seed`,
} as const

export const scales = [1, 2, 4] as const
/** The scale at which all classes are asked for. */
export const usual = 2
export const classesOf = (quick: boolean): readonly number[] => (quick ? [0, 9] : [0, 2, 4, 6, 8, 9])

/** Samples of a seed, and their steps. */
const sizes = (quick: boolean) => (quick ? { samples: 40, steps: 20 } : { samples: 100, steps: 40 })

/** Adds the rows of a method. */
interface Job {
  readonly method: string
  readonly setting: string
  run(): Promise<unknown>
}

interface Method {
  readonly method: string
  readonly classifier?: NoisyClassifier
  readonly label?: number
  readonly w?: number
  /** Factor of the first noise. */
  readonly temperature?: number
}

/** A search for large minority scores. The verdict on the paper is not about these. */
interface Rival {
  readonly method: string
  readonly search: Searcher
  /** NFE of a seed with its scores, and how many samples are taken from it. */
  readonly budget: number
  readonly keep: number
}

/** NFE of a sample that is drawn and scored. */
const scored = (steps: number) => steps + minorityScoring.draws

/** As many NFE as guidance, and the ten times as many with which rejection keeps as many samples as guidance makes. */
export const budgetsOf = (quick: boolean) => {
  const { samples, steps } = sizes(quick)
  return { guided: samples * steps, rejecting: 10 * samples * scored(steps) }
}

function rivalsOf(quick: boolean): Rival[] {
  const { samples, steps } = sizes(quick)
  const { guided, rejecting } = budgetsOf(quick)
  const few = Math.max(1, Math.round(Math.floor(guided / scored(steps)) / 10))
  const cheap = [
    { method: names.noisy, search: noisy, budget: guided, keep: samples },
    { method: names.forest(guided), search: tempered, budget: guided, keep: samples },
    // The best of as many as rejection has.
    { method: names.greedy(guided), search: greedy, budget: guided, keep: few },
  ]
  if (quick) return cheap
  return [
    ...cheap,
    { method: names.forest(rejecting), search: tempered, budget: rejecting, keep: samples },
    { method: names.greedy(rejecting), search: greedy, budget: rejecting, keep: samples },
  ]
}

/** Samples of a seed from which on a Frechet distance is taken. */
const fewest = 40

/** Pictures that are shown of a method. */
const shown = 12
const pictures = new WeakMap<ReproductionResult, ReadonlyMap<string, Tensor>>()
/** The first samples of every method, from the same noise, for the contact sheet: they are not part of the table. */
export const samplesOf = (result: ReproductionResult): ReadonlyMap<string, Tensor> | undefined => pictures.get(result)

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress, known } = options
  const seeds = options.seeds ?? Array.from({ length: 5 }, (_, i) => i)
  const { samples, steps } = sizes(quick)
  const results = new Results(seeds)
  const sheet = new Map<string, Tensor>()
  const world = await openWorld(quick ? 2000 : 5000)
  try {
    const jobs: Job[] = (quick ? [rarest] : classesOf(false)).map((label) => ({
      ...{ method: names.real(label), setting },
      run: async () => {
        const real = await addReal(world, results, label, samples)
        sheet.set(names.real(label), gather(real, [...Array(shown).keys()]))
      },
    }))
    const sampled = (method: Method): Job => ({
      ...{ method: method.method, setting },
      async run() {
        const drawn = await draw(world, method, steps, seeds, samples)
        sheet.set(method.method, gather(drawn[0], [...Array(shown).keys()]))
        const gradientEvaluations = method.classifier ? steps - 1 : 0
        await add(world, results, { method: method.method, nfe: steps, gradientEvaluations }, drawn)
        if (method.method !== names.plain) return
        // What the NFE of a seed pay; a sample that is kept has cost those that were not.
        const tried = Math.floor((samples * steps) / scored(steps))
        await addRejection(world, results, names.rejection, steps, drawn, tried)
      },
    })
    const asked = classesOf(quick).map((label) => ({ label, w: usual as number }))
    const scaled = scales.filter((w) => w !== usual).map((w) => ({ label: rarest, w: w as number }))
    const { classifier } = world
    jobs.push(
      sampled({ method: names.plain }),
      ...[...asked, ...scaled].map(({ label, w }) => sampled({ method: names.guided(label, w), classifier, label, w })),
    )
    if (!quick) {
      jobs.push(sampled({ method: names.temperature, temperature: 1.1 }))
      const length = 300
      for (const shuffle of [true, false]) {
        const method = { method: shuffle ? names.shuffled : names.short, label: rarest, w: usual }
        const run = async () => sampled({ ...method, classifier: await world.trained(length, { shuffle }) }).run()
        jobs.push({ method: method.method, setting, run })
      }
    }
    const rivals = rivalsOf(quick).map(
      (rival): Job => ({
        ...{ method: rival.method, setting },
        run: async () => sheet.set(rival.method, await addRival(world, results, rival, steps)),
      }),
    )
    if (!quick) {
      const { rejecting } = budgetsOf(quick)
      const method = names.rejected(rejecting)
      const run = async () => {
        const drawn = await draw(world, { method }, steps, seeds, 10 * samples)
        sheet.set(method, await addRejection(world, results, method, steps, drawn, 10 * samples))
      }
      rivals.push({ method, setting, run })
    }
    const wanted = lacking(known, [...jobs, ...rivals], (job) => rivals.includes(job as Job))
    for (const [i, job] of wanted.entries()) {
      onProgress?.(i / wanted.length, job.method)
      await job.run()
    }
  } finally {
    await world.close()
  }
  onProgress?.(1, 'done')

  const { verdict, why } = known ?? verdictOf(findings(results, quick))
  const result: ReproductionResult = {
    paper:
      "Um, Lee, Ye 2024, Don't Play Favorites: Minority Guidance for Diffusion Models, ICLR 2024, arXiv 2301.12334",
    claim:
      'Guidance by a classifier of minority classes moves samples to lower densities (AvgkNN, LOF, rarity score), the more the ' +
      'rarer the class and the larger the scale, and they look more like real minority samples than plain ones do.',
    verdict,
    why,
    command: `npx espalier reproduce minority-guidance${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${seeds.length} seeds of ${samples} samples, ${steps} DDIM steps; rejection has the NFE of a seed too, of which ` +
      `${minorityScoring.draws} a sample go to its score; gradient evaluations are those of the classifier`,
    table: results.rows(),
  }
  const all = known ? extended(known, result) : result
  pictures.set(all, sheet)
  return all
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
  readonly rewardEvaluations?: number
}

/** The Frechet distance compares equal numbers of samples, so methods that keep few have none. */
async function add(world: World, results: Results, spent: Spent, drawn: readonly Tensor[]): Promise<void> {
  const found = []
  for (const samples of drawn) found.push(await world.measured(samples))
  for (const metric of Object.values(metrics)) {
    if (metric === metrics.fid) continue
    const values = found.map((values) => values[metric])
    if (values.every(Number.isFinite)) results.add({ ...spent, setting, metric, values })
  }
  if (drawn[0].shape[0] < fewest) return
  results.add({ ...spent, setting, metric: metrics.fid, values: await world.fid.values(drawn) })
}

/** Of so many plain samples, each drawn and scored, the tenth with the largest scores. @returns pictures of them */
async function addRejection(
  world: World,
  results: Results,
  method: string,
  steps: number,
  drawn: readonly Tensor[],
  tried: number,
): Promise<Tensor> {
  const kept = await Promise.all(
    drawn.map(async (all) => {
      const scores = await world.scores(gather(all, [...Array(tried).keys()]), 'choosing')
      const order = [...scores.keys()].sort((i, j) => scores[j] - scores[i])
      return gather(all, order.slice(0, Math.max(1, Math.round(tried / 10))))
    }),
  )
  const nfe = Math.round((scored(steps) * tried) / kept[0].shape[0])
  await add(world, results, { method, nfe }, kept)
  return spreadOut(kept[0])
}

/** What a search finds on each seed. @returns pictures of it */
async function addRival(world: World, results: Results, rival: Rival, steps: number): Promise<Tensor> {
  const { method, search, budget, keep } = rival
  const found = []
  for (const seed of results.seeds) found.push(await search(world, steps, budget, seed, keep))
  const each = (of: readonly number[]) => Math.round(of.reduce((a, b) => a + b, 0) / of.length / keep)
  const spent = {
    ...{ method, nfe: each(found.map(({ nfe }) => nfe)) },
    rewardEvaluations: each(found.map(({ rewardEvaluations }) => rewardEvaluations)),
  }
  await add(
    world,
    results,
    spent,
    found.map(({ samples }) => samples),
  )
  results.add({ ...spent, setting, metric: distinct, values: found.map((f) => f.distinct) })
  return spreadOut(found[0].samples)
}

/** Pictures from all over a batch, as its neighbours may be alike. */
const spreadOut = (samples: Tensor): Tensor => {
  const [n] = samples.shape
  return gather(
    samples,
    Array.from({ length: Math.min(shown, n) }, (_, i) => Math.floor((i * n) / Math.min(shown, n))),
  )
}

/** The real digits of a class in the same numbers: where samples of that class should come. */
async function addReal(world: World, results: Results, label: number, samples: number): Promise<Tensor> {
  // Behind those that samples are measured against.
  const sets = results.seeds.map((_, i) => world.real(label, 1000 + ((i * samples) % 1000), samples))
  await add(world, results, { method: names.real(label), nfe: 0 }, sets)
  return sets[0]
}
