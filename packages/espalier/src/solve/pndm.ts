import type { Process } from '../process/process.ts'
import { exponentialStep } from './exponential.ts'
import type { Solver } from './plan.ts'
import { planOf, type Row, type Terms } from './table.ts'

/**
 * Weights, newest first, of `sum_j differences[j] nabla^j e`, with `nabla^j` the j-th backward difference of a history.
 */
export function backwardDifferences(differences: readonly number[]): number[] {
  return differences.map((_, i) => {
    let binomial = 1 // j over i
    let sum = 0
    for (let j = i; j < differences.length; j++) {
      sum += binomial * differences[j]
      binomial *= (j + 1) / (j + 1 - i)
    }
    return i % 2 === 0 ? sum : -sum
  })
}

/** The first n numbers gamma_j of Adams and Bashforth: 1, 1/2, 5/12, 3/8, ...; `sum_i gamma_i / (j + 1 - i) = 1`. */
export function adamsGammas(n: number): number[] {
  const gammas: number[] = []
  for (let j = 0; j < n; j++) gammas.push(gammas.reduce((rest, gamma, i) => rest - gamma / (j + 1 - i), 1))
  return gammas
}

/** Adams-Bashforth weights for equal steps, newest first: (3, -1)/2, (23, -16, 5)/12, (55, -59, 37, -9)/24, ... */
export function adamsBashforth(order: number): number[] {
  return backwardDifferences(adamsGammas(order))
}

/** The DDIM step in the noise: `x_to = x x_from + total * eps` ("transfer" in the PNDM paper, eq. 11). */
export function transfer(process: Process, from: number, to: number): { readonly x: number; readonly total: number } {
  const { x, predictions } = exponentialStep({ process, target: 'noise', from, to, nodes: [from] })
  return { x, total: predictions[0] }
}

/**
 * PNDM (Liu et al. 2022, "Pseudo numerical methods for diffusion models on manifolds", Algorithms 1 and 2): DDIM steps
 * whose noise is a combination of noises with the weights of a linear multistep method for equal steps.
 *
 * `runge-kutta` (F-PNDM, default): three pseudo Runge-Kutta steps of four calls, then Adams-Bashforth 4; n + 9 NFE.
 * `improved-euler` (S-PNDM): one pseudo improved Euler step, then Adams-Bashforth 2; n + 1 NFE.
 *
 * The constant weights are the method, as published. They have their order only on grids that are uniform in rho; on
 * others it is 2, and the variable-step form is `deis({ variable: 'rho' })`. The start counts too: a pseudo step has a
 * local error of O(h^3), as the middle of a step in time is not its middle in rho, which in the limit leaves order 3.
 */
export function pndm(options: { readonly warmup?: 'runge-kutta' | 'improved-euler' } = {}): Solver {
  const { warmup = 'runge-kutta' } = options
  if (warmup === 'runge-kutta') return constantMultistep('f-pndm', 4, 3, rungeKutta)
  if (warmup === 'improved-euler') return constantMultistep('s-pndm', 2, 1, improvedEuler)
  throw new Error(`PNDM starts with "runge-kutta" or "improved-euler", got ${JSON.stringify(warmup)}`)
}

/**
 * PLMS, as latent diffusion samples (Rombach et al. 2022; PNDM without its Runge-Kutta start): one pseudo improved
 * Euler step, then Adams-Bashforth 2, 3, 4 with constant weights; n + 1 NFE. Orders as in {@link pndm}.
 */
export function plms(): Solver {
  return constantMultistep('plms', 4, 1, improvedEuler)
}

/**
 * iPNDM (Zhang and Chen 2023, with DEIS): DDIM, then Adams-Bashforth 2, 3, ... up to `order`,
 * with constant weights; n NFE. Orders as in {@link pndm}; its DDIM start
 * leaves 2 in the limit.
 * @param options.order 1 to 5, default 4
 */
export function ipndm(options: { readonly order?: number } = {}): Solver {
  const { order = 4 } = options
  checkOrder('iPNDM', order)
  return constantMultistep(`ipndm(${order})`, order, 0, improvedEuler)
}

/** @throws unless the order is 1 to 5 */
export function checkOrder(name: string, order: number): void {
  if (!(Number.isInteger(order) && order >= 1 && order <= 5)) throw new Error(`${name} has orders 1 to 5, got ${order}`)
}

/** One-step methods for the start: the rows of step k from state `x`, whose first call makes prediction `e`. */
type Warmup = (process: Process, step: number, from: number, to: number, x: number, e: number) => Row[]

/** Warm-up steps, then Adams-Bashforth of the highest order up to `order` that there are first calls for. */
function constantMultistep(name: string, order: number, warmups: number, warmup: Warmup): Solver {
  return (process, grid) => {
    const rows: Row[] = []
    const first: number[] = [] // the first prediction of each step
    let asked = 0
    for (let k = 0; k < grid.length - 1; k++) {
      const [from, to] = [grid[k], grid[k + 1]]
      first.unshift(asked)
      if (k < warmups) {
        const start = warmup(process, k, from, to, rows.length, asked)
        rows.push(...start)
        asked += start.length
      } else {
        const { x, total } = transfer(process, from, to)
        const weights = adamsBashforth(Math.min(order, k + 1))
        const predictions = weights.map((w, j) => [first[j], total * w] as const)
        rows.push({ step: k, time: from, states: [[rows.length, x]], predictions })
        asked++
      }
    }
    return planOf(name, process, 'noise', grid, rows)
  }
}

/** `e_1` at x, `e_2` where it leads, and a transfer with their mean. */
function improvedEuler(process: Process, step: number, from: number, to: number, x: number, e: number): Row[] {
  return pseudoSteps(process, step, from, x, e, [to], [to, [1, 1]])
}

/** `e_2` and `e_3` in the middle of the step, in time, `e_4` at its end, `(e_1 + 2 e_2 + 2 e_3 + e_4) / 6`. */
function rungeKutta(process: Process, step: number, from: number, to: number, x: number, e: number): Row[] {
  const middle = (from + to) / 2
  return pseudoSteps(process, step, from, x, e, [middle, middle, to], [to, [1, 2, 2, 1]])
}

/** Transfers from x to each of the times with the latest noise, and at last to the end with a weighted mean of all. */
function pseudoSteps(
  process: Process,
  step: number,
  from: number,
  x: number,
  e: number,
  times: readonly number[],
  [to, weights]: readonly [number, readonly number[]],
): Row[] {
  const sum = weights.reduce((total, w) => total + w, 0)
  return [...times, to].map((goal, i): Row => {
    const { x: scale, total } = transfer(process, from, goal)
    const last = i === times.length
    const predictions: Terms = last ? weights.map((w, j) => [e + j, (total * w) / sum] as const) : [[e + i, total]]
    return { step, time: i === 0 ? from : times[i - 1], states: [[x, scale]], predictions }
  })
}
