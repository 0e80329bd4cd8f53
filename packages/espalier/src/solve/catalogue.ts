import { z } from 'zod'
import { type CatalogueEntry, catalogueEntry, fromCatalogue } from '../tensor/catalogue.ts'
import { ddim } from './ddim.ts'
import { ddpm } from './ddpm.ts'
import { deis } from './deis.ts'
import { dpmSolver, dpmSolverPlusPlus } from './dpm-solver.ts'
import type { Solver } from './plan.ts'

const unit = z.number().min(0).max(1)
const tau = z.number().min(0)
const order = (most: number) => z.number().int().min(1).max(most)
const lowerOrderFinal = z.union([z.boolean(), z.literal('auto')])
const variant = z.enum(['correct', 'released'])
const step = z.enum(['midpoint', 'taylor'])
const variable = z.enum(['time', 'rho', 'lambda'])

const dpm = { type: step, tau, variant, lowerOrderFinal }

/** Every solver, by the name that the field uses. */
export const solverCatalogue: readonly CatalogueEntry<Solver>[] = [
  catalogueEntry('ddim', 'DDIM (Song 2021); eta 0 is the ODE, 1 ancestral', { eta: unit }, ddim),
  catalogueEntry('ddpm', 'ancestral sampling (Ho 2020)', { variance: z.enum(['small', 'large']) }, ddpm),
  catalogueEntry('dpm++1m', 'DPM-Solver++ of order 1, which is DDIM', dpm, (o) =>
    dpmSolverPlusPlus({ order: 1, ...o }),
  ),
  catalogueEntry('dpm++2m', 'DPM-Solver++ multistep of order 2 (Lu 2022)', dpm, (o) =>
    dpmSolverPlusPlus({ order: 2, ...o }),
  ),
  catalogueEntry('dpm++3m', 'DPM-Solver++ multistep of order 3 (Lu 2022)', dpm, (o) =>
    dpmSolverPlusPlus({ order: 3, ...o }),
  ),
  catalogueEntry('dpm-2m', 'DPM-Solver multistep of order 2, noise prediction', dpm, (o) =>
    dpmSolver({ order: 2, ...o }),
  ),
  catalogueEntry('dpm-3m', 'DPM-Solver multistep of order 3, noise prediction', dpm, (o) =>
    dpmSolver({ order: 3, ...o }),
  ),
  catalogueEntry(
    'deis',
    'DEIS tAB (Zhang 2023); order 4 is tAB3',
    { order: order(4), variable, lowerOrderFinal },
    deis,
  ),
]

/**
 * The solver that a text names: `dpm++2m`, or with options `ghvb(order=4, beta=0.8)`; a solver may be an option of
 * another: `dualfast(base=dpm-2m(type=taylor), c=0.3)`.
 * @throws one line: what was not understood, and what there is
 */
export function solverFrom(text: string): Solver {
  return fromCatalogue(solverCatalogue, 'solver', text)
}
