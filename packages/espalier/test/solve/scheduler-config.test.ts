import { describe, expect, it } from 'vitest'
import {
  ddim,
  deis,
  dpmSolverPlusPlus,
  nfeOf,
  type ScheduledSolver,
  schedulerClasses,
  solverFromSchedulerConfig,
  uniPC,
} from '../../src/solve/index.ts'

// What the numbers come to is compared with diffusers in parity/; here: what is read, tolerated and refused.

const planOf = ({ solver, process, grid }: ScheduledSolver) => solver(process, grid)

/** The scheduler of Stable Diffusion 1.5, with the fields that its file has. */
const stableDiffusion = {
  _class_name: 'PNDMScheduler',
  _diffusers_version: '0.6.0',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
  clip_sample: false,
}

describe('solverFromSchedulerConfig', () => {
  it('reads the file of Stable Diffusion: PLMS, n + 1 calls, from timestep 981 to index 0', () => {
    const scheduled = solverFromSchedulerConfig(stableDiffusion, { steps: 50 })
    const plan = planOf(scheduled)
    expect(scheduled).toMatchObject({ scheduler: 'PNDMScheduler', prediction: 'noise', initialStd: 1 })
    expect(scheduled.threshold).toBeUndefined()
    expect(nfeOf(plan)).toBe(51)
    const { scale, offset } = scheduled.label
    const timesteps = plan.grid.map((t) => Math.round(scale * t + offset))
    expect(timesteps).toEqual([...Array.from({ length: 50 }, (_, i) => 981 - 20 * i), 0])
    expect(1 / scheduled.process.a(1) ** 2 - 1).toBeCloseTo(14.6146 ** 2, 1)
  })

  it('reads text as Python writes it, with numbers that JSON does not have', () => {
    const text = `{
      "_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "sigma_max": NaN,
      "name": "left: -Infinity, \\"NaN\\""
    }`
    expect(() => JSON.parse(text)).toThrow()
    expect(() => solverFromSchedulerConfig(text, { steps: 8 })).toThrow('scheduler_config.sigma_max')
    const scheduled = solverFromSchedulerConfig(text.replace('NaN,', 'null,'), { steps: 8 })
    expect(planOf(scheduled)).toEqual(dpmSolverPlusPlus()(scheduled.process, scheduled.grid))
    expect(() => solverFromSchedulerConfig('{ "_class_name": ', { steps: 8 })).toThrow('scheduler_config: not JSON')
  })

  it('has every class at its defaults', () => {
    for (const name of schedulerClasses) {
      for (const variant of ['correct', 'released'] as const) {
        const scheduled = solverFromSchedulerConfig({ _class_name: name }, { steps: 12, variant })
        const plan = planOf(scheduled)
        expect(plan.process).toBe(scheduled.process.name)
        expect(nfeOf(plan)).toBeGreaterThanOrEqual(12)
        expect(scheduled.initialStd).toBeGreaterThan(0)
        expect(plan.grid.at(-1)).toBe(scheduled.grid.at(-1))
      }
    }
  })

  it('the classes read what another of them wrote', () => {
    const deisConfig = { _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'deis', solver_type: 'logrho' }
    const plus = solverFromSchedulerConfig(deisConfig, { steps: 9 })
    expect(planOf(plus)).toEqual(dpmSolverPlusPlus()(plus.process, plus.grid))
    const fromUniPc = { _class_name: 'DEISMultistepScheduler', solver_type: 'bh2', predict_x0: true, solver_order: 3 }
    const second = solverFromSchedulerConfig(fromUniPc, { steps: 9 })
    const logRho = deis({ order: 3, variable: 'lambda', lowerOrderFinal: 'auto' })
    expect(planOf(second)).toEqual(logRho(second.process, second.grid))
    const fromDpm = { _class_name: 'UniPCMultistepScheduler', solver_type: 'midpoint' }
    const third = solverFromSchedulerConfig(fromDpm, { steps: 9 })
    expect(planOf(third)).toEqual(uniPC({ lowerOrderFinal: true })(third.process, third.grid))
  })

  it('tells how data are kept in range', () => {
    const of = (fields: object) =>
      solverFromSchedulerConfig({ _class_name: 'DDIMScheduler', ...fields }, { steps: 5 }).threshold
    expect(of({})).toEqual({ type: 'static', max: 1 })
    expect(of({ clip_sample_range: 2 })).toEqual({ type: 'static', max: 2 })
    expect(of({ clip_sample: false })).toBeUndefined()
    const dynamic = { type: 'dynamic', max: 1, quantile: 0.99, ceiling: 3 }
    expect(of({ thresholding: true, dynamic_thresholding_ratio: 0.99, sample_max_value: 3 })).toEqual(dynamic)
  })

  it('takes the amount of noise of DDIM, and refuses what DDIM refuses', () => {
    const scheduled = solverFromSchedulerConfig({ _class_name: 'DDIMScheduler' }, { steps: 5, eta: 0.3 })
    expect(planOf(scheduled)).toEqual(ddim({ eta: 0.3 })(scheduled.process, scheduled.grid))
    expect(() => solverFromSchedulerConfig({ _class_name: 'DDIMScheduler' }, { steps: 5, eta: 2 })).toThrow('eta')
  })

  it.each<[string, object, string]>([
    ['EulerDiscreteScheduler', { eta: 0.5 }, 'EulerDiscreteScheduler takes no eta; leave it out'],
    ['DPMSolverMultistepScheduler', { tau: 1 }, 'takes no tau'],
    ['FlowMatchEulerDiscreteScheduler', { mu: 1 }, 'takes no mu without use_dynamic_shifting'],
    ['DDIMScheduler', { sigmas: [1, 0.5] }, 'takes no sigmas'],
  ])('refuses an option that %s would ignore', (_class_name, option, message) => {
    expect(() => solverFromSchedulerConfig({ _class_name }, { steps: 2, ...option })).toThrow(message)
  })

  it('lists the schedulers that it reads', () => {
    expect(schedulerClasses).toContain('UniPCMultistepScheduler')
    for (const _class_name of schedulerClasses) {
      const plan = planOf(solverFromSchedulerConfig({ _class_name }, { steps: 6 }))
      expect(plan.grid.at(-1)).toBeLessThan(0.05)
    }
  })

  it('leaves out a last step that goes nowhere, but not its correction', () => {
    const karras = { use_karras_sigmas: true, final_sigmas_type: 'sigma_min' }
    const plain = solverFromSchedulerConfig({ _class_name: 'DPMSolverMultistepScheduler', ...karras }, { steps: 8 })
    expect(plain.grid.length).toBe(8)
    expect(nfeOf(planOf(plain))).toBe(7)
    const corrected = solverFromSchedulerConfig({ _class_name: 'UniPCMultistepScheduler', ...karras }, { steps: 8 })
    expect(corrected.grid).toEqual(plain.grid)
    const plan = planOf(corrected)
    expect(nfeOf(plan)).toBe(8)
    expect(plan.stages.at(-1)).toMatchObject({ step: 6, time: plain.grid[7] })
  })

  it.each<[object | null, string]>([
    [null, 'scheduler_config: Invalid input'],
    [{}, 'scheduler_config._class_name'],
    [{ _class_name: 'LCMScheduler' }, 'the scheduler LCMScheduler is not supported; supported are DDIMScheduler, '],
    [{ _class_name: 'toString' }, 'the scheduler toString is not supported'],
    [{ _class_name: 'DDIMScheduler', beta_schedule: 'laplace' }, 'scheduler_config.beta_schedule: Invalid option'],
    [{ _class_name: 'DDIMScheduler', timestep_spacing: 'even' }, '"linspace"|"leading"|"trailing"'],
    [{ _class_name: 'DDIMScheduler', steps_offset: 0.5 }, 'scheduler_config.steps_offset'],
    [{ _class_name: 'DDIMScheduler', trained_betas: [0.1, 2] }, 'beta 1 of 2 is 2'],
    [
      { _class_name: 'DDPMScheduler', variance_type: 'learned_range' },
      'supported are fixed_small, fixed_small_log, fixed_large',
    ],
    [{ _class_name: 'PNDMScheduler', prediction_type: 'sample' }, 'PNDMScheduler with "sample" is not supported'],
    [{ _class_name: 'EulerDiscreteScheduler', use_karras_sigmas: true, use_beta_sigmas: true }, 'only one of'],
    [{ _class_name: 'EulerDiscreteScheduler', timestep_type: 'continuous' }, 'scheduler_config.timestep_type'],
    [
      { _class_name: 'EulerDiscreteScheduler', interpolation_type: 'log_linear' },
      'scheduler_config.interpolation_type',
    ],
    [
      { _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'dpmsolver' },
      'the algorithm dpmsolver needs "sigma_min"',
    ],
    [{ _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'adams' }, 'supported are dpmsolver++, '],
    [{ _class_name: 'DPMSolverMultistepScheduler', solver_order: 4 }, 'scheduler_config.solver_order'],
    [
      { _class_name: 'DPMSolverMultistepScheduler', lambda_min_clipped: -3, timestep_spacing: 'trailing' },
      'scheduler_config.lambda_min_clipped',
    ],
    [
      {
        _class_name: 'DPMSolverMultistepScheduler',
        solver_order: 3,
        lower_order_final: false,
        euler_at_final: true,
        final_sigmas_type: 'sigma_min',
      },
      'scheduler_config.euler_at_final',
    ],
    [
      { _class_name: 'UniPCMultistepScheduler', solver_p: { _class_name: 'DDIMScheduler' } },
      'another scheduler as the predictor',
    ],
    [{ _class_name: 'UniPCMultistepScheduler', use_flow_sigmas: true }, 'with use_flow_sigmas it is "flow_prediction"'],
    [
      { _class_name: 'SASolverScheduler', algorithm_type: 'dpmsolver++' },
      'supported are data_prediction, noise_prediction',
    ],
    [{ _class_name: 'EDMEulerScheduler', prediction_type: 'v_prediction' }, 'scheduler_config.prediction_type'],
    [{ _class_name: 'FlowMatchEulerDiscreteScheduler', use_dynamic_shifting: true }, 'needs the option mu'],
    [{ _class_name: 'FlowMatchEulerDiscreteScheduler', invert_sigmas: true }, 'scheduler_config.invert_sigmas'],
    [{ _class_name: 'IPNDMScheduler', trained_betas: [0.9, 0] }, '12 steps of IPNDM need 13 trained_betas, got 2'],
  ])('refuses %j', (config, message) => {
    let thrown = ''
    try {
      solverFromSchedulerConfig(config, { steps: 12 })
    } catch (error) {
      thrown = (error as Error).message
    }
    expect(thrown).toContain(message)
    expect(thrown).not.toContain('\n')
  })

  it('refuses a number of steps that is none, or does not fit', () => {
    const config = { _class_name: 'DDIMScheduler' }
    for (const steps of [0, 2.5, Number.NaN]) {
      expect(() => solverFromSchedulerConfig(config, { steps })).toThrow('positive whole number of steps')
    }
    expect(() => solverFromSchedulerConfig(config, { steps: 2000 })).toThrow('timesteps out of 1000')
    const flow = { _class_name: 'FlowMatchEulerDiscreteScheduler' }
    expect(() => solverFromSchedulerConfig(flow, { steps: 4, sigmas: [1, 0.5] })).toThrow(
      '4 steps need as many sigmas, got 2',
    )
  })
})
