/** One seed: its own candidates, reference pairs and test pictures, which never meet. */

import { featureDistance, mean, psnr, variance } from 'espalier/measure'
import { uniformGrid } from 'espalier/process'
import { ddim, ddpm, type Plan, type Solver, start, startStd } from 'espalier/solve'
import { gather, type Key, type Tensor } from 'espalier/tensor'
import { type Judge, metrics, type Restorer, rowKeys } from '../support/restoration.ts'
import { compete, type Pictures, perCandidate } from './candidates.ts'
import {
  budgets,
  ddimOwn,
  ddpmOwn,
  deviation,
  few,
  lead,
  main,
  oracle,
  random,
  rank,
  scaled,
  selected,
  selectedByPsnr,
  selectedOf,
  size,
  transferred,
  zero,
} from './names.ts'
import { spearman } from './spearman.ts'

export interface Sizes {
  readonly candidates: number
  /** In each of the two reference sets. */
  readonly references: number
  readonly tests: number
  /** Test pictures that all candidates are run on. */
  readonly oracles: number
  readonly randoms: number
}

export interface SeedPictures {
  readonly seed: number
  readonly references: Pictures
  /** As many others, for the rank correlation. */
  readonly others: Pictures
  readonly tests: Pictures
}

export interface Entry {
  readonly method: string
  readonly metric: string
  /** Network calls a picture. */
  readonly nfe: number
  readonly value: number
}

export interface SeedResult {
  readonly entries: readonly Entry[]
  /** Features of the clean test pictures. */
  readonly truth: Tensor
  /** Features of what some methods made of them. */
  readonly restored: readonly { readonly method: string; readonly nfe: number; readonly features: Tensor }[]
}

interface Models {
  readonly network: Restorer
  readonly judge: Judge
}

/** A start is selected for each of these; with more steps the one of {@link main} is used. */
const chosenFor = budgets.filter((steps) => steps <= main)
const others = budgets.filter((steps) => steps !== main)
/** Steps of DDIM and of DDPM with a noise of its own for every picture. */
const [many, longest] = [100, 250]
/** Numbers of candidates of which the best is looked at. */
const subsets = [10, 30]
/** Random starts that are tried with each number of steps: fewer where they cost more. */
const randomsOf = (steps: number, randoms: number) => Math.ceil(randoms / (steps > 20 ? 4 : steps > main ? 2 : 1))

/** Network rows of {@link oneSeed}. */
export function rowsOf({ candidates, references, tests, oracles, randoms }: Sizes): number {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
  const own = (steps: number) => (chosenFor.includes(steps) ? 1 : 0)
  return (
    candidates * (main * (references + oracles) + references * sum(chosenFor)) +
    tests * (sum(budgets.map((steps) => steps * (randomsOf(steps, randoms) + own(steps) + 1))) + sum(others)) +
    tests * (main * (1 + subsets.filter((n) => n < candidates).length + 1) + many + longest)
  )
}

export async function oneSeed(
  { network, judge }: Models,
  { seed, references, others: otherReferences, tests }: SeedPictures,
  { candidates, oracles, randoms }: Sizes,
  onRows: (rows: number, what: string) => void,
): Promise<SeedResult> {
  const { denoiser } = network
  const count = tests.clean.shape[0]
  const truth = await judge.features(tests.clean)
  const entries: Entry[] = []
  const restored: { method: string; nfe: number; features: Tensor }[] = []
  const planOf = (steps: number, solver: Solver = ddim()): Plan =>
    solver(denoiser.process, uniformGrid(denoiser.process, steps))

  /** Mean distance and PSNR of all test pictures. */
  const restore = async (plan: Plan, nfe: number, keys: readonly Key[], x?: Tensor) => {
    const images = await network.restore(plan, tests.degraded, keys, x)
    onRows(count * nfe, `${plan.name}, ${nfe} steps`)
    const features = await judge.features(images)
    return { features, feature: mean(featureDistance(features, truth)), psnr: mean(psnr(images, tests.clean, 2)) }
  }
  const add = (method: string, nfe: number, reached: { feature: number; psnr: number; features?: Tensor }) => {
    if (reached.features) restored.push({ method, nfe, features: reached.features })
    entries.push({ method, nfe, metric: metrics.feature, value: reached.feature })
    entries.push({ method, nfe, metric: metrics.psnr, value: reached.psnr })
    return reached
  }
  const shared = (key: Key) => Array.from({ length: count }, () => key)
  const own = (what: string) => rowKeys(seed, what, count)

  let carried: Key | undefined
  for (const steps of [main, ...others]) {
    const plan = planOf(steps)
    const meet = (pictures: Pictures) =>
      compete({ network, judge, plan }, pictures, { candidates, seed }, (rows) =>
        onRows(rows, `starts, ${steps} steps`),
      )
    const met = chosenFor.includes(steps) ? await meet(references) : undefined

    // Starts that all test pictures share.
    const runs: { feature: number; psnr: number; features: Tensor }[] = []
    for (const start of rowKeys(seed, 'random', randomsOf(steps, randoms)))
      runs.push(await restore(plan, steps, shared(start)))
    const distances = runs.map(({ feature }) => feature)
    const spread = Math.sqrt(variance(distances))
    // The set of pictures of one random start, the averages of all.
    const { features } = runs[0]
    add(random, steps, { features, feature: mean(distances), psnr: mean(runs.map((run) => run.psnr)) })
    entries.push({ method: random, nfe: steps, metric: deviation, value: spread })
    const below = ({ feature }: { feature: number }) => (mean(distances) - feature) / spread
    const nothing = { shape: tests.degraded.shape, data: new Float32Array(tests.degraded.data.length) }
    add(zero, steps, await restore(plan, steps, rowKeys(seed, 'unused', count), nothing))
    if (carried) {
      const reached = add(transferred, steps, await restore(plan, steps, shared(carried)))
      entries.push({ method: transferred, nfe: steps, metric: lead, value: below(reached) })
    }
    if (!met) continue
    const { selection, keys, scores } = met
    const { key } = selection
    const reached = add(selected, steps, await restore(plan, steps, shared(key)))
    const noise = start(plan, denoiser, [key]).data
    entries.push(
      { method: selected, nfe: steps, metric: lead, value: below(reached) },
      {
        ...{ method: selected, nfe: steps, metric: size },
        value: mean(noise.map((v) => v * v)) / startStd(plan, denoiser) ** 2,
      },
    )

    // Other choices, the other references, and the best for each of some test pictures.
    if (steps !== main) continue
    carried = key
    const a = denoiser.process.a(plan.grid[0])
    const faint = { shape: nothing.shape, data: tests.degraded.data.map((v) => a * v) }
    add(scaled, steps, await restore(plan, steps, shared(key), faint))
    const means = perCandidate(scores.feature)
    for (const k of subsets.filter((n) => n < candidates))
      add(selectedOf(k), steps, await restore(plan, steps, shared(keys[lowest(means.subarray(0, k))])))
    const sharpest = lowest(perCandidate(scores.psnr).map((v) => -v))
    add(selectedByPsnr, steps, await restore(plan, steps, shared(keys[sharpest])))
    const again = perCandidate((await meet(otherReferences)).scores.feature)
    const tested = (await meet(firstOf(tests, oracles))).scores.feature
    entries.push(
      { method: selected, nfe: steps, metric: rank, value: spearman(means, again) },
      { method: random, nfe: steps, metric: few, value: mean(perCandidate(tested)) },
      { method: selected, nfe: steps, metric: few, value: perCandidate(tested)[selection.selected] },
      { method: oracle, nfe: steps, metric: few, value: mean(tested.map((values) => values[lowest(values)])) },
    )
  }

  // More steps, every picture with its own noise.
  add(ddimOwn, many, await restore(planOf(many), many, own('ddim')))
  add(ddpmOwn, longest, await restore(planOf(longest, ddpm()), longest, own('ddpm')))
  return { entries, truth, restored }
}

const firstOf = ({ clean, degraded }: Pictures, count: number): Pictures => ({
  clean: gather(
    clean,
    Array.from({ length: count }, (_, i) => i),
  ),
  degraded: gather(
    degraded,
    Array.from({ length: count }, (_, i) => i),
  ),
})

function lowest(values: Float64Array): number {
  return values.indexOf(values.reduce((a, b) => Math.min(a, b)))
}
