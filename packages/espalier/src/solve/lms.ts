import { exponentialStep } from './exponential.ts'
import { stageOf } from './multistep.ts'
import { parsePlan, type Solver } from './plan.ts'

/**
 * LMS (k-diffusion's `sample_lms`): linear multistep with Lagrange polynomials in rho, `deis({ variable: 'rho' })`. It
 * differs from that at the ends alone: there is no lower order, not even in a step to s = 0.
 * @param options.order number of predictions, 1 to 4, default 4
 */
export function lms(options: { readonly order?: number } = {}): Solver {
  const { order = 4 } = options
  if (!(Number.isInteger(order) && order >= 1 && order <= 4)) throw new Error(`LMS has orders 1 to 4, got ${order}`)
  return (process, grid) => {
    const stages = grid.slice(0, -1).map((from, k) => {
      const nodes = grid.slice(Math.max(0, k - order + 1), k + 1).reverse()
      return stageOf(
        k,
        from,
        exponentialStep({ process, target: 'noise', from, to: grid[k + 1], nodes, variable: 'rho' }),
      )
    })
    return parsePlan({ type: 'plan', name: `lms(${order})`, process: process.name, target: 'noise', grid, stages })
  }
}
