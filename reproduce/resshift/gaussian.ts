/** What few steps leave of a posterior's variance, where everything is known: one pixel, N(0.5, 0.3^2) given -0.2. */

import { type Process, residualShifting, uniformGrid, vpCosine } from 'espalier/process'
import { ddim, ddpm, moments, resShift, type Solver } from 'espalier/solve'

/** How this part is named in the table. */
export const gaussian = 'Gaussian posterior, exact'
export const kept = 'share of the posterior variance'

const [mean, std, degraded] = [0.5, 0.3, -0.2]

/** Exact variance at the end of a run over that of the data, with a perfect network. */
function shareKept(solver: Solver, process: Process, steps: number, centre: number): number {
  const plan = solver(process, uniformGrid(process, steps))
  const { variance } = moments(plan, process, { mean: mean - centre, std }, { start: 'noise' })
  return variance[steps] / std ** 2
}

/** ResShift with T trained steps (least noise 0.2 for 4, else 0.04), its ODE, and diffusions from noise at as many steps. */
export function varianceTable(): { readonly method: string; readonly steps: number; readonly value: number }[] {
  return [4, 15, 100, 1000].flatMap((steps) => {
    const residual = residualShifting({ steps, minNoise: steps === 4 ? 0.2 : 0.04 })
    const noise = vpCosine()
    return [
      { method: 'ResShift', steps, value: shareKept(resShift(), residual, steps, degraded) },
      { method: 'ResShift as an ODE', steps, value: shareKept(ddim(), residual, steps, degraded) },
      { method: 'DDIM from noise', steps, value: shareKept(ddim(), noise, steps, 0) },
      { method: 'DDPM from noise', steps, value: shareKept(ddpm(), noise, steps, 0) },
    ]
  })
}
