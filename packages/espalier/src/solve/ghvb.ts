import type { Solver } from './plan.ts'
import { adamsGammas, backwardDifferences, checkOrder, transfer } from './pndm.ts'
import { planOf, type Row, type Terms } from './table.ts'

export interface GhvbOptions {
  /**
   * k, the number of velocities that are combined, 1 to 5; default 4. Or, as the paper writes it, the fractional number
   * q = k - 1 + beta: 3.8 is k = 4 with beta = 0.8.
   */
  readonly order?: number
  /** Share of the newest noise in the velocity, 0 < beta <= 1; 1 (default for whole orders) is no momentum: iPNDM. */
  readonly beta?: number
}

/**
 * GHVB, generalised heavy ball (Wizadwongsa et al. 2024, "Diffusion sampling with momentum for mitigating divergence
 * artifacts"), on the ODE `d(x / a) / d rho = eps`. With `v_0 = e_0`,
 *
 *     v_n = (1 - beta) v_{n-1} + beta e_n
 *     x_to = (a_to / a) x + a_to (rho_to - rho) sum_{j<k} c_j nabla^j v_n,   c_j = gamma_j + ((1 - beta)/beta) gamma_{j-1}
 *
 * which is Adams-Bashforth k written in v and cut off: order k on grids that are uniform in rho, with an error constant
 * that grows as beta falls, and a larger stability region. The weights are for equal steps, as published; on other
 * grids the order is 2 at most. The velocity is a kept state; one network call per step.
 */
export function ghvb(options: GhvbOptions = {}): Solver {
  const { order, beta } = splitOrder('GHVB', options)
  const gammas = adamsGammas(order)
  const c = gammas.map((gamma, j) => gamma + (j === 0 ? 0 : ((1 - beta) / beta) * gammas[j - 1]))
  return (process, grid) => {
    const rows: Row[] = []
    const velocities: number[] = []
    for (let k = 0; k < grid.length - 1; k++) {
      const state = rows.length
      const { x, total } = transfer(process, grid[k], grid[k + 1])
      const old: Terms = k === 0 ? [] : [[velocities[0], 1 - beta]]
      velocities.unshift(rows.push({ step: k, time: grid[k], states: old, predictions: [[k, k === 0 ? 1 : beta]] }))
      const direction = backwardDifferences(c.slice(0, k + 1)).map((w, j) => [velocities[j], total * w] as const)
      rows.push({ step: k, time: null, states: [[state, x], ...direction], predictions: [] })
    }
    return planOf(`ghvb(${order},beta=${beta})`, process, 'noise', grid, rows)
  }
}

/** Order and beta, from the two or from the fractional order. @throws where they do not fit */
export function splitOrder(name: string, { order = 4, beta }: GhvbOptions): { order: number; beta: number } {
  const whole = Math.ceil(order)
  if (beta !== undefined && whole !== order) {
    throw new Error(`${name} takes a fractional order or beta, got order ${order} and beta ${beta}`)
  }
  const fraction = beta ?? (whole === order ? 1 : Number((order - whole + 1).toPrecision(12)))
  checkOrder(name, whole)
  if (!(fraction > 0 && fraction <= 1)) throw new Error(`${name} needs 0 < beta <= 1, got ${beta}`)
  return { order: whole, beta: fraction }
}
