import { edm } from '../process/exploding.ts'
import { flow, shiftTime } from '../process/flow.ts'
import type { Grid, GridOptions } from '../process/grid.ts'
import { betaGrid, karrasGrid, logSnrGrid, rhoPowerGrid } from '../process/grids.ts'
import { spacedGrid } from '../process/listed-grids.ts'
import type { Process } from '../process/process.ts'
import { vpCosine } from '../process/variance-preserving.ts'
import {
  cosineBetas,
  linearBetas,
  scaledLinearBetas,
  type TableInterpolation,
  type TableProcess,
  vpTable,
  zeroTerminalSnr,
} from '../process/vp-table.ts'
import { type SchedulerFields, unsupported } from './scheduler-fields.ts'

/** `scale t + offset`, or `scale lambda(t) + offset`: what the network is told of the time. */
export interface SchedulerLabel {
  readonly type: 'linear' | 'log-snr'
  readonly scale: number
  readonly offset: number
}

/** The times at which a scheduler calls the network, and where its last step ends. */
export interface SchedulerTimes {
  readonly process: Process
  readonly label: SchedulerLabel
  readonly noisy: readonly number[]
  /** At most the last noisy time: where it is that, the last step of the scheduler goes nowhere. */
  readonly end: number
}

/** How a class of schedulers lays out its timesteps; see `SpacedGridOptions`. */
export interface Spacing {
  readonly dropLast: boolean
  readonly round: boolean
  /** Where grids in the noise level end: at the last of the spaced timesteps, or of the whole table. */
  readonly ends: 'spaced' | 'table'
  /** The last abar of a table without signal at its end. */
  readonly last?: number
  /** The end `sigma_min` after a grid in the noise level: the last of its own levels, or index 0 of the table. */
  readonly repeats?: boolean
}

/** The table of a discrete model. @param last the last abar where the config asks for zero terminal SNR */
function betasOf(config: SchedulerFields, last = 0): ArrayLike<number> {
  const { num_train_timesteps: n, beta_start: first, beta_end: end, beta_schedule: type, trained_betas } = config
  const sigmoid = () => linearBetas(n, -6, 6).map((v) => first + (end - first) / (1 + Math.exp(-v)))
  const betas =
    trained_betas ??
    {
      linear: () => linearBetas(n, first, end),
      scaled_linear: () => scaledLinearBetas(n, first, end),
      squaredcos_cap_v2: () => cosineBetas(n),
      sigmoid,
    }[type]()
  return config.rescale_betas_zero_snr ? zeroTerminalSnr(betas, { last }) : betas
}

/** The grid in the noise level that a config asks for, if any. */
function levelGrid(config: SchedulerFields): Grid | undefined {
  const asked = [
    config.use_karras_sigmas && karrasGrid,
    config.use_exponential_sigmas && logSnrGrid,
    config.use_beta_sigmas && betaGrid(),
    // Evenly spaced in lambda: the same.
    config.use_lu_lambdas && logSnrGrid,
  ].filter((grid) => grid !== false)
  if (asked.length > 1) {
    throw new Error('scheduler_config: only one of the karras, exponential, beta and lu sigmas can be asked for')
  }
  return asked[0]
}

/** n noisy times of a grid in the noise level, without its jump to clean data. */
function noisyTimes(grid: Grid, process: Process, n: number, options: GridOptions): number[] {
  return grid(process, n, options).slice(0, -1)
}

/** The times of the schedulers on a table of timesteps. */
export function tableTimes(config: SchedulerFields, n: number, spacing: Spacing): SchedulerTimes {
  const { num_train_timesteps: size, timestep_type, final_sigmas_type } = config
  if (timestep_type === 'continuous') return continuousTimes(config, n)
  const levels = levelGrid(config)
  const betas = betasOf(config, spacing.last)
  const whole = spacing.round || config.timestep_spacing !== 'linspace'
  const interpolation: TableInterpolation = levels ? 'log-rho' : whole ? 'log-alpha' : 'rho'
  const process = vpTable(betas, { interpolation })
  const clipped = clippedTable(config, process, betas)
  const spaced = spacedGrid({
    spacing: config.timestep_spacing,
    offset: config.timestep_spacing === 'leading' ? config.steps_offset : 0,
    dropLast: spacing.dropLast,
    round: spacing.round,
  })
  // Whatever follows the last timestep is added below.
  const times = () => noisyTimes(spaced, clipped, n, {}).map((t) => (t * clipped.steps) / size)
  const label = { type: 'linear', scale: size, offset: -1 } as const
  const min = final_sigmas_type === 'sigma_min'
  if (!levels) return { process, label, noisy: times(), end: min ? 1 / size : 0 }
  const [from, last] = spacing.ends === 'table' ? [1, 1 / size] : [times()[0], times()[n - 1]]
  const { sigma_max: rhoMax, sigma_min: rhoMin } = config
  const noisy = noisyTimes(levels, process, n, {
    ...(rhoMax === undefined ? { from } : { rhoMax }),
    ...(rhoMin === undefined ? { last } : { rhoMin }),
  })
  const end = !min ? 0 : spacing.repeats ? noisy[n - 1] : Math.min(noisy[n - 1], 1 / size)
  return { process, label, noisy, end }
}

/** The table without the steps whose lambda is less than `lambda_min_clipped`. */
function clippedTable(config: SchedulerFields, table: TableProcess, betas: ArrayLike<number>): TableProcess {
  const least = Number(config.lambda_min_clipped ?? '-Infinity')
  const size = table.steps
  let count = size
  while (count > 1 && table.logSnr(count / size) < least) count--
  if (count === size) return table
  if (config.timestep_spacing === 'trailing') {
    unsupported(config, 'lambda_min_clipped', 'with trailing timesteps it changes their number: use another spacing')
  }
  return vpTable(Array.from(betas).slice(0, count))
}

/**
 * Networks that are told `log(rho) / 4` and give the velocity (video diffusion): levels that no table has, so the
 * process is the variance-preserving one of all levels, `a = cos(pi t / 2)`.
 */
function continuousTimes(config: SchedulerFields, n: number): SchedulerTimes {
  const { sigma_max: rhoMax, sigma_min: rhoMin } = config
  const levels = levelGrid(config)
  if (!levels || rhoMax === undefined || rhoMin === undefined || config.prediction_type !== 'v_prediction') {
    unsupported(config, 'timestep_type', 'it needs the v_prediction, sigma_min, sigma_max, and one of the sigma grids')
  }
  const process = vpCosine({ offset: 0 })
  const noisy = noisyTimes(levels, process, n, { rhoMax, rhoMin })
  const end = config.final_sigmas_type === 'zero' ? 0 : noisy[n - 1]
  return { process, label: { type: 'log-snr', scale: -0.25, offset: 0 }, noisy, end }
}

/** The times of the EDM schedulers. */
export function edmTimes(config: SchedulerFields, n: number): SchedulerTimes {
  const { sigma_min: sigmaMin, sigma_max: sigmaMax, rho, sigma_schedule, final_sigmas_type } = config
  const process = edm({ sigmaMin, sigmaMax })
  const noisy = noisyTimes(sigma_schedule === 'karras' ? rhoPowerGrid(rho ?? 7) : logSnrGrid, process, n, {})
  const end = final_sigmas_type === 'zero' ? 0 : noisy[n - 1]
  return { process, label: { type: 'log-snr', scale: -0.25, offset: 0 }, noisy, end }
}

/** What a run adds to a config of a flow model. */
export interface FlowRun {
  readonly steps: number
  /** `correct` (default) or `released`, see {@link flowMatchTimes}. */
  readonly variant?: 'correct' | 'released'
  /** With `use_dynamic_shifting`: the logarithm of the shift (its value, with `time_shift_type: linear`). */
  readonly mu?: number
  /** The times before they are shifted. */
  readonly sigmas?: readonly number[]
}

const flowLabel = (config: SchedulerFields): SchedulerLabel => ({
  type: 'linear',
  scale: config.num_train_timesteps,
  offset: 0,
})

function shiftOf(config: SchedulerFields, fixed: number, { mu }: FlowRun): number {
  if (!config.use_dynamic_shifting) return fixed
  if (mu === undefined) throw new Error(`${config._class_name} with use_dynamic_shifting needs the option mu`)
  return config.time_shift_type === 'exponential' ? Math.exp(mu) : mu
}

/** `n` even values from one to the other. */
function even(n: number, from: number, to: number): number[] {
  return Array.from({ length: n }, (_, i) => (n === 1 ? from : from + ((to - from) * i) / (n - 1)))
}

/**
 * The times of the multistep schedulers with `use_flow_sigmas`: n + 1 even times from `1 - 1 / N` to 0, the last
 * dropped, shifted.
 */
export function flowSigmaTimes(config: SchedulerFields, run: FlowRun): SchedulerTimes {
  const { steps: n } = run
  if (levelGrid(config)) {
    unsupported(config, 'use_flow_sigmas', 'leave out the karras, exponential, beta and lu sigmas')
  }
  if (config.prediction_type !== 'flow_prediction') {
    unsupported(config, 'prediction_type', 'with use_flow_sigmas it is "flow_prediction"')
  }
  const shift = shiftOf(config, config.flow_shift, run)
  const noisy = even(n + 1, 1 - 1 / config.num_train_timesteps, 0)
    .slice(0, -1)
    .map((t) => shiftTime(t, shift))
  const end = config.final_sigmas_type === 'zero' ? 0 : noisy[n - 1]
  return { process: flow(), label: flowLabel(config), noisy, end }
}

/**
 * The times of the flow-matching schedulers: even times from 1 to `1 / N`, shifted. As released, the last of them has
 * been shifted before (with a fixed shift S, `1 / N` is already that of the shifted table), so that it is shifted twice.
 */
export function flowMatchTimes(config: SchedulerFields, run: FlowRun): SchedulerTimes {
  const { steps: n } = run
  const { num_train_timesteps: size, shift: fixed, shift_terminal: terminal } = config
  if (config.invert_sigmas) unsupported(config, 'invert_sigmas', 'times run from noise to data')
  const shift = shiftOf(config, fixed, run)
  const least = run.variant === 'released' && !config.use_dynamic_shifting ? shiftTime(1 / size, fixed) : 1 / size
  const given = run.sigmas ?? even(n, 1, least)
  if (given.length !== n) throw new Error(`${n} steps need as many sigmas, got ${given.length}`)
  let noisy = given.map((t) => shiftTime(t, shift))
  if (terminal) {
    const scale = (1 - noisy[n - 1]) / (1 - terminal)
    noisy = noisy.map((t) => 1 - (1 - t) / scale)
  }
  const levels = levelGrid(config)
  // The grids in the noise level run in sigma itself, which is the rho of the EDM process.
  if (levels) {
    const sigma = edm({ sigmaMin: noisy[n - 1], sigmaMax: noisy[0] })
    noisy = noisyTimes(levels, sigma, n, {}).map((t) => sigma.s(t))
  }
  return { process: flow(), label: flowLabel(config), noisy, end: 0 }
}
