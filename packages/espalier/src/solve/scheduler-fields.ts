import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'

const number = z.nullish(z.number())
const whole = z.nullish(z.int())
const flag = z.nullish(z.boolean())
const oneOf = <const T extends readonly string[]>(values: T) => z.nullish(z.enum(values))

/** Fields that the schedulers of diffusers have in common; a class reads some of them, the others are tolerated. */
const fields = z.object({
  _class_name: z.string(),
  num_train_timesteps: z.nullish(z.int().check(z.gte(2))),
  beta_start: number,
  beta_end: number,
  beta_schedule: oneOf(['linear', 'scaled_linear', 'squaredcos_cap_v2', 'sigmoid']),
  trained_betas: z.nullish(z.array(z.number())),
  prediction_type: oneOf(['epsilon', 'sample', 'v_prediction', 'flow_prediction']),
  timestep_spacing: oneOf(['linspace', 'leading', 'trailing']),
  timestep_type: oneOf(['discrete', 'continuous']),
  steps_offset: whole,
  rescale_betas_zero_snr: flag,
  set_alpha_to_one: flag,
  skip_prk_steps: flag,
  variance_type: z.nullish(z.string()),
  clip_sample: flag,
  clip_sample_range: number,
  thresholding: flag,
  dynamic_thresholding_ratio: number,
  sample_max_value: number,
  interpolation_type: oneOf(['linear']),
  use_karras_sigmas: flag,
  use_exponential_sigmas: flag,
  use_beta_sigmas: flag,
  use_lu_lambdas: flag,
  use_flow_sigmas: flag,
  flow_shift: number,
  lambda_min_clipped: z.union([number, z.string()]),
  final_sigmas_type: oneOf(['zero', 'sigma_min']),
  sigma_min: number,
  sigma_max: number,
  sigma_data: number,
  sigma_schedule: oneOf(['karras', 'exponential']),
  rho: number,
  solver_order: whole,
  solver_type: oneOf(['midpoint', 'heun', 'logrho', 'bh1', 'bh2']),
  algorithm_type: z.nullish(z.string()),
  lower_order_final: flag,
  euler_at_final: flag,
  predict_x0: flag,
  disable_corrector: z.nullish(z.array(z.int())),
  solver_p: z.optional(z.null({ error: 'another scheduler as the predictor is not supported' })),
  predictor_order: whole,
  corrector_order: whole,
  shift: number,
  use_dynamic_shifting: flag,
  time_shift_type: oneOf(['exponential', 'linear']),
  shift_terminal: number,
  invert_sigmas: flag,
  stochastic_sampling: flag,
})

type Given = z.infer<typeof fields>
type Present = { [K in keyof Given]-?: NonNullable<Given[K]> }

/** A scheduler config with the defaults of its class filled in. */
export type SchedulerFields = Pick<Present, Filled> & Partial<Omit<Present, Filled>>
type Filled = '_class_name' | 'num_train_timesteps' | keyof typeof common

/** Defaults of most classes, as of diffusers 0.35. */
const common = {
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  prediction_type: 'epsilon',
  timestep_spacing: 'linspace',
  timestep_type: 'discrete',
  steps_offset: 0,
  rescale_betas_zero_snr: false,
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  sample_max_value: 1,
  clip_sample: false,
  clip_sample_range: 1,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  use_lu_lambdas: false,
  use_flow_sigmas: false,
  flow_shift: 1,
  final_sigmas_type: 'zero',
  solver_order: 2,
  lower_order_final: true,
  euler_at_final: false,
  shift: 1,
  use_dynamic_shifting: false,
  time_shift_type: 'exponential',
} as const satisfies Partial<Present>

/** The classes that are read, with the defaults that are theirs. */
const classes: Readonly<Record<string, Partial<Present>>> = {
  DDIMScheduler: { timestep_spacing: 'leading', clip_sample: true, set_alpha_to_one: true },
  DDPMScheduler: { timestep_spacing: 'leading', clip_sample: true, variance_type: 'fixed_small' },
  PNDMScheduler: { timestep_spacing: 'leading', set_alpha_to_one: false, skip_prk_steps: false },
  IPNDMScheduler: { prediction_type: 'v_prediction' },
  EulerDiscreteScheduler: {},
  EulerAncestralDiscreteScheduler: {},
  HeunDiscreteScheduler: { beta_start: 0.00085, beta_end: 0.012 },
  KDPM2DiscreteScheduler: { beta_start: 0.00085, beta_end: 0.012 },
  LMSDiscreteScheduler: {},
  DEISMultistepScheduler: { final_sigmas_type: 'sigma_min' },
  UniPCMultistepScheduler: { solver_type: 'bh2', predict_x0: true, disable_corrector: [] },
  DPMSolverMultistepScheduler: { algorithm_type: 'dpmsolver++', solver_type: 'midpoint' },
  DPMSolverSinglestepScheduler: {
    algorithm_type: 'dpmsolver++',
    solver_type: 'midpoint',
    lower_order_final: false,
  },
  SASolverScheduler: {
    algorithm_type: 'data_prediction',
    predictor_order: 2,
    corrector_order: 2,
    final_sigmas_type: 'sigma_min',
  },
  EDMEulerScheduler: { sigma_min: 0.002, sigma_max: 80, sigma_data: 0.5, sigma_schedule: 'karras', rho: 7 },
  EDMDPMSolverMultistepScheduler: {
    sigma_min: 0.002,
    sigma_max: 80,
    sigma_data: 0.5,
    sigma_schedule: 'karras',
    rho: 7,
    algorithm_type: 'dpmsolver++',
    solver_type: 'midpoint',
  },
  FlowMatchEulerDiscreteScheduler: { prediction_type: 'flow_prediction', stochastic_sampling: false },
  FlowMatchHeunDiscreteScheduler: { prediction_type: 'flow_prediction' },
}

/** The scheduler classes that can be read. */
export const schedulerClasses: readonly string[] = Object.keys(classes)

/**
 * Reads a `scheduler_config.json` of diffusers, which lists what differs from the defaults of its class, or all.
 * Fields that are not known here are tolerated, null is as good as absent.
 * @param json the file's text, or the value in it
 * @throws one line that names the class or the field, and what is supported
 */
export function parseSchedulerFields(json: unknown): SchedulerFields {
  if (typeof json === 'string') return parseSchedulerFields(parsePythonJson(json))
  const { _class_name: name } = parseWith(z.pick(fields, { _class_name: true }), json, 'scheduler_config')
  if (!Object.hasOwn(classes, name)) {
    throw new Error(
      `scheduler_config._class_name: the scheduler ${name} is not supported; supported are ${schedulerClasses.join(', ')}`,
    )
  }
  const given = parseWith(fields, json, 'scheduler_config')
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined))
  return { num_train_timesteps: 1000, ...common, ...classes[name], ...present } as SchedulerFields
}

/** JSON as Python writes it, where -Infinity is a number: diffusers has it in its configs. Here it becomes a string. */
function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) => (found[0] === '"' ? found : `"${found}"`)),
    )
  } catch (cause) {
    throw new Error(`scheduler_config: not JSON: ${(cause as Error).message}`, { cause })
  }
}

/** Refuses an option of a config. */
export function unsupported(config: SchedulerFields, field: keyof SchedulerFields, supported: string): never {
  const value = JSON.stringify(config[field])
  throw new Error(`scheduler_config.${field}: ${config._class_name} with ${value} is not supported; ${supported}`)
}
