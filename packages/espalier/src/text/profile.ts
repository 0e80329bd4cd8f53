import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'
import { type KernelSamplerOptions, kernelSampler } from './kernel-sampler.ts'
import { scaledKernel } from './profile-kernel.ts'
import type { TokenSolver } from './sampler.ts'

const share = z.number().check(z.gte(0), z.lte(1))

const profile = z
  .strictObject({
    /** Fall from 1, one more than steps. */
    times: z.array(share).check(z.minLength(2), z.maxLength(10_001)),
    /** Of the concrete score, one a step. */
    factors: z.array(z.number().check(z.nonnegative())).check(z.maxLength(10_000)),
    variant: z._default(z.enum(['lsd-score', 'lsd-log']), 'lsd-score'),
    kernel: z._default(z.enum(['euler', 'tweedie']), 'euler'),
    /** Network calls of one sequence, at most: the steps, and the last fill where one is needed. */
    nfe: z.optional(z.int().check(z.positive())),
    /** What the numbers were fitted on. */
    trainedOn: z.optional(
      z.strictObject({
        /** Kind and schedule of the process, such as `masked log-linear(0)`. */
        process: z.string(),
        vocabulary: z.int().check(z.positive()),
        length: z.int().check(z.positive()),
        teacher: z.string(),
        teacherSteps: z.int().check(z.positive()),
        pairs: z.int().check(z.positive()),
        coupled: z.boolean(),
        relax: share,
        metric: z.enum(['squared', 'entropy']),
        seed: z.int(),
        /** Network evaluations of the fit. */
        nfe: z.int().check(z.nonnegative()),
      }),
    ),
  })
  .check(
    z.superRefine(({ times, factors, nfe }, context) => {
      const steps = times.length - 1
      const up = times.findIndex((t, i) => i > 0 && t >= times[i - 1])
      const wrong = (path: (string | number)[], message: string) =>
        void context.addIssue({ code: 'custom', path, message })
      if (up > 0) wrong(['times', up], `expected times that fall, ${times[up]} comes after ${times[up - 1]}`)
      if (factors.length !== steps)
        wrong(['factors'], `${factors.length} factors for ${steps} steps, expected one a step`)
      if (nfe !== undefined && nfe !== steps && nfe !== steps + 1) {
        wrong(['nfe'], `${nfe} calls of ${steps} steps, expected ${steps}, or ${steps + 1} with the last fill`)
      }
    }),
  )

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/**
 * A sampler of few steps as numbers: its times, and the factor of the concrete score at the start of each step. Plain
 * JSON.
 */
export type SamplerProfile = DeepReadonly<z.input<typeof profile>>

/** A profile with its defaults filled in. */
export type ParsedProfile = DeepReadonly<z.output<typeof profile>>

/** Reads a profile from a JSON value. @throws one line: the field, and what was expected there */
export function parseSamplerProfile(json: unknown, what = 'sampler profile'): ParsedProfile {
  return parseWith(profile, json, what)
}

/**
 * The sampler of a profile: Euler or analytic steps with learned factors (LSD, Fu et al. 2025, arXiv 2509.19962). What
 * is left at the end (masks, or noise of a process that keeps some) is filled by one more call, which `removal` governs:
 * with a last factor below 1 that is one call more than Euler on a linear schedule needs.
 * @throws one line where the profile is none
 */
export function profiledSampler(
  json: SamplerProfile,
  options: Pick<KernelSamplerOptions, 'removal' | 'gumbels'> = {},
): TokenSolver {
  const { times, factors, variant, kernel } = parseSamplerProfile(json)
  return kernelSampler(scaledKernel({ kernel, variant, factor: factorAt(times, factors) }), { ...options, times })
}

/** The factor of the step that begins at a time of the profile, 1 where there is none (yet). */
export function factorAt(times: readonly number[], factors: readonly number[]): (t: number) => number {
  return (t) => factors[times.indexOf(t)] ?? 1
}
