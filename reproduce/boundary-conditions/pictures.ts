/** One seed: its own candidates, reference pairs and test pictures, which never meet. */

import { featureDistance, mean, psnr, variance } from 'espalier/measure'
import { uniformGrid } from 'espalier/process'
import { ddim, ddpm, type Plan, type Solver, start, startStd } from 'espalier/solve'
import type { Key, Tensor } from 'espalier/tensor'
import { type Judge, metrics, type Restorer, rowKeys } from '../support/restoration.ts'
import { compete, type Pictures, perCandidate } from './candidates.ts'
import {
  ddimOwn,
  ddpmOwn,
  deviation,
  lead,
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

interface Models {
  readonly network: Restorer
  readonly judge: Judge
}

/** Steps at which everything is measured, and those at which a start is also selected, for few tables. */
const [few, more] = [10, 20]
const long = 100
const longest = 250
/** Numbers of candidates of which the best is looked at. */
const subsets = [10, 30]

/** Network rows of {@link oneSeed}. */
export function rowsOf({ candidates, references, tests, randoms }: Sizes): number {
  const starts = randoms + 3
  return (
    candidates * (few * (2 * references + tests) + more * references) +
    tests * (starts * few + (starts + 1) * more + 2 * long + longest)
  )
}

export async function oneSeed(
  { network, judge }: Models,
  { seed, references, others, tests }: SeedPictures,
  { candidates, randoms }: Sizes,
  onRows: (rows: number, what: string) => void,
): Promise<Entry[]> {
  const { denoiser } = network
  const count = tests.clean.shape[0]
  const truth = await judge.features(tests.clean)
  const entries: Entry[] = []
  const planOf = (steps: number, solver: Solver = ddim()): Plan =>
    solver(denoiser.process, uniformGrid(denoiser.process, steps))

  /** Mean distance and PSNR of all test pictures. */
  const restore = async (plan: Plan, nfe: number, keys: readonly Key[], x?: Tensor) => {
    const images = await network.restore(plan, tests.degraded, keys, x)
    onRows(count * nfe, `${plan.name}, ${nfe} steps`)
    return {
      feature: mean(featureDistance(await judge.features(images), truth)),
      psnr: mean(psnr(images, tests.clean, 2)),
    }
  }
  const add = (method: string, nfe: number, reached: { readonly feature: number; readonly psnr: number }) => {
    entries.push({ method, nfe, metric: metrics.feature, value: reached.feature })
    entries.push({ method, nfe, metric: metrics.psnr, value: reached.psnr })
    return reached
  }
  const shared = (key: Key) => Array.from({ length: count }, () => key)
  const own = (what: string) => rowKeys(seed, what, count)

  let previous: Key | undefined
  for (const steps of [few, more]) {
    const plan = planOf(steps)
    const meet = (pictures: Pictures) =>
      compete({ network, judge, plan }, pictures, { candidates, seed }, (rows) =>
        onRows(rows, `starts, ${steps} steps`),
      )
    const { selection, scores } = await meet(references)
    const { key } = selection

    // Starts that all test pictures share.
    const runs: { feature: number; psnr: number }[] = []
    for (const start of rowKeys(seed, 'random', randoms)) runs.push(await restore(plan, steps, shared(start)))
    const distances = runs.map(({ feature }) => feature)
    const spread = Math.sqrt(variance(distances))
    add(random, steps, { feature: mean(distances), psnr: mean(runs.map((run) => run.psnr)) })
    const chosen = add(selected, steps, await restore(plan, steps, shared(key)))
    const nothing = { shape: tests.degraded.shape, data: new Float32Array(tests.degraded.data.length) }
    add(zero, steps, await restore(plan, steps, shared(key), nothing))
    const a = denoiser.process.a(plan.grid[0])
    const faint = { shape: nothing.shape, data: tests.degraded.data.map((v) => a * v) }
    add(scaled, steps, await restore(plan, steps, shared(key), faint))
    if (previous) add(transferred, steps, await restore(plan, steps, shared(previous)))
    previous = key
    const noise = start(plan, denoiser, [key]).data
    entries.push(
      { method: random, nfe: steps, metric: deviation, value: spread },
      { method: selected, nfe: steps, metric: lead, value: (mean(distances) - chosen.feature) / spread },
      {
        ...{ method: selected, nfe: steps, metric: size },
        value: mean(noise.map((v) => v * v)) / startStd(plan, denoiser) ** 2,
      },
    )

    // All candidates on the other references and on the test pictures.
    if (steps !== few) continue
    const again = (await meet(others)).scores
    const value = spearman(perCandidate(scores.feature), perCandidate(again.feature))
    entries.push({ method: selected, nfe: steps, metric: rank, value })
    const tested = (await meet(tests)).scores
    const means = { feature: perCandidate(tested.feature), psnr: perCandidate(tested.psnr) }
    const candidate = (i: number) => ({ feature: means.feature[i], psnr: means.psnr[i] })
    for (const k of subsets.filter((n) => n < candidates))
      add(selectedOf(k), steps, candidate(least(perCandidate(scores.feature).subarray(0, k))))
    add(selectedByPsnr, steps, candidate(least(perCandidate(scores.psnr).map((v) => -v))))
    const best = tested.feature.map(least)
    add(oracle, steps, {
      feature: mean(best.map((k, i) => tested.feature[i][k])),
      psnr: mean(best.map((k, i) => tested.psnr[i][k])),
    })
  }

  // More steps, every picture with its own noise.
  add(ddimOwn, long, await restore(planOf(long), long, own('ddim')))
  add(ddpmOwn, long, await restore(planOf(long, ddpm()), long, own('ddpm')))
  add(ddpmOwn, longest, await restore(planOf(longest, ddpm()), longest, own('ddpm')))
  return entries
}

function least(values: Float64Array): number {
  return values.indexOf(values.reduce((a, b) => Math.min(a, b)))
}
