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
import { digits, images, metrics, type Sampler, samplers, settingOf } from './digits.ts'
import { largeAlone, nameOf, relativeCost, stepsAtEqualCost } from './stitched.ts'
import { clusters, energy, steps, toyComparison, toyName, toyPair } from './toy.ts'

/** The share that the paper calls free of loss. */
const share = 0.4

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 10 }, (_, i) => i)
  const results = new Results(seeds)
  const points = quick ? 300 : 1000
  const ran = quick ? samplers.slice(0, 2) : samplers

  // 1. In closed form.
  await differences(toyName, toyPair, (i) => ({ images: exactSamples(clusters, seeds[i], points) }), results)
  await compareSolvers([toyComparison(seeds, points)], results, (done, what) => onProgress?.(0.05 * done, what))
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
      `${seeds.length} seeds of ${points} points, of ${images} digits; ${ran.map(({ name, steps: n }) => `${name} ${n} steps`).join(', ')}; ` +
      `the control has the steps that cost as much if a call of the small network costs ${relativeCost} of one of the large; ` +
      'times are measured in this run, all methods of a seed one after another',
    table: results.rows(),
  }
}

/** Whether method a loses less than a tenth of what method b has, beyond doubt. */
function withoutLoss(results: Results, a: string, b: string, where: Where): Finding {
  const base = results.at(b, where).mean
  const lead = results.lead(a, b, where)
  const more = (value: number) => show((-100 * value) / base)
  return {
    holds: -lead.low < 0.1 * base,
    about: `${where.setting}, ${where.metric}`,
    text: `${a} (${show(results.at(a, where).mean)}) is higher than ${b} (${show(base)}) by ${more(lead.mean)}% [${more(lead.high)}, ${more(lead.low)}]`,
  }
}

function findings(results: Results, ran: readonly Sampler[]): Finding[] {
  const small = (r: number) => nameOf('small first', r)
  const toy = { setting: toyName, metric: distanceName, budget: steps }
  return [
    withoutLoss(results, small(share), largeAlone, toy),
    lower(results, small(share), nameOf('large first', share), { ...toy, metric: energy }),
    lower(results, small(share), largeAlone, toy, stepsAtEqualCost(steps, share)),
    ...ran.flatMap((sampler) => {
      const at = { setting: settingOf(sampler), metric: metrics.fid, budget: sampler.steps }
      return [
        withoutLoss(results, small(share), largeAlone, at),
        lower(results, small(share), nameOf('large first', share), at),
        lower(results, small(share), largeAlone, at, stepsAtEqualCost(sampler.steps, share)),
      ]
    }),
  ]
}
