/**
 * A perfect network: data `N(0, c I)`, whose noise is known. All that is wrong with the spread of the states is then the
 * solver's own doing, in closed form: the states of DDIM are too narrow, each step by a factor of
 * `1 + (rho_t - rho_s) rho_s / (c + rho_s^2)` instead of `sqrt((c + rho_t^2) / (c + rho_s^2))`.
 */

import { timeShift } from 'espalier/guide'
import type { Subject } from 'espalier/measure'
import { GaussianMixture, type Process, uniformGrid } from 'espalier/process'
import { ddim, moments } from 'espalier/solve'
import type { Results } from '../support/results.ts'
import { exposure, relativeSpread, settingAt } from './exposure.ts'

/** Variance of the pixels in the sheet's example of natural images, and as many pixels as a digit has. */
export const dataVariance = 0.25
const pixels = 784
export const gaussianName = 'Gaussian data'
export const stepCounts = [10, 20, 50]
export const gaussianMethod = (steps: number) => `DDIM, ${steps} steps`
export const gaussianShift = { raw: '10 steps, time shift', calibrated: '10 steps, calibrated' }

export async function gaussian(process: Process, samples: number, results: Results): Promise<void> {
  for (const steps of stepCounts) {
    const plan = ddim()(process, uniformGrid(process, steps))
    const { times, variance, exact } = moments(plan, process, { mean: 0, std: Math.sqrt(dataVariance) })
    times.forEach((t, k) => {
      if (k === 0 || (10 * k) % steps !== 0) return
      const value = variance[k] / exact.variance[k]
      results.add({
        ...{ method: gaussianMethod(steps), setting: settingAt(gaussianName, t), metric: relativeSpread, nfe: k },
        values: results.seeds.map(() => value),
      })
    })
  }
  // The shifts depend on the drawn states, so these are sampled.
  const world = new GaussianMixture({ means: [new Float64Array(pixels)], stds: [Math.sqrt(dataVariance)] })
  const subject: Subject = { name: gaussianName, denoiser: world.denoiser(process) }
  const plan = ddim()(process, uniformGrid(process, 10))
  const levels = { window: 0.1, cutoff: 0.25 }
  for (const [rule, method] of Object.entries(gaussianShift)) {
    const options = rule === 'raw' ? levels : { ...levels, dataVariance }
    const wrap = (denoiser: Subject['denoiser']) => timeShift(denoiser, options)
    await exposure({ method, wrap }, subject, plan, samples, dataVariance, results)
  }
}
