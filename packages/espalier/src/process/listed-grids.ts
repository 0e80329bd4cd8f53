import { checkDecreasing, checkSteps, type Grid, type GridOptions, timeOfRho } from './grid.ts'
import type { Process } from './process.ts'
import type { TableProcess } from './vp-table.ts'

/**
 * What comes after the last timestep of a discrete model: `zero`, clean data; or `min`, the noise of index 0
 * (diffusers: `final_sigmas_type`, and `set_alpha_to_one: false`).
 */
export type FinalLevel = 'zero' | 'min'

function tableOf(what: string, process: Process): TableProcess {
  if (!('steps' in process))
    throw new Error(`${what} needs a process with whole timesteps (vpTable), got ${process.name}`)
  return process as TableProcess
}

function refuseOptions(what: string, options: GridOptions): void {
  const given = Object.entries(options).find(([, value]) => value !== undefined)
  if (given) throw new Error(`${what} has its own ends and takes no "${given[0]}"`)
}

const timesOf = (process: TableProcess, timesteps: readonly number[], final: FinalLevel) => [
  ...timesteps.map((index) => (index + 1) / process.steps),
  final === 'zero' ? 0 : 1 / process.steps,
]

/** What a {@link customGrid} visits. */
export type GridList =
  /** All times. */
  | { readonly times: readonly number[] }
  /** All noise levels; 0 is clean data. */
  | { readonly rhos: readonly number[] }
  /** The timesteps (table indices) where the network is asked, and what comes after. */
  | { readonly timesteps: readonly number[]; readonly final?: FinalLevel }

/**
 * The grid that a user lists. It fits one number of steps only.
 * @throws at a call with another n, or where the list does not decrease strictly
 */
export function customGrid(list: GridList): Grid {
  return (process, n, options = {}) => {
    refuseOptions('a custom grid', options)
    checkSteps(n)
    const times =
      'times' in list
        ? [...list.times]
        : 'rhos' in list
          ? list.rhos.map((rho) => timeOfRho(process, rho))
          : timesOf(tableOf('a list of timesteps', process), list.timesteps, list.final ?? 'zero')
    if (times.length !== n + 1) throw new Error(`the custom grid has ${times.length - 1} steps, not ${n}`)
    checkDecreasing('the custom grid', times)
    return times
  }
}

/**
 * The ten-step tables of Sabour et al. 2024, "Align your steps", for the models that they were optimised for: Stable
 * Diffusion 1.5 and XL (timesteps of the scaled-linear table, and noise levels), Stable Video Diffusion (noise levels).
 */
export const alignYourSteps = {
  sd15: {
    timesteps: [999, 850, 736, 645, 545, 455, 343, 233, 124, 24],
    rhos: [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0],
  },
  sdxl: {
    timesteps: [999, 845, 730, 587, 443, 310, 193, 116, 53, 13],
    rhos: [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0],
  },
  svd: { rhos: [700, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0] },
} as const

/**
 * The noise levels of {@link alignYourSteps}; for other than ten steps `log rho` is interpolated over the index, up to
 * the last noisy entry, as the authors do. A first level above the process's own (by rounding of the table) is its own.
 */
export function alignYourStepsGrid(model: keyof typeof alignYourSteps): Grid {
  if (!Object.hasOwn(alignYourSteps, model)) {
    throw new Error(`"Align your steps" has tables for ${Object.keys(alignYourSteps).join(', ')}, not for ${model}`)
  }
  const noisy: readonly number[] = alignYourSteps[model].rhos.slice(0, -1)
  return (process, n, options = {}) => {
    refuseOptions('an "Align your steps" grid', options)
    checkSteps(n)
    const noisiest = Math.exp(-process.logSnr(1))
    const times = Array.from({ length: n }, (_, i) => {
      const at = n === 1 ? 0 : (i * (noisy.length - 1)) / (n - 1)
      const low = Math.min(noisy.length - 2, Math.floor(at))
      const rho = noisy[low] * (noisy[low + 1] / noisy[low]) ** (at - low)
      return timeOfRho(process, Math.min(noisiest, rho))
    })
    times.push(0)
    checkDecreasing(`the "Align your steps" grid of ${model} on ${process.name}`, times)
    return times
  }
}

/** Rounds halves to the even neighbour, as NumPy does. */
function roundEven(v: number): number {
  const low = Math.floor(v)
  return v - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(v)
}

export interface SpacedGridOptions {
  /** `timestep_spacing` of diffusers. Default `trailing`, the only one that starts at the last index. */
  readonly spacing?: 'linspace' | 'leading' | 'trailing'
  /** `steps_offset` of diffusers, which only `leading` takes. Default 0. */
  readonly offset?: number
  /** Default `zero`. */
  readonly final?: FinalLevel
  /**
   * `linspace` and `leading` come in two kinds. True (default): n + 1 points, of which the last is dropped, as the
   * multistep schedulers of diffusers (DPM-Solver, DEIS, UniPC, SA-Solver). False: n points, as DDIM, DDPM, Euler, Heun.
   */
  readonly dropLast?: boolean
  /** Whole timesteps (default). diffusers' Euler and Heun schedulers do not round those of `linspace`. */
  readonly round?: boolean
}

/**
 * The timesteps of diffusers' schedulers on a table of N steps, and what comes after the last of them:
 *
 * - `linspace`: n + 1 (or n) even points over 0..N - 1, both included;
 * - `leading`: multiples of `floor(N / (n + 1))` (or of `floor(N / n)`), plus the offset;
 * - `trailing`: `N - i N / n`, less 1 (Lin et al. 2024, section 3.3).
 *
 * @throws where the process has no table, the steps do not fit into it, or options of `from` and `to` are given
 */
export function spacedGrid(options: SpacedGridOptions = {}): Grid {
  const { spacing = 'trailing', offset = 0, final = 'zero', dropLast = true, round = true } = options
  if (!Number.isInteger(offset)) throw new Error(`the offset of timesteps must be a whole number, got ${offset}`)
  if (offset !== 0 && spacing !== 'leading') throw new Error(`only leading timesteps take an offset, got ${spacing}`)
  const whole = round ? roundEven : (v: number) => v
  return (process, n, given = {}) => {
    refuseOptions('a grid of spaced timesteps', given)
    checkSteps(n)
    const table = tableOf('a grid of spaced timesteps', process)
    const size = table.steps
    const points = dropLast ? n + 1 : n
    const timestep = {
      linspace: (i: number) => (i === 0 ? size - 1 : whole((points - 1 - i) * ((size - 1) / (points - 1)))),
      leading: (i: number) => (points - 1 - i) * Math.floor(size / points) + offset,
      trailing: (i: number) => whole(size - i * (size / n)) - 1,
    }[spacing]
    if (timestep === undefined) {
      throw new Error(`timesteps are spaced linspace, leading or trailing, got ${spacing}`)
    }
    const times = timesOf(
      table,
      Array.from({ length: n }, (_, i) => timestep(i)),
      final,
    )
    checkDecreasing(`${n} ${spacing} timesteps out of ${size}, final "${final}"`, times)
    return times
  }
}

/**
 * Another grid on a table, moved to whole timesteps, all different: those that coincide are replaced by the least ones
 * that are free, as DEIS does (Zhang and Chen 2023) for networks trained on integers. An end in clean data stays.
 * @throws where the process has no table, or fewer timesteps than the grid has steps
 */
export function wholeGrid(grid: Grid): Grid {
  return (process, n, options = {}) => {
    const table = tableOf('a grid of whole timesteps', process)
    const times = grid(process, n, options)
    const noisy = times.filter((t) => t > 0)
    if (noisy.length > table.steps) throw new Error(`${noisy.length} timesteps do not fit into ${table.steps}`)
    const chosen = new Set(noisy.map((t) => Math.max(0, Math.round(table.index(t)))))
    // From the least chosen one up, then, where there are too few, around to 0.
    for (let i = Math.min(...chosen); chosen.size < noisy.length; i++) chosen.add(i % table.steps)
    const whole = [...chosen].sort((p, q) => q - p).map((index) => (index + 1) / table.steps)
    return noisy.length < times.length ? [...whole, 0] : whole
  }
}
