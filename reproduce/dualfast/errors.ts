/**
 * The paper's split of the error of one step, on a mixture whose true noise is known. With `x_s = a_s x_0 + s_s eps` and
 * one step from s down to t:
 *
 *     E0  the exact state     a_t x_0 + s_t eps
 *     E1  where the network's ODE leads from x_s
 *     E2  where one DDIM step of the network leads from x_s
 *
 * The paper calls E1 - E0 the approximation error and E2 - E1 the discretisation error. But E0 is a draw of the forward
 * process and E1 a path of the ODE: they differ for a perfect network too. What is wrong with the network alone is the
 * distance between its ODE and the true one.
 */

import { rmsDistance } from 'espalier/measure'
import type { GaussianMixture, Process } from 'espalier/process'
import { ddim, interpret } from 'espalier/solve'
import { fold, key, normal, purpose } from 'espalier/tensor'
import type { Results } from '../support/results.ts'

export const levels = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7]
const width = 0.2

export const parts = {
  approximation: 'E1 - E0, this network',
  perfect: 'E1 - E0, a perfect network',
  discretisation: 'E2 - E1, this network',
  network: 'its ODE - the true ODE',
} as const

export const stepError = `rms error after a step of ${width}`
export const settingOf = (t: number) => `mixture, t = ${t}`

export function splitErrors(
  { truth, network, process }: { truth: GaussianMixture; network: GaussianMixture; process: Process },
  samples: number,
  results: Results,
): void {
  for (const to of levels) {
    const from = to + width
    const step = ddim()(process, [from, to])
    const values: Record<keyof typeof parts, number[]> = {
      ...{ approximation: [], perfect: [], discretisation: [], network: [] },
    }
    for (const seed of results.seeds) {
      const ends = Array.from({ length: samples }, (_, i) => {
        const own = fold(purpose(key(seed), 'split'), i)
        const clean = truth.sample(own)
        const eps = new Float64Array(clean.length)
        normal(purpose(own, 'noise'), eps)
        const at = (t: number) => clean.map((v, k) => process.a(t) * v + process.s(t) * eps[k])
        const x = at(from)
        const coarse = interpret(
          step,
          (state, t, out) => network.predict(state, process.a(t), process.s(t), step.target, out),
          x,
        ).states[0]
        return {
          e0: at(to),
          e1: network.flow(process, x, from, to),
          e2: coarse,
          ideal: truth.flow(process, x, from, to),
        }
      })
      const rms = (p: keyof (typeof ends)[0], q: keyof (typeof ends)[0]) => {
        const all = (of: keyof (typeof ends)[0]) => Float32Array.from(ends.flatMap((end) => [...end[of]]))
        const [a, b] = [all(p), all(q)]
        return rmsDistance({ shape: [1, a.length], data: a }, { shape: [1, b.length], data: b })[0]
      }
      values.approximation.push(rms('e1', 'e0'))
      values.perfect.push(rms('ideal', 'e0'))
      values.discretisation.push(rms('e2', 'e1'))
      values.network.push(rms('e1', 'ideal'))
    }
    for (const part of Object.keys(parts) as (keyof typeof parts)[]) {
      const nfe = part === 'discretisation' ? 1 : 0
      results.add({ method: parts[part], setting: settingOf(to), metric: stepError, nfe, values: values[part] })
    }
  }
}
