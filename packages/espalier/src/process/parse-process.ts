import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'
import { edm, ve } from './exploding.ts'
import { flow } from './flow.ts'
import type { Process } from './process.ts'
import { meanReverting, residualShifting } from './residual.ts'
import { subVp, vpCosine, vpLinear, vpScaledLinear } from './variance-preserving.ts'
import { cosineBetas, linearBetas, scaledLinearBetas, vpTable, zeroTerminalSnr } from './vp-table.ts'

const number = z.optional(z.number())
const range = { b0: number, b1: number }
const levels = { sigmaMin: number, sigmaMax: number }
const steps = z.optional(z.int().check(z.positive()))

const betas = z.union(
  [
    z.array(z.number()),
    z.strictObject({ type: z.enum(['linear', 'scaled-linear']), steps, first: number, last: number }),
    z.strictObject({ type: z.literal('cosine'), steps, cap: number, offset: number }),
  ],
  'expected numbers, or { "type": "linear" | "scaled-linear", steps, first, last }, or { "type": "cosine", steps, cap, offset }',
)

const specification = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('vp-linear'), ...range }),
  z.strictObject({ type: z.literal('vp-scaled-linear'), ...range }),
  z.strictObject({ type: z.literal('vp-cosine'), offset: number }),
  z.strictObject({
    type: z.literal('vp-table'),
    betas,
    /** Rescale the betas to end without signal. */
    zeroTerminalSnr: z.optional(z.boolean()),
    interpolation: z.optional(z.enum(['log-alpha', 'log-rho', 'rho'])),
  }),
  z.strictObject({ type: z.literal('sub-vp'), ...range }),
  z.strictObject({ type: z.literal('ve'), ...levels }),
  z.strictObject({ type: z.literal('edm'), ...levels }),
  z.strictObject({ type: z.literal('flow'), shift: number }),
  z.strictObject({
    type: z.literal('mean-reverting'),
    schedule: z.optional(z.enum(['cosine', 'linear', 'constant'])),
    steps,
    floor: number,
    std: number,
  }),
  z.strictObject({
    type: z.literal('residual-shifting'),
    steps,
    kappa: number,
    power: number,
    minNoise: number,
    end: number,
  }),
])

/** A process as JSON, such as `{ "type": "vp-linear", "b0": 0.1, "b1": 20 }`; models and worlds name theirs so. */
export type ProcessSpecification = z.infer<typeof specification>

/** Builds the process that a JSON value describes. @throws one line that says which field is wrong */
export function parseProcess(json: unknown): Process {
  const spec = parseWith(specification, json, 'process')
  switch (spec.type) {
    case 'vp-linear':
      return vpLinear(spec)
    case 'vp-scaled-linear':
      return vpScaledLinear(spec)
    case 'vp-cosine':
      return vpCosine(spec)
    case 'vp-table': {
      const betas = betasOf(spec.betas)
      return vpTable(spec.zeroTerminalSnr ? zeroTerminalSnr(betas) : betas, spec)
    }
    case 'sub-vp':
      return subVp(spec)
    case 've':
      return ve(spec)
    case 'edm':
      return edm(spec)
    case 'flow':
      return flow(spec)
    case 'mean-reverting':
      return meanReverting(spec)
    case 'residual-shifting':
      return residualShifting(spec)
  }
}

function betasOf(spec: z.infer<typeof betas>): ArrayLike<number> {
  if (!('type' in spec)) return spec
  if (spec.type === 'cosine') return cosineBetas(spec.steps, spec)
  return (spec.type === 'linear' ? linearBetas : scaledLinearBetas)(spec.steps, spec.first, spec.last)
}
