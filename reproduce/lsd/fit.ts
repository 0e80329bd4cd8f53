/** A sampler of few steps for as many calls, from runs of a teacher where its numbers are fitted. */

import {
  distilSampler,
  distilTimes,
  evenTimes,
  freePrompt,
  jumpYourSteps,
  type PairOptions,
  profiledSampler,
  type SamplerProfile,
  type TokenDenoiser,
} from 'espalier/text'
import { cpuSeconds } from '../support/cpu-time.ts'
import type { Arm } from './arms.ts'

export interface FitOptions {
  readonly denoiser: TokenDenoiser
  /** Steps of the teacher, about. */
  readonly teacher: number
  readonly pairs: number
  readonly seed: number
}

export interface Fit {
  readonly profile: SamplerProfile
  /** Network evaluations, and CPU time in seconds, of the fit of these numbers alone. */
  readonly nfe: number
  readonly seconds: number
}

/** Factors that are fitted stay in these bounds, but for those that show where they go. */
const bounds = [0.5, 2] as const
const unbound = [0, 2] as const

/**
 * An arm in as many calls as given, the last fill among them: one step less where it needs that fill.
 * @throws where no number of steps fits
 */
export async function fitCalls(arm: Arm, given: number, options: FitOptions): Promise<Fit> {
  const calls = given - (arm.fewer ?? 0)
  const fewer = await fitSteps(arm, calls - 1, options)
  if (callsOf(fewer.profile, options.denoiser) === calls) return fewer
  const more = await fitSteps(arm, calls, options)
  return callsOf(more.profile, options.denoiser) === calls ? more : fewer
}

/** Calls of a sequence, at most. */
export function callsOf(profile: SamplerProfile, denoiser: TokenDenoiser): number {
  const { process, timeFree, context } = denoiser
  return profiledSampler(profile)({ process, timeFree, prompt: freePrompt(denoiser, context) }).steps
}

async function fitSteps(arm: Arm, steps: number, { denoiser, teacher, pairs, seed }: FitOptions): Promise<Fit> {
  const { kernel, variant = 'lsd-score', coupled = true, metric, relax } = arm
  const shared: PairOptions = {
    ...{ denoiser, steps, teacherSteps: steps * Math.max(1, Math.floor(teacher / steps)), pairs, seed },
    ...{ kernel, variant, coupled, metric, relax },
  }
  const began = cpuSeconds()
  const found = await timesOf(arm, shared)
  if (arm.factors === 'fitted') {
    const clip = coupled ? bounds : unbound
    const times = found?.times
    const { trainedOn, nfe: _, ...rest } = await distilSampler({ ...shared, clip, times })
    // A factor of 1 but for rounding would leave something to a last fill in name only.
    const profile = { ...rest, factors: rest.factors.map((factor) => Number(factor.toPrecision(9))) }
    return { profile, nfe: (found?.nfe ?? 0) + trainedOn.nfe, seconds: cpuSeconds() - began }
  }
  const times = found?.times ?? evenTimes(steps)
  // Where all is masked a power has no score to bend: no mask would be lifted.
  const factors = times.slice(1).map((_, k) => (k === 0 && variant === 'lsd-log' ? 1 : (arm.factors ?? 1)) as number)
  return { profile: { times, factors, variant, kernel }, nfe: found?.nfe ?? 0, seconds: cpuSeconds() - began }
}

async function timesOf({ times }: Arm, options: PairOptions) {
  switch (times) {
    case 'learned':
      return distilTimes(options)
    case 'jump': {
      const { denoiser, steps, teacherSteps, pairs, seed } = options
      return jumpYourSteps({ denoiser, steps, teacherSteps, pairs, seed })
    }
    default:
      return undefined
  }
}
