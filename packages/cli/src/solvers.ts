/** `--solver`: solvers by name. */

import { ddim, ddpm, type Solver } from 'espalier/solve'

export interface SolverOptions {
  readonly eta: number
}

export const solvers = {
  ddim: ({ eta }: SolverOptions): Solver => ddim({ eta }),
  ddpm: (): Solver => ddpm(),
} as const satisfies Record<string, (options: SolverOptions) => Solver>

export type SolverName = keyof typeof solvers
export const solverNames = Object.keys(solvers) as SolverName[]
