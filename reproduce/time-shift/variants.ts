/** The solvers of the paper, and what is done about exposure bias: time shifts, and what must be compared with them. */

import {
  constantShift,
  epsilonScaled,
  executeTimeShift,
  type LevelOptions,
  type ShiftStatistics,
  type TimeShiftedDenoiser,
  timeShift,
} from 'espalier/guide'
import type { Method } from 'espalier/measure'
import { type Process, uniformGrid, vpLinear } from 'espalier/process'
import { ddim, ddpm, type Plan, pndm, type Solver } from 'espalier/solve'

export interface Base {
  readonly name: string
  readonly solver: Solver
  /** Steps whose calls keep their labels: a warm-up asks at intermediate states. */
  readonly warmup?: number
}

export const bases: readonly Base[] = [
  { name: 'DDPM', solver: ddpm() },
  { name: 'DDIM', solver: ddim() },
  { name: 'F-PNDM', solver: pndm(), warmup: 3 },
]

/** Under guidance, which the paper does not try: one solver, 2 NFE a step. */
export const guidedBases = bases.filter(({ name }) => name === 'DDIM')
export const guidedSteps = [2, 4, 5, 10, 25]
export const scale = 4

/** The paper's schedule for CIFAR-10 and CelebA; networks are viewed on it. */
export const schedule = vpLinear()

/** What is searched: the window in units of a step, the cutoff, the divisor of the noise. */
export interface Setting {
  readonly share: number
  readonly cutoff: number
  readonly scale: number
}

/** Where nothing was searched. */
export const usual: Setting = { share: 0.4, cutoff: 0.25, scale: 1.01 }

export const shiftCandidates: readonly Setting[] = [0.4, 1].flatMap((share) =>
  [0.25, 0.5].map((cutoff) => ({ share, cutoff, scale: 1 })),
)
export const scaleCandidates: readonly Setting[] = [1.003, 1.01, 1.03].map((scale) => ({ share: 0, cutoff: 1, scale }))

export const remedies = {
  raw: 'time shift',
  calibrated: 'time shift, calibrated',
  released: 'time shift as released',
  constant: 'constant shift',
  scaled: 'epsilon scaling',
} as const
export type Remedy = keyof typeof remedies
export const nameOf = ({ name }: Base, remedy?: Remedy) => (remedy ? `${name} + ${remedies[remedy]}` : name)

/** A fresh start of a method, which counts its shifts. */
export interface Attempt extends Pick<Method, 'wrap' | 'run'> {
  statistics(): ShiftStatistics | undefined
}

/** A solver on the paper's grid, times that are even. */
export const planOf = ({ solver }: Base, process: Process, steps: number): Plan =>
  solver(process, uniformGrid(process, steps))

/**
 * A remedy for one run. The constant shift is half of the window towards noise: what the raw rule does where it saturates.
 * @param dataVariance within one real sample, for the calibrated rule
 */
export function attempt(
  remedy: Remedy | undefined,
  { share, cutoff, scale }: Setting,
  plan: Plan,
  { warmup }: Base,
  dataVariance: number,
): Attempt {
  const window = share / (plan.grid.length - 1)
  const start = warmup === undefined ? undefined : plan.grid[warmup]
  const levels: LevelOptions = { window, cutoff, start }
  let shifted: { readonly statistics: ShiftStatistics } | undefined
  const shift = (options: LevelOptions): Method['wrap'] => {
    return (denoiser): TimeShiftedDenoiser => {
      const wrapped = timeShift(denoiser, options)
      shifted = wrapped
      return wrapped
    }
  }
  const run: Method['run'] = async (_, denoiser, x, { keys, condition } = {}) => {
    const result = await executeTimeShift(denoiser, plan.grid, x, { ...levels, keys, condition })
    shifted = result
    return result.state
  }
  const methods: Record<Remedy, Pick<Method, 'wrap' | 'run'>> = {
    raw: { wrap: shift(levels) },
    calibrated: { wrap: shift({ ...levels, dataVariance }) },
    released: { run },
    constant: { wrap: (denoiser) => constantShift(denoiser, { shift: window / 2, cutoff, start }) },
    scaled: { wrap: (denoiser) => epsilonScaled(denoiser, { scale }) },
  }
  return { ...(remedy ? methods[remedy] : {}), statistics: () => shifted?.statistics }
}
