/**
 * A world whose posteriors differ: clean values `z` of two numbers in six narrow clusters, given as `y = z + noise`. The
 * posterior of each y is a mixture in closed form, and so is the squared error that a start is expected to have.
 */

import { exactSamples, mean, slicedWasserstein2 } from 'espalier/measure'
import { type GaussianMixture, uniformGrid, vpCosine } from 'espalier/process'
import { ddim, execute, type Plan, start } from 'espalier/solve'
import { concatenate, key, normal, purpose, row, stack, type Tensor } from 'espalier/tensor'
import { allClasses } from '../support/clusters.ts'
import { rowKeys } from '../support/restoration.ts'
import type { Results } from '../support/results.ts'
import { error } from './gaussian.ts'
import { oracle, random, rank, selectedOf, zero } from './names.ts'
import { spearman } from './spearman.ts'

/** How this part is named in the table. */
export const plane = 'posteriors of six clusters'
export const w2 = 'sliced W2 to the data'

const noise = 0.7
const candidates = 100
const counts = [10, candidates]
const references = 20
const process = vpCosine()

/** What is to be found, and all that y says about it. */
interface Pair {
  readonly clean: Float64Array
  readonly posterior: GaussianMixture
}

function pairs(seed: number, what: string, count: number): Pair[] {
  return rowKeys(seed, what, count).map((own) => {
    const clean = allClasses.sample(own)
    const y = new Float64Array(2)
    normal(purpose(own, 'noise'), y)
    return {
      clean,
      posterior: allClasses.posterior(
        y.map((e, i) => clean[i] + noise * e),
        1,
        noise,
      ),
    }
  })
}

const squared = (x: ArrayLike<number>, y: ArrayLike<number>) => (x[0] - y[0]) ** 2 + (x[1] - y[1]) ** 2

/** Of a result x, over all that the posterior allows. */
const expected = (x: ArrayLike<number>, { means, stds, weights }: GaussianMixture) =>
  weights.reduce((sum, w, k) => sum + w * (squared(x, means[k]) + 2 * stds[k] ** 2), 0)

const argmin = (values: readonly number[]) => values.indexOf(Math.min(...values))

interface Reached {
  readonly error: number
  readonly w2: number
}
interface Run {
  readonly random: Reached
  readonly selected: readonly Reached[]
  readonly zero: Reached
  /** Error of the best start of each pair. */
  readonly oracle: number
  readonly rank: number
}

async function oneSeed(plan: Plan, seed: number, tests: number, distance: (drawn: Tensor) => number): Promise<Run> {
  const noises = start(plan, allClasses.denoiser(process), rowKeys(seed, 'start', candidates))
  // The last start is x = 0.
  const starts = concatenate([noises, { shape: [1, 2], data: new Float32Array(2) }])
  const every = Array.from({ length: candidates }, (_, k) => k)
  const reach = (own: readonly Pair[]) =>
    Promise.all(own.map(({ posterior }) => execute(plan, posterior.denoiser(process), starts)))
  /** Mean error of every start to what is to be found. */
  const scores = async (what: string) => {
    const own = pairs(seed, what, references)
    const reached = await reach(own)
    return every.map((k) => mean(own.map(({ clean }, i) => squared(row(reached[i], k), clean))))
  }
  const [one, other] = [await scores('references'), await scores('others')]
  const held = pairs(seed, 'test', tests)
  const reached = await reach(held)
  const errorOf = (k: number) => mean(held.map(({ posterior }, i) => expected(row(reached[i], k), posterior)))
  const w2Of = (starting: (pair: number) => number) => {
    const rows = held.map((_, i) => row(reached[i], starting(i)))
    return distance(stack(rows, [2]))
  }
  const shared = (k: number) => ({ error: errorOf(k), w2: w2Of(() => k) })
  return {
    // The set is of pairs with a start of their own, the error that of all starts.
    random: { error: mean(every.map(errorOf)), w2: w2Of((i) => i % candidates) },
    selected: counts.map((n) => shared(argmin(one.slice(0, n)))),
    zero: shared(candidates),
    oracle: mean(held.map(({ clean }, i) => Math.min(...every.map((k) => squared(row(reached[i], k), clean))))),
    rank: spearman(one, other),
  }
}

/**
 * Adds the table of one number of steps.
 * @param tests pairs of a seed that nothing is chosen with
 */
export async function addPlane(results: Results, steps: number, tests: number): Promise<void> {
  const plan = ddim()(process, uniformGrid(process, steps))
  const target = exactSamples(allClasses, 1_000_003, 5000)
  const distance = (drawn: Tensor) => slicedWasserstein2(drawn, target, { key: key(0), directions: 50 })
  const runs: Run[] = []
  for (const seed of results.seeds) runs.push(await oneSeed(plan, seed, tests, distance))
  const at = { setting: plane, budget: steps, nfe: steps }
  const add = (method: string, of: (run: Run) => Reached) => {
    results.add({ ...at, method, metric: error, values: runs.map((run) => of(run).error) })
    results.add({ ...at, method, metric: w2, values: runs.map((run) => of(run).w2) })
  }
  add(random, (run) => run.random)
  counts.forEach((n, i) => {
    add(selectedOf(n), (run) => run.selected[i])
  })
  add(zero, (run) => run.zero)
  results.add({ ...at, method: oracle, metric: error, values: runs.map((run) => run.oracle) })
  results.add({ ...at, method: selectedOf(candidates), metric: rank, values: runs.map((run) => run.rank) })
}
