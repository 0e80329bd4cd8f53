import type { Target } from '../process/denoiser.ts'
import { uniformGrid } from '../process/grids.ts'
import type { NetworkOutput } from '../process/prediction.ts'
import type { Process } from '../process/process.ts'
import { vpCosine } from '../process/variance-preserving.ts'
import { eulerAncestral, renoise } from './ancestral.ts'
import { ddim } from './ddim.ts'
import { ddpm } from './ddpm.ts'
import { deis } from './deis.ts'
import { dpmSolverSinglestep } from './dpm-singlestep.ts'
import { dpmSolver, dpmSolverPlusPlus } from './dpm-solver.ts'
import { euler, heun } from './euler.ts'
import { lms } from './lms.ts'
import type { Solver } from './plan.ts'
import { ipndm, plms, pndm } from './pndm.ts'
import { saSolver } from './sa-solver.ts'
import { parseSchedulerFields, type SchedulerFields, unsupported } from './scheduler-fields.ts'
import {
  edmTimes,
  type FlowRun,
  flowMatchTimes,
  flowSigmaTimes,
  type SchedulerLabel,
  type SchedulerTimes,
  type Spacing,
  tableTimes,
} from './scheduler-grid.ts'
import { ddimEnds, fromNoise, noisyAtTheEnd, steppingTo, withoutLastStep } from './scheduler-released.ts'
import { uniPC } from './uni-pc.ts'

export { schedulerClasses } from './scheduler-fields.ts'

export interface SchedulerRun extends FlowRun {
  /** Number of steps: `num_inference_steps`. */
  readonly steps: number
  /** DDIM: amount of noise, 0 (default) to 1. */
  readonly eta?: number
  /** SA-Solver: amount of noise. Default, as there: 1 between the timesteps 200 and 800, else 0. */
  readonly tau?: number
  /**
   * `released`: what diffusers computes, where that is not what the method's mathematics asks for. Default: the right
   * form. They differ in
   *
   * - the third-order weights of DPM-Solver, its singlestep inner nodes, and the second-order terms of SA-Solver (see
   *   there); the third-order SDE step, where one 1/2 has the wrong sign, is refused,
   * - DDIM on timesteps that are not `N / n` apart (linspace; trailing, where n does not divide N): the step ends at the
   *   level `t - floor(N / n)`, and the next call is made at another,
   * - DDPM with the large variance and trailing timesteps: noise is added after the last step,
   * - IPNDM: the first step, from a = 0, takes the clean data to be 0,
   * - flow matching with a shift: the shift of the last time is applied twice.
   */
  readonly variant?: 'correct' | 'released'
}

/** All that a run of a scheduler needs: `solver(process, grid)` is its plan. */
export interface ScheduledSolver {
  /** The class name, such as `DDIMScheduler`. */
  readonly scheduler: string
  /** What the network is to be bound to. */
  readonly process: Process
  readonly grid: readonly number[]
  readonly solver: Solver
  /** What the network predicts. */
  readonly prediction: NetworkOutput
  /** What the network is told of the time: the timestep, `1000 t` of a flow, or `log(rho) / 4`. */
  readonly label: SchedulerLabel
  /** The start is this times standard normal noise. */
  readonly initialStd: number
  /** How the predicted data are kept in range (the options of `thresholded`), where they are. */
  readonly threshold?: {
    readonly type: 'static' | 'dynamic'
    readonly max: number
    readonly quantile?: number
    readonly ceiling?: number
  }
}

/**
 * Reads the `scheduler_config.json` of a diffusers pipeline (its `_class_name` says which scheduler) as a solver and a
 * grid of ours on the process of its noise schedule.
 *
 * Noise levels are those of the scheduler; where it rounds the timestep of a level that lies between two (karras), the
 * label here is not rounded. Neither variant has these habits of the code, which are no table of one prediction:
 * DDIM clips the data but keeps the noise of before (unless `use_clipped_model_output`), PNDM combines velocities where
 * the network predicts them, churn is added after the network was asked.
 * @param json the file's text, or the value in it
 * @throws one line that names a class, field or option that is not supported, and what is; also for an option of the
 *   run that this scheduler does not take
 */
export function solverFromSchedulerConfig(json: unknown, run: SchedulerRun): ScheduledSolver {
  const config = parseSchedulerFields(json)
  if (!(Number.isInteger(run.steps) && run.steps >= 1)) {
    throw new Error(`a scheduler needs a positive whole number of steps, got ${run.steps}`)
  }
  for (const [option, taken] of Object.entries(takers) as [keyof typeof takers, (typeof takers)['eta']][]) {
    if (run[option] !== undefined && !taken(config)) {
      const dynamic = option === 'mu' ? ' without use_dynamic_shifting' : ''
      throw new Error(`scheduler_config: ${config._class_name} takes no ${option}${dynamic}; leave it out`)
    }
  }
  return readers[config._class_name](config, run)
}

/** The options of a run that only some schedulers take. */
const takers = {
  eta: ({ _class_name: name }: SchedulerFields) => name === 'DDIMScheduler',
  tau: ({ _class_name: name }: SchedulerFields) => name === 'SASolverScheduler',
  sigmas: ({ _class_name: name }: SchedulerFields) => name.startsWith('FlowMatch'),
  mu: ({ use_dynamic_shifting: dynamic }: SchedulerFields) => dynamic,
} as const

type Reader = (config: SchedulerFields, run: SchedulerRun) => ScheduledSolver

const ddimSpacing: Spacing = { dropLast: false, round: true, ends: 'spaced' }
const eulerSpacing: Spacing = { dropLast: false, round: false, ends: 'spaced', last: 2 ** -24 }
const dpmSpacing: Spacing = { dropLast: true, round: true, ends: 'table', last: 2 ** -24 }
const deisSpacing: Spacing = { ...dpmSpacing, repeats: true }

const predictions = {
  epsilon: 'noise',
  sample: 'data',
  v_prediction: 'velocity',
  flow_prediction: 'flow',
} as const

function scheduled(
  config: SchedulerFields,
  { process, noisy, end, label }: SchedulerTimes,
  solver: Solver,
  initialStd = 1,
): ScheduledSolver {
  const { _class_name: scheduler, prediction_type, thresholding, clip_sample } = config
  const max = config.clip_sample_range
  const moves = end < noisy[noisy.length - 1]
  return {
    scheduler,
    process,
    grid: moves ? [...noisy, end] : noisy,
    solver: moves ? solver : withoutLastStep(solver),
    prediction: predictions[prediction_type],
    label,
    initialStd,
    ...(thresholding
      ? {
          threshold: {
            type: 'dynamic',
            max: 1,
            quantile: config.dynamic_thresholding_ratio,
            ceiling: Math.max(1, config.sample_max_value),
          },
        }
      : clip_sample && { threshold: { type: 'static', max } }),
  }
}

/** Schedulers whose state is `x / a`, and whose start is noise of its first level (or of the level that has unit x). */
function scaled(config: SchedulerFields, run: SchedulerRun, solver: Solver): ScheduledSolver {
  const times = tableTimes(config, run.steps, eulerSpacing)
  return scheduled(config, times, solver, config.timestep_spacing === 'leading' ? 1 : times.process.s(times.noisy[0]))
}

/** Multistep schedulers: times on the table, or on the flow path where the config asks for that. */
function multistep(config: SchedulerFields, run: SchedulerRun, solver: Solver, spacing = deisSpacing): ScheduledSolver {
  const times = config.use_flow_sigmas ? flowSigmaTimes(config, run) : tableTimes(config, run.steps, spacing)
  return scheduled(config, times, solver)
}

const readers: Readonly<Record<string, Reader>> = {
  DDIMScheduler(config, run) {
    const times = tableTimes({ ...config, final_sigmas_type: lastLevel(config) }, run.steps, ddimSpacing)
    const solver = ddim({ eta: run.eta })
    if (run.variant !== 'released') return scheduled(config, times, solver)
    const ends = ddimEnds(config, times)
    return scheduled(config, { ...times, end: ends[run.steps - 1] }, steppingTo(ends, solver))
  },

  DDPMScheduler(config, run) {
    const variances = { fixed_small: 'small', fixed_small_log: 'small', fixed_large: 'large' } as const
    const variance = variances[config.variance_type as keyof typeof variances]
    if (!variance) unsupported(config, 'variance_type', `supported are ${Object.keys(variances).join(', ')}`)
    const times = tableTimes(config, run.steps, ddimSpacing)
    const late = variance === 'large' && times.noisy[run.steps - 1] > 1 / config.num_train_timesteps
    const solver = ddpm({ variance })
    return scheduled(config, times, late && run.variant === 'released' ? noisyAtTheEnd(solver) : solver)
  },

  PNDMScheduler(config, run) {
    if (!['epsilon', 'v_prediction'].includes(config.prediction_type)) {
      unsupported(config, 'prediction_type', 'supported are epsilon, v_prediction')
    }
    const times = tableTimes({ ...config, final_sigmas_type: lastLevel(config) }, run.steps, ddimSpacing)
    return scheduled(config, times, config.skip_prk_steps ? plms() : pndm())
  },

  IPNDMScheduler(config, run) {
    const times = ipndmTimes(config, run.steps, run.variant === 'released')
    return scheduled(config, times, times.noisy[0] === 1 ? fromNoise(ipndm()) : ipndm())
  },

  EulerDiscreteScheduler: (config, run) => scaled(config, run, euler()),
  EulerAncestralDiscreteScheduler: (config, run) => scaled(config, run, eulerAncestral()),
  HeunDiscreteScheduler: (config, run) => scaled(config, run, heun()),
  LMSDiscreteScheduler: (config, run) => scaled(config, run, lms()),
  // k-diffusion's DPM-2 is DPM-Solver-2.
  KDPM2DiscreteScheduler: (config, run) =>
    scaled(config, run, dpmSolverSinglestep({ order: 2, target: 'noise', inner: 'ratio' })),

  DEISMultistepScheduler(config, run) {
    const order = orderOf(config, 3)
    const lowerOrderFinal = config.lower_order_final ? 'auto' : false
    return multistep(config, run, deis({ order, variable: 'lambda', lowerOrderFinal }))
  },

  UniPCMultistepScheduler(config, run) {
    const solver = uniPC({
      order: orderOf(config, 4),
      b: config.solver_type === 'bh1' ? 'bh1' : 'bh2',
      target: config.predict_x0 ? 'data' : 'noise',
      lowerOrderFinal: config.lower_order_final,
      corrector: (step) => !config.disable_corrector?.includes(step),
    })
    return multistep(config, run, solver)
  },

  DPMSolverMultistepScheduler: (config, run) => multistep(config, run, dpmMultistep(config, run), dpmSpacing),

  DPMSolverSinglestepScheduler(config, run) {
    const { target, tau } = dpmAlgorithm(config, ['dpmsolver', 'dpmsolver++', 'sde-dpmsolver++'])
    const order = orderOf(config, 3)
    const type = config.solver_type === 'heun' ? 'taylor' : 'midpoint'
    if (run.variant === 'released' && tau === 1 && order === 3 && type === 'taylor') refuseThirdOrderSde(config)
    const orders = singlestepOrders(config, run.steps)
    const solver = dpmSolverSinglestep({ order, target, tau, type, orders, variant: run.variant })
    // Its grid is always linspace.
    return multistep({ ...config, timestep_spacing: 'linspace' }, run, solver, dpmSpacing)
  },

  SASolverScheduler(config, run) {
    const size = config.num_train_timesteps
    const middle = (t: number) => (t * size >= 200.5 && t * size <= 801.5 ? 1 : 0)
    const targets = { data_prediction: 'data', noise_prediction: 'noise' } as const
    const target = targets[config.algorithm_type as keyof typeof targets]
    if (!target) unsupported(config, 'algorithm_type', `supported are ${Object.keys(targets).join(', ')}`)
    const solver = saSolver({
      predictorOrder: config.predictor_order,
      correctorOrder: config.corrector_order,
      tau: run.tau ?? middle,
      target,
      lowerOrderFinal: config.lower_order_final,
      variant: run.variant,
    })
    return multistep(config, run, solver)
  },

  EDMEulerScheduler: (config, run) => preconditioned(config, run, euler()),
  EDMDPMSolverMultistepScheduler: (config, run) => preconditioned(config, run, dpmMultistep(config, run)),

  FlowMatchEulerDiscreteScheduler: (config, run) =>
    scheduled(config, flowMatchTimes(config, run), config.stochastic_sampling ? renoise() : euler()),
  FlowMatchHeunDiscreteScheduler: (config, run) =>
    scheduled(config, flowMatchTimes(config, run), heun({ variable: 'time' })),
}

const lastLevel = (config: SchedulerFields) => (config.set_alpha_to_one ? 'zero' : 'sigma_min')

/** EDM: the network is in its preconditioning, and the start has the variance of noisy data of unit variance. */
function preconditioned(config: SchedulerFields, run: SchedulerRun, solver: Solver): ScheduledSolver {
  const { sigma_max: sigmaMax = 80, sigma_data: sigmaData = 0.5 } = config
  if (config.prediction_type !== 'epsilon') unsupported(config, 'prediction_type', 'supported is epsilon')
  const plain = scheduled(config, edmTimes(config, run.steps), solver, Math.hypot(sigmaMax, 1))
  return { ...plain, prediction: { type: 'edm', sigmaData } }
}

function orderOf(config: SchedulerFields, most: number): number {
  const { solver_order: order } = config
  if (!(order >= 1 && order <= most)) unsupported(config, 'solver_order', `it is 1 to ${most}`)
  return order
}

/** What a DPM-Solver algorithm interpolates, and its noise. */
function dpmAlgorithm(config: SchedulerFields, supported: readonly string[]): { target: Target; tau: number } {
  // The classes take over each other's configs; "deis" stands for this.
  const name = config.algorithm_type === 'deis' ? 'dpmsolver++' : String(config.algorithm_type)
  if (!supported.includes(name)) unsupported(config, 'algorithm_type', `supported are ${supported.join(', ')}`)
  const target = name.endsWith('++') ? 'data' : 'noise'
  if (target === 'noise' && config.final_sigmas_type === 'zero') {
    unsupported(config, 'final_sigmas_type', `the algorithm ${name} needs "sigma_min"`)
  }
  return { target, tau: name.startsWith('sde') ? 1 : 0 }
}

function dpmMultistep(config: SchedulerFields, run: SchedulerRun): Solver {
  const edm = config._class_name.startsWith('EDM')
  const all = ['dpmsolver++', 'sde-dpmsolver++', ...(edm ? [] : ['dpmsolver', 'sde-dpmsolver'])]
  const { target, tau } = dpmAlgorithm(config, all)
  const order = orderOf(config, 3)
  if (run.variant === 'released' && tau === 1 && target === 'data' && order === 3) refuseThirdOrderSde(config)
  const lower = config.lower_order_final && run.steps < 15
  const euler = config.euler_at_final && !lower && config.final_sigmas_type === 'sigma_min'
  if (euler && order > 2) unsupported(config, 'euler_at_final', 'with order 3 use lower_order_final')
  const options = {
    order,
    tau,
    type: config.solver_type === 'heun' ? 'taylor' : 'midpoint',
    lowerOrderFinal: lower || euler,
    variant: run.variant,
  } as const
  return target === 'data' ? dpmSolverPlusPlus(options) : dpmSolver(options)
}

function refuseThirdOrderSde(config: SchedulerFields): never {
  const why = 'as released a third-order SDE step has a wrong sign (1/2 in its last weight): use the correct variant'
  return unsupported(config, 'solver_order', why)
}

/** The orders of the singlestep scheduler where they are not those of the paper: undefined is those. */
function singlestepOrders(config: SchedulerFields, n: number): number[] | undefined {
  const { solver_order: order, lower_order_final, final_sigmas_type } = config
  const lower = lower_order_final || final_sigmas_type === 'zero' || n % order !== 0
  if (!lower) return Array<number>(n / order).fill(order)
  return order === 2 && n % 2 === 0 ? [...Array<number>(n / 2 - 1).fill(2), 1, 1] : undefined
}

/** The times of IPNDM: `s = sin^2(pi u / 2)` for even u, or given s, on `a = cos(pi t / 2)`. */
function ipndmTimes(config: SchedulerFields, n: number, released: boolean): SchedulerTimes {
  const process = vpCosine({ offset: 0 })
  const levels =
    config.trained_betas ?? Array.from({ length: n + 1 }, (_, i) => Math.sin((Math.PI / 2) * (1 - i / n)) ** 2)
  if (levels.length !== n + 1) throw new Error(`${n} steps of IPNDM need ${n + 1} trained_betas, got ${levels.length}`)
  const times = levels.map((s) => (2 / Math.PI) * Math.asin(s))
  // The noise prediction says nothing at a = 0: start where grids do.
  if (!released) times[0] = Math.min(times[0], uniformGrid(process, 1)[0])
  return { process, label: { type: 'linear', scale: 1, offset: 0 }, noisy: times.slice(0, -1), end: times[n] }
}
