/**
 * Diffusion Tree Sampling on digits (Jain, Sareen, Pedramfar, Ravanbakhsh 2025, arXiv 2506.20701, section 5.2): the posterior of
 * single digits and of even digits under a model that knows no classes, for trees, particles, guidance, and plain rollouts.
 */

import { gzipSync } from 'node:zlib'
import { picturesOf, versions } from '@espalier/cli'
import { imagesTensor, type LabelledImages, mnistData } from '@espalier/zoo'
import { fitGaussian, frechetDistance, type GaussianFit, Results } from 'espalier/measure'
import { row, type Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { stacked } from '../support/digits.ts'
import { show, verdictOf } from '../support/verdict.ts'
import { familiesOf, familyMetric } from './families.ts'
import { findings } from './findings.ts'
import { measured, metrics, type Truth, type Values, valuesOf } from './measure.ts'
import { dpsAt, type Method, methodsOf, names, type Outcome } from './methods.ts'
import { openPool, type Pool, posteriorOf, rowsOf } from './posterior.ts'
import { openStore, type Store } from './store.ts'
import { openWorld, steps, type Task, tasks, type World } from './world.ts'

/** NFE of a search. */
const allBudgets = [500, 1500, 5000]
/** Samples read out of every search. */
const count = 500
/** Scales of DPS, chosen from on a seed of its own. */
const dpsScales = [0.3, 1, 3, 10, 30]
const tuning = { seed: 999_999, budget: 500 }

/** The names of the rows that no search made. */
export const controls = { exact: 'the posterior itself (half of the pool)', real: 'training images' } as const

/** Pictures of a method, for the contact sheet. */
export interface Shown {
  readonly method: string
  readonly setting: string
  /** The largest that it was given. */
  readonly nfe: number
  /** Bytes 28 x 28 each, one after another; gzip, base64. */
  readonly pictures: string
}

export interface DigitsResult extends ReproductionResult {
  readonly shown: readonly Shown[]
}

/** Pictures of a method. */
const pictured = 16

interface Cell extends Omit<Outcome, 'read'> {
  readonly values: Values
  readonly pictures: string
}

export async function run(options: ReproductionOptions = {}): Promise<DigitsResult> {
  const { quick = false, onProgress = () => {} } = options
  const seeds = options.seeds ?? (quick ? [0, 1, 2] : [0, 1, 2, 3, 4])
  const chosen = quick ? tasks.slice(0, 1) : tasks
  const budgets = quick ? allBudgets.slice(0, 2) : allBudgets
  const world = await openWorld()
  const store = openStore(world.id)
  const results = new Results(seeds)
  const shown: Shown[] = []
  try {
    const size = quick ? 2000 : 10_000
    const pool = await openPool(world, store, size, (i) => onProgress((0.1 * i * 1000) / size, 'the posterior'))
    const truths = new Map<string, Truth>()
    for (const task of chosen) truths.set(task.setting, await truthOf(world, pool, task))
    const truth = (task: Task) => truths.get(task.setting) as Truth

    onProgress(0.1, 'the scale of DPS')
    const scales = new Map<string, number>()
    for (const task of chosen) scales.set(task.setting, await dpsScaleOf(world, store, task, truth(task)))
    const scale = (task: Task) => scales.get(task.setting) as number
    const methods = methodsOf(scale)
    const cells = new Map<string, Cell>()
    const at = (method: Method, task: Task, seed: number, budget: number) =>
      `${method.name}${method.name === names.dps ? ` at ${scale(task)}` : ''}, ${task.setting}, seed ${seed}, ${budget} NFE`
    const work = workOf(methods, budgets)
    let done = 0
    for (const { seed, parts } of seeds.flatMap((seed) => work.map((parts) => ({ seed, parts })))) {
      onProgress(0.12 + (0.83 * done++) / seeds.length / work.length, `seed ${seed}, ${parts[0].method.name}`)
      await Promise.all(
        chosen.flatMap((task) =>
          parts.map(async ({ method, budgets }) => {
            const name = `${at(method, task, seed, budgets[budgets.length - 1])}, pool ${size}`
            const own = await store.value(name, async () => {
              const outcomes = await method.run({ world, store, task, seed, budgets, count })
              return Promise.all(outcomes.map((outcome) => cellOf(world, task, truth(task), outcome)))
            })
            for (const cell of own) cells.set(at(method, task, seed, cell.budget), cell)
          }),
        ),
      )
    }

    for (const task of chosen) {
      addControls(results, task, truth(task))
      await addRealControl(world, store, results, task, truth(task))
      for (const method of methods) {
        const { name } = method
        const of = (budget: number) => seeds.map((seed) => cells.get(at(method, task, seed, budget)) as Cell)
        for (const budget of budgets) addCells(results, { method: name, setting: task.setting, budget }, of(budget))
        const nfe = budgets[budgets.length - 1]
        shown.push({ method: name, setting: task.setting, nfe, pictures: of(nfe)[0].pictures })
      }
      onProgress(0.95, `families, ${task.setting}`)
      await addFamilies(world, store, results, task, budgets[budgets.length - 1])
      shown.push({ method: controls.exact, setting: task.setting, nfe: 0, pictures: exactPictures(pool, truth(task)) })
    }
    onProgress(1, 'done')
    return {
      paper: 'Jain, Sareen, Pedramfar, Ravanbakhsh 2025, Diffusion Tree Sampling, arXiv 2506.20701',
      claim:
        'On digits, the tree samples the posterior of a class, or of even digits, more exactly than guidance and particle ' +
        "methods do, and reaches the best baseline's Frechet distance with up to ten times fewer network evaluations.",
      ...verdictOf(findings(results, { tasks: chosen, methods, budgets })),
      command: `npx espalier reproduce dts-digits${quick ? ' --quick' : ''}`,
      seeds,
      versions: versions(),
      budget:
        `${budgets.join(', ')} NFE a search, ${steps} a sample, ${seeds.length} seeds, ${count} samples ` +
        `read out, posterior from ${size} rollouts, DPS scale ${chosen.map(scale).join(', ')}; ` +
        `Z ${chosen.map((task) => show(truth(task).posterior.z)).join(', ')}`,
      table: results.rows(),
      shown,
    }
  } finally {
    await world.close()
  }
}

interface Part {
  readonly method: Method
  readonly budgets: readonly number[]
}

/** Trees grow a rollout at a time, so that all go together, to fill batches; the others fill them alone. */
function workOf(methods: readonly Method[], budgets: readonly number[]): Part[][] {
  const trees = methods.filter(({ name }) => name.startsWith('DTS'))
  const others = methods.filter((method) => !trees.includes(method))
  return [
    trees.map((method) => ({ method, budgets })),
    ...others.flatMap((method): Part[][] =>
      method.anytime ? [[{ method, budgets }]] : budgets.map((budget) => [{ method, budgets: [budget] }]),
    ),
  ]
}

async function cellOf(world: World, task: Task, truth: Truth, { read, ...rest }: Outcome): Promise<Cell> {
  return { ...rest, values: await measured(world, task, truth, read), pictures: packed(everyOf(read, pictured)) }
}

async function truthOf(world: World, pool: Pool, task: Task): Promise<Truth> {
  const test = imagesTensor(ofClasses(mnistData.read('test'), task.labels))
  return { posterior: await posteriorOf(world, pool, task), real: await fitOf(world, test) }
}

async function fitOf(world: World, images: Tensor): Promise<GaussianFit> {
  const [n, ...event] = images.shape
  const { features } = await world.judge(Array.from({ length: n }, (_, i) => ({ shape: event, data: row(images, i) })))
  return fitGaussian(rowsOf(features))
}

/** The images with one of these labels. */
function ofClasses(images: LabelledImages, labels: readonly string[]): LabelledImages {
  const size = images.height * images.width
  const own = Array.from(images.labels.keys()).filter((i) => labels.includes(String(images.labels[i])))
  const pixels = new Uint8Array(own.length * size)
  own.forEach((i, k) => {
    pixels.set(images.pixels.subarray(i * size, (i + 1) * size), k * size)
  })
  return { ...images, count: own.length, pixels, labels: Uint8Array.from(own, (i) => images.labels[i]) }
}

/** The scale of DPS with the least distance to the posterior of a task. */
async function dpsScaleOf(world: World, store: Store, task: Task, truth: Truth): Promise<number> {
  const distances = await Promise.all(
    dpsScales.map((scale) =>
      store.value(`DPS at ${scale}, ${task.setting}, for its choice`, async () => {
        const job = { world, store, task, seed: tuning.seed, budgets: [tuning.budget], count }
        const [{ read }] = await dpsAt(() => scale).run(job)
        return (await measured(world, task, truth, read)).posterior as number
      }),
    ),
  )
  return dpsScales[distances.indexOf(Math.min(...distances))]
}

type Where = { readonly method: string; readonly setting: string; readonly budget?: number }

function addCells(results: Results, where: Where, cells: readonly Cell[]): void {
  const average = (of: (cell: Cell) => number) =>
    Math.round(cells.reduce((sum, cell) => sum + of(cell), 0) / cells.length)
  for (const [name, metric] of Object.entries(metrics) as [keyof Values, string][]) {
    if (cells[0].values[name] === undefined) continue
    results.add({
      ...where,
      metric,
      nfe: average(({ nfe }) => nfe),
      gradientEvaluations: average(({ gradientEvaluations }) => gradientEvaluations),
      rewardEvaluations: average(({ rewardEvaluations }) => rewardEvaluations),
      values: cells.map(({ values }) => values[name] as number),
    })
  }
}

/** What exact samples would get, in the same numbers: one half of the pool against the other. */
function addControls(results: Results, task: Task, { posterior, real }: Truth): void {
  const all = results.seeds.map((seed): Values => {
    const { fit, meanReward, ...seen } = posterior.half(seed, count)
    return { ...valuesOf({ posterior: { ...posterior, fit }, real }, seen, task), reward: meanReward }
  })
  for (const [name, metric] of Object.entries(metrics) as [keyof Values, string][]) {
    if (all[0][name] === undefined) continue
    const values = all.map((own) => own[name] as number)
    results.add({ method: controls.exact, setting: task.setting, metric, nfe: 0, rewardEvaluations: 0, values })
  }
}

/** How many starts the samples of the largest budget come from. */
async function addFamilies(world: World, store: Store, results: Results, task: Task, budget: number): Promise<void> {
  const { setting } = task
  for (const [method, count] of Object.entries(familiesOf)) {
    const found = await Promise.all(
      results.seeds.map((seed) =>
        store.value(`families of ${method}, ${setting}, seed ${seed}, ${budget} NFE`, () =>
          count({ world, store, task, seed, budget }),
        ),
      ),
    )
    const [{ nfe, rewardEvaluations }] = found
    const values = found.map(({ starts }) => starts)
    results.add({ method, setting, metric: familyMetric, budget, nfe, rewardEvaluations, values })
  }
}

/** Training images against the test images, in the same numbers. */
async function addRealControl(
  world: World,
  store: Store,
  results: Results,
  task: Task,
  { real }: Truth,
): Promise<void> {
  const images = ofClasses(mnistData.read('train'), task.labels)
  const values: number[] = []
  for (const j of results.seeds.keys()) {
    const distance = async () =>
      frechetDistance(real, await fitOf(world, imagesTensor(images, j * count, (j + 1) * count)))
    values.push(await store.value(`training images ${j}, ${task.setting}`, distance))
  }
  results.add({
    method: controls.real,
    setting: task.setting,
    metric: metrics.real,
    nfe: 0,
    rewardEvaluations: 0,
    values,
  })
}

/** So many of the samples, evenly spread. */
const everyOf = <X>(all: readonly X[], n: number): X[] =>
  Array.from({ length: n }, (_, i) => all[Math.floor((i * all.length) / n)])

function packed(samples: readonly Tensor[]): string {
  const bytes = picturesOf(stacked(samples)).map(({ pixels }) => pixels)
  return gzipSync(Buffer.concat(bytes)).toString('base64')
}

function exactPictures(pool: Pool, { posterior }: Truth): string {
  return packed(everyOf(posterior.half(0, count).picked, pictured).map((i) => pool.samples[i]))
}
