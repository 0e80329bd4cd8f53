/**
 * The exact case: pictures `z` of 64 numbers with `z | y ~ N(m(y), C)`, one C for all y, of spectrum `C_f = 1 / f`.
 *
 * DDIM is linear there: a start x gives `m + g x` with one gain a frequency, so the expected error of a start over all
 * y is `sum_f C_f + g_f^2 x_f^2`, in which y does not occur. All starts are ranked alike by all pictures, and x = 0 is best.
 */

import { uniformGrid, vpCosine } from 'espalier/process'
import { ddim, moments } from 'espalier/solve'
import { normal } from 'espalier/tensor'
import { rowKeys } from '../support/restoration.ts'
import type { Results } from '../support/results.ts'
import { oracle, random, rank, selectedOf, zero } from './names.ts'
import { spearman } from './spearman.ts'

/** How this part is named in the table. */
export const gaussian = 'Gaussian posterior, spectrum 1/f'
export const error = 'squared error'

const frequencies = 64
const candidates = 1000
const references = 20
const counts = [10, 100, candidates]

/** What DDIM makes of the start noise, a frequency: exact, from the table of coefficients. */
function gains(steps: number): number[] {
  const process = vpCosine()
  const plan = ddim()(process, uniformGrid(process, steps))
  return Array.from({ length: frequencies }, (_, i) => {
    const data = { mean: 0, std: 1 / Math.sqrt(i + 1) }
    return moments(plan, process, data, { start: 'noise' }).coefficients[steps][1]
  })
}

function draws(seed: number, what: string, count: number): Float64Array[] {
  return rowKeys(seed, what, count).map((own) => {
    const z = new Float64Array(frequencies)
    normal(own, z)
    return z
  })
}

const argmin = (values: readonly number[]) => values.indexOf(Math.min(...values))
const average = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length

/** Adds the table of one number of steps. */
export function addGaussian(results: Results, steps: number): void {
  const gain = gains(steps)
  const spectrum = gain.map((_, i) => 1 / (i + 1))
  /** Squared distance of the result of a start to a picture, both less m. */
  const distance = (x: Float64Array, z: Float64Array) =>
    gain.reduce((sum, g, f) => sum + (g * x[f] - Math.sqrt(spectrum[f]) * z[f]) ** 2, 0)
  const expected = (x: ArrayLike<number>) => gain.reduce((sum, g, f) => sum + spectrum[f] + (g * x[f]) ** 2, 0)
  const runs = results.seeds.map((seed) => {
    const starts = draws(seed, 'start', candidates)
    const [one, other] = ['references', 'others'].map((what) => {
      const pictures = draws(seed, what, references)
      return starts.map((x) => average(pictures.map((z) => distance(x, z))))
    })
    const tests = draws(seed, 'test', references)
    return {
      random: average(starts.map(expected)),
      selected: counts.map((k) => expected(starts[argmin(one.slice(0, k))])),
      oracle: average(tests.map((z) => Math.min(...starts.map((x) => distance(x, z))))),
      rank: spearman(one, other),
    }
  })
  const at = { setting: gaussian, budget: steps, nfe: steps }
  const add = (method: string, values: number[], metric = error) => results.add({ ...at, method, metric, values })
  add(
    random,
    runs.map((run) => run.random),
  )
  counts.forEach((k, i) => {
    add(
      selectedOf(k),
      runs.map((run) => run.selected[i]),
    )
  })
  add(
    zero,
    runs.map(() => expected(new Float64Array(frequencies))),
  )
  add(
    oracle,
    runs.map((run) => run.oracle),
  )
  add(
    selectedOf(candidates),
    runs.map((run) => run.rank),
    rank,
  )
}
