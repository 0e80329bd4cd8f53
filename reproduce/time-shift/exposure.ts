/** Exposure bias: whether the states of a sampler are as spread as those of real data at the same noise level. */

import { drawSamples, type Method, mean, type Subject, variance } from 'espalier/measure'
import type { Process } from 'espalier/process'
import { execute, type Plan } from 'espalier/solve'
import { row, type Tensor } from 'espalier/tensor'
import type { Results } from '../support/results.ts'

/** Mean variance within a state, over that of real states. */
export const relativeSpread = 'variance of the states / that of real ones'
export const settingAt = (name: string, t: number) => `${name}, t = ${Number(t.toFixed(6))}`

/** `a^2 c + s^2`, for data that have the variance c within a sample. */
export const realSpread = (process: Process, t: number, dataVariance: number) =>
  process.a(t) ** 2 * dataVariance + process.s(t) ** 2

const meanSpread = (states: Tensor) => mean(Array.from({ length: states.shape[0] }, (_, i) => variance(row(states, i))))

/** Follows a sampler and adds its relative spread at every time of its grid (at 10 of them, of more). */
export async function exposure(
  method: Pick<Method, 'method' | 'wrap'>,
  subject: Subject,
  plan: Plan,
  samples: number,
  dataVariance: number,
  results: Results,
): Promise<void> {
  const { process } = subject.denoiser
  const steps = plan.grid.length - 1
  const spreads = plan.grid.map((): number[] => [])
  for (const seed of results.seeds) {
    const run: typeof execute = (given, denoiser, x, options) =>
      execute(given, denoiser, x, {
        ...options,
        onStep: ({ step, state }) => {
          spreads[step + 1].push(meanSpread(state))
        },
      })
    await drawSamples({ subject: { ...subject, batch: samples }, wrap: method.wrap, run }, plan, [seed], samples)
  }
  plan.grid.forEach((t, k) => {
    if (k === 0 || (10 * k) % steps !== 0) return
    const real = realSpread(process, t, dataVariance)
    results.add({
      ...{ method: method.method, setting: settingAt(subject.name, t), metric: relativeSpread, nfe: k },
      values: spreads[k].map((v) => v / real),
    })
  })
}
