/**
 * T-Stitch (Pan et al. 2024, "T-Stitch: accelerating sampling in pre-trained diffusion models with trajectory
 * stitching", arXiv 2402.14167): a small network makes the noisy steps of a run, a large one the others. In closed form,
 * and on two networks of digits against the control that a reader would try first: fewer steps of the large one.
 */

import { versions } from '@espalier/cli'
import { compareSolvers, distanceName, exactSamples } from 'espalier/measure'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { Results, type Where } from '../support/results.ts'
import { type Finding, lower, show, verdictOf } from '../support/verdict.ts'
import { differences } from './difference.ts'
import { digits, images, metrics, quickSamplers, type Sampler, samplers, settingOf } from './digits.ts'
import { largeAlone, nameOf, relativeCost, paperShare as share, stepsAtEqualCost } from './stitched.ts'
import { clusters, energy, guidedToy, steps, toyComparisons, toyName, toyPair } from './toy.ts'

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 10 }, (_, i) => i)
  const results = new Results(seeds)
  const points = quick ? 300 : 1000
  const ran = quick ? quickSamplers : samplers

  // 1. In closed form.
  await differences(toyName, toyPair, (i) => ({ images: exactSamples(clusters, seeds[i], points) }), results)
  await compareSolvers(toyComparisons(seeds, points), results, (done, what) => onProgress?.(0.05 * done, what))
  // 2. Networks: both orders and the control, each seed of all of them in turn.
  await digits(ran, results, (done, what) => onProgress?.(0.05 + 0.95 * done, what))

  return {
    paper:
      'Pan, Zhuang, Huang, Nie, Yu, Xiao, Cai, Anandkumar 2024, T-Stitch: Accelerating Sampling in Pre-Trained ' +
      'Diffusion Models with Trajectory Stitching, arXiv 2402.14167',
    claim:
      'A network that is 10 times cheaper can make the first 40% of the steps without loss, with any sampler and without ' +
      'training; it must be the first ones, and it is a better use of the time than fewer steps of the large network.',
    ...verdictOf(findings(results, ran)),
    command: `npx espalier reproduce t-stitch${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `4 to 50 NFE a sample; ${seeds.length} seeds of ${points} points, of ${images} digits; ${ran.map(told).join(', ')}; ` +
      `the control has the steps that cost as much if a call of the small network costs ${relativeCost} of one of the large; ` +
      'times are measured in this run, all methods of a seed one after another',
    table: results.rows(),
  }
}

const told = ({ name, steps: n }: Sampler) => (n ? `${name} (all shares at ${n} steps)` : name)

/** Whether method a loses less than a tenth of what method b has, beyond doubt. */
function withoutLoss(results: Results, a: string, b: string, where: Where): Finding {
  const base = results.at(b, where).mean
  const lead = results.lead(a, b, where)
  const more = (value: number) => show((-100 * value) / base)
  return {
    holds: -lead.low < 0.1 * base,
    about: `${where.setting}, ${where.metric} at ${where.budget} NFE`,
    text: `${a} (${show(results.at(a, where).mean)}) is higher than ${b} (${show(base)}) by ${more(lead.mean)}% [${more(lead.high)}, ${more(lead.low)}]`,
  }
}

function findings(results: Results, ran: readonly Sampler[]): Finding[] {
  const small = nameOf('small first', share)
  const large = nameOf('large first', share)
  const parts = (setting: string, n: number, metrics: { near: string; far: string }, cost = 1) => {
    const at = { setting, metric: metrics.near, budget: cost * n }
    return [
      withoutLoss(results, small, largeAlone, at),
      lower(results, small, large, { ...at, metric: metrics.far }),
      lower(results, small, largeAlone, at, cost * stepsAtEqualCost(n, share)),
    ]
  }
  const ofToy = { near: distanceName, far: energy }
  const ofDigits = { near: metrics.fid, far: metrics.fid }
  return [
    ...[5, steps].flatMap((n) => parts(toyName, n, ofToy)),
    ...parts(guidedToy, 10, ofToy, 2),
    ...ran.flatMap((sampler) => {
      // The sweep, and the fewest and the most steps beside it.
      const { steps: swept, counts, cost } = sampler
      const tried = swept
        ? [swept, ...counts.filter((n) => n === 5 || n === 50)]
        : counts.filter((n) => n === 5 || n === 25)
      return tried.flatMap((n) => parts(settingOf(sampler), n, ofDigits, cost))
    }),
  ]
}
