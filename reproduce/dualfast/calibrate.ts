import { type Comparison, comparisonNfe, drawSamples, mean, planWithin, rmsDistance } from 'espalier/measure'
import { dualFast, growing, type Solver } from 'espalier/solve'

/** Noises that no result is measured on. */
const seed = 1_000_000

export interface Schedule {
  readonly most: number
  readonly power: number
}

/**
 * The schedule `c_k = most (k / (n - 1))^power` with the least distance to the fine solution, for each budget:
 * coordinate search over `most` in 0, .1, ..., .6, then `power` in .5, 1, 2, on noises of its own.
 *
 * @param comparison its methods are the bases; `reference.samples` noises are searched on
 * @param onRows is told the network rows that were computed
 * @returns for each base the schedules by number of steps
 */
export async function calibrate(
  comparison: Comparison,
  onRows?: (rows: number) => void,
): Promise<Map<string, Map<number, Schedule>>> {
  const { subject, grid, gridOptions, budgets, methods, reference } = comparison
  const { process } = subject.denoiser
  const { solver, steps, samples } = reference!
  const fine = solver(process, grid(process, steps, gridOptions))
  const [wanted] = await drawSamples({ subject }, fine, [seed], samples, onRows)
  const found = new Map<string, Map<number, Schedule>>()
  for (const base of methods) {
    const schedules = new Map<number, Schedule>()
    for (const budget of budgets) {
      const cost = async ({ most, power }: Schedule) => {
        const plan = planWithin({ ...comparison, solver: mixed(base.solver, () => growing(most, power)) }, budget)!
        const [drawn] = await drawSamples({ subject }, plan, [seed], samples, onRows)
        return mean(rmsDistance(drawn, wanted))
      }
      let best: Schedule = { most: 0, power: 1 }
      let least = await cost(best)
      const search = async (candidates: readonly Schedule[]) => {
        for (const candidate of candidates) {
          const value = await cost(candidate)
          if (value < least) [best, least] = [candidate, value]
        }
      }
      await search([0.1, 0.2, 0.3, 0.4, 0.5, 0.6].map((most) => ({ most, power: 1 })))
      if (best.most > 0) await search([0.5, 2].map((power) => ({ most: best.most, power })))
      schedules.set(stepsWithin(comparison, base.solver, budget), best)
    }
    found.set(base.method, schedules)
  }
  return found
}

/** Network rows that {@link calibrate} takes at most: 9 schedules. */
export function calibrationRows(comparison: Comparison): number {
  const { methods, reference } = comparison
  return comparisonNfe(
    { ...comparison, samples: reference!.samples, methods: methods.flatMap((m) => Array(9).fill(m)) },
    1,
  )
}

function stepsWithin(comparison: Comparison, solver: Solver, budget: number): number {
  return planWithin({ ...comparison, solver }, budget)!.grid.length - 1
}

/** DualFast whose c may depend on the number of steps. */
export function mixed(base: Solver, c: (steps: number) => number | ((step: number, steps: number) => number)): Solver {
  return (process, grid) => dualFast(base, { c: c(grid.length - 1) })(process, grid)
}
