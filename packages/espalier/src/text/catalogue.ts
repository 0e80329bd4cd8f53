import { z } from 'zod/mini'
import { type CatalogueEntry, catalogueEntry, fromCatalogue } from '../tensor/catalogue.ts'
import { confidenceOrdered } from './confidence.ts'
import type { DraftOptions, SequenceEnergy } from './energy.ts'
import { energySampler } from './energy-sampler.ts'
import { firstHitting } from './first-hitting.ts'
import type { GumbelNoise } from './gumbel.ts'
import {
  ancestral,
  type KernelFamily,
  remasking,
  tauLeaping,
  thetaRk2,
  thetaTrapezoidal,
  tokenEuler,
} from './kernel.ts'
import { kernelSampler } from './kernel-sampler.ts'
import type { TokenProcess } from './process.ts'
import { profiledSampler, type SamplerProfile } from './profile.ts'
import type { TokenSolver } from './sampler.ts'

/** What a sampler that was asked for by name is made of, beside its options. */
export interface TokenSamplerParts {
  /** Where it {@link NamedTokenSampler.energy needs one}. */
  readonly energy?: SequenceEnergy
  /** What {@link NamedTokenSampler.profile} holds. */
  readonly profile?: SamplerProfile
  /** Draws by these instead of the exact inverse CDF. */
  readonly gumbels?: GumbelNoise
}

/** A sampler by its name, and what it needs from outside. */
export interface NamedTokenSampler {
  /** The energy that it weighs drafts by: whose (default: what the caller has), and how a model's number is read. */
  readonly energy?: { readonly model?: string; readonly of: EnergyForm }
  /** File of its numbers. */
  readonly profile?: string
  /** @throws one line where a part is missing, or does not fit */
  make(parts?: TokenSamplerParts): TokenSolver
}

/** `ar`: the model's own posterior given what is known; `co-ar`: of unknown tokens alone. */
export type EnergyForm = (typeof energyForms)[number]
export const energyForms = ['ar', 'co-ar'] as const

const count = z.int().check(z.gte(1))
const share = z.number().check(z.gte(0), z.lte(1))
const inside = z.number().check(z.gt(0), z.lt(1))
const positive = z.number().check(z.positive())
const removal = z.enum(['sample', 'argmax', 'none'])
type Removal = z.infer<typeof removal>

/** Steps of a grid where none are named. */
const defaultSteps = 32

/** A sampler that steps by a kernel on an even grid: `own` names the options of the kernel. */
function stepping<Shape extends z.core.$ZodShape>(
  name: string,
  about: string,
  own: Shape,
  family: (options: { [K in keyof Shape]?: z.infer<Shape[K]> }) => KernelFamily,
): CatalogueEntry<NamedTokenSampler> {
  return catalogueEntry(name, about, { steps: count, ...own, removal }, (given) => {
    const { steps = defaultSteps, removal, ...rest } = given as { readonly steps?: number; readonly removal?: Removal }
    const kernel = family(rest as never)
    return { make: ({ gumbels } = {}) => kernelSampler(kernel, { steps, removal, gumbels }) }
  })
}

/** A sampler that draws by the exact inverse CDF, and nothing else. */
function exact(name: string, solver: TokenSolver): NamedTokenSampler {
  return {
    make({ gumbels } = {}) {
      if (gumbels) throw new Error(`${name} draws exactly; Gumbels are for samplers that step by a kernel`)
      return solver
    },
  }
}

/** Every sampler of tokens, by the name that the field uses, for {@link tokenSamplerFrom}. */
export const tokenSamplerCatalogue: readonly CatalogueEntry<NamedTokenSampler>[] = [
  catalogueEntry(
    'first-hitting',
    'hops from mask to mask (Zheng 2024): exact; in fewer calls several at once',
    { calls: count, order: z.union([z.literal(1), z.literal(2)]) },
    (options) => exact('first-hitting', firstHitting(options)),
  ),
  stepping('ancestral', 'MDLM (Sahoo 2024): exact but for positions drawn on their own', {}, () => ancestral),
  stepping('euler', 'rates frozen over a step', {}, () => tokenEuler),
  stepping('tau-leaping', 'first jumps of a step (Campbell 2022)', {}, () => tauLeaping),
  stepping('theta-trapezoidal', 'two calls a step (Ren 2025)', { theta: inside }, ({ theta }) =>
    thetaTrapezoidal(theta),
  ),
  stepping('theta-rk2', 'two calls a step, from its start (Ren 2025)', { theta: inside }, ({ theta }) =>
    thetaRk2(theta),
  ),
  catalogueEntry(
    'confidence',
    'the most certain tokens first (MaskGIT, Chang 2022): not the law of the model',
    { calls: count, token: z.enum(['sample', 'argmax']), choice: z.number().check(z.gte(0)) },
    (options) => exact('confidence', confidenceOrdered(options)),
  ),
  stepping(
    'remasking',
    'tokens become masks again (ReMDM, Wang 2025); between the times high and low',
    { eta: share, cap: share, high: share, low: share },
    ({ eta, cap, high, low }) => {
      const window = high === undefined && low === undefined ? undefined : { high: high ?? 1, low: low ?? 0 }
      return remasking({ eta, cap, window })
    },
  ),
  catalogueEntry(
    'energy',
    'the best of k drafts by an energy (EDLM, Xu 2024); by steps, or calls of first hitting',
    {
      ...{ steps: count, calls: count, k: count, window: share, temperature: positive },
      ...{ variant: z.enum(['paper', 'released']), of: z.enum(energyForms), model: z.string() },
    },
    ({ steps, calls, k, of = 'ar', model, ...rest }) => {
      if (steps !== undefined && calls !== undefined) throw new Error('energy takes steps or calls, not both')
      return {
        energy: { model, of },
        make({ energy, gumbels } = {}) {
          if (!energy) throw new Error('the sampler energy needs an energy; name its model, as energy(model=...)')
          if (gumbels) throw new Error('energy draws exactly; Gumbels are for samplers that step by a kernel')
          const draft: DraftOptions = { ...rest, energy, drafts: k }
          return calls === undefined
            ? energySampler({ ...draft, steps: steps ?? defaultSteps })
            : firstHitting({ calls, draft })
        },
      }
    },
  ),
]

/**
 * The sampler where none is named, as {@link tokenSamplerFrom} reads it: of a masked process exact.
 * @param few of few calls, for searches, which pay for every one
 */
export function defaultTokenSampler(kind: TokenProcess['kind'], few = false): string {
  if (kind === 'uniform') return few ? 'ancestral(steps=16)' : 'ancestral(steps=64)'
  return few ? 'first-hitting(calls=16)' : 'first-hitting'
}

/**
 * The sampler of tokens that a text asks for: `name`, or `name(option=value, ...)`, such as `first-hitting(calls=16)`;
 * or `profile:file.json`, a sampler of few steps that was learned.
 * @throws one line: what was not understood, and what there is
 */
export function tokenSamplerFrom(text: string): NamedTokenSampler {
  const file = /^profile:(.*)$/s.exec(text.trim())?.[1].trim()
  if (file === undefined) return fromCatalogue(tokenSamplerCatalogue, 'sampler', text)
  if (file === '') throw new Error('profile: needs its file, such as profile:lsd.json')
  return {
    profile: file,
    make({ profile, gumbels } = {}) {
      if (!profile) throw new Error(`the numbers of ${text} are missing`)
      return profiledSampler(profile, { gumbels })
    },
  }
}
