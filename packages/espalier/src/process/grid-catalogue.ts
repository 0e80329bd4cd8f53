import { z } from 'zod/mini'
import { type CatalogueEntry, catalogueEntry, fromCatalogue } from '../tensor/catalogue.ts'
import type { Grid, GridOptions } from './grid.ts'
import {
  betaGrid,
  circularGrid,
  linearQuadraticGrid,
  logSnrGrid,
  polyexponentialGrid,
  powerGrid,
  quadraticGrid,
  rhoPowerGrid,
  shiftedGrid,
  uniformGrid,
} from './grids.ts'
import { alignYourSteps, alignYourStepsGrid, spacedGrid } from './listed-grids.ts'

const number = z.number()
const positive = z.number().check(z.positive())
/** Every grid in time or in noise takes these. */
const ends = { from: number, to: number, last: number, rhoMax: number, rhoMin: number }

type Ends = Pick<GridOptions, keyof typeof ends>

/** An entry of a grid with ends; those that the caller of the grid gives go first. */
function gridEntry<Shape extends z.core.$ZodShape>(
  name: string,
  about: string,
  shape: Shape,
  grid: (options: { [K in keyof Shape]?: z.infer<Shape[K]> }) => Grid,
): CatalogueEntry<Grid> {
  return catalogueEntry(name, about, { ...shape, ...ends }, (options): Grid => {
    const { from, to, last, rhoMax, rhoMin } = options as Ends
    const made = grid(options as Parameters<typeof grid>[0])
    return (process, n, given = {}) => made(process, n, { from, to, last, rhoMax, rhoMin, ...given })
  })
}

/** Grids by name, for {@link gridFrom}. */
export const gridCatalogue: readonly CatalogueEntry<Grid>[] = [
  gridEntry('uniform', 'even steps of the process time', {}, () => uniformGrid),
  gridEntry('quadratic', 'even steps of sqrt(t) (DDIM, DEIS)', {}, () => quadraticGrid),
  gridEntry('power', 'even steps of t^(1/power)', { power: positive }, ({ power = 1 }) => powerGrid(power)),
  gridEntry('logSnr', 'even steps of log(a / s) (DPM-Solver)', {}, () => logSnrGrid),
  gridEntry('exponential', 'the same: even steps of log rho', {}, () => logSnrGrid),
  gridEntry('polyexponential', 'log rho falls as a power (k-diffusion)', { power: positive }, ({ power = 1 }) =>
    polyexponentialGrid(power),
  ),
  gridEntry('karras', 'even steps of rho^(1/exponent) (EDM; 7)', { exponent: positive }, ({ exponent = 7 }) =>
    rhoPowerGrid(exponent),
  ),
  gridEntry('beta', 'rho at quantiles of a Beta law (0.6, 0.6)', { alpha: positive, beta: positive }, betaGrid),
  gridEntry(
    'linearQuadratic',
    'half linear, half a parabola (LTX-Video)',
    { threshold: positive },
    linearQuadraticGrid,
  ),
  gridEntry('circular', 'sqrt(1 - (i/n)^2): small steps near the noise (RBF, Kim 2025)', {}, () => circularGrid),
  gridEntry('shifted', 'uniform, moved towards the noise (SD3)', { shift: positive }, ({ shift = 3 }) =>
    shiftedGrid(shift),
  ),
  catalogueEntry(
    'spaced',
    'whole timesteps of a table, spaced linspace, leading or trailing (diffusers)',
    {
      spacing: z.enum(['linspace', 'leading', 'trailing']),
      offset: z.int(),
      final: z.enum(['zero', 'min']),
      dropLast: z.boolean(),
      round: z.boolean(),
    },
    spacedGrid,
  ),
  catalogueEntry(
    'alignYourSteps',
    'the tables of Sabour 2024 (sd15, sdxl, svd)',
    { model: z.enum(Object.keys(alignYourSteps) as [keyof typeof alignYourSteps]) },
    ({ model = 'sd15' }) => alignYourStepsGrid(model),
  ),
]

/**
 * The grid that a text names: `karras`, `karras(exponent=5, rhoMax=80)`, `spaced(spacing=leading, offset=1)`.
 * @throws one line: what was not understood, and what there is
 */
export function gridFrom(text: string): Grid {
  return fromCatalogue(gridCatalogue, 'grid', text)
}
