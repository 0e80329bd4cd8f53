/** Few steps on laws that can be summed over, with exact models: how far each sampler's law is from the true one. */

import type { Results } from 'espalier/measure'
import {
  cosine,
  geometric,
  type KernelStage,
  maskedProcess,
  maskOf,
  type SamplerProfile,
  scaledKernel,
  TokenLaw,
  type TokenProcess,
  uniformProcess,
} from 'espalier/text'
import { type Arm, arms, controls, isFitted, learnt, variants } from './arms.ts'
import { callsOf, fitCalls } from './fit.ts'
import { type ChainName, chains, inCalls, metrics } from './names.ts'

const tokens = 3
/** The sheet's chain: a token mostly repeats the one before. */
const [first, next] = [
  [0.5, 0.3, 0.2],
  [0.75, 0.175, 0.075],
]

export const exactCalls = [3, 5, 9] as const

const worlds: Readonly<Record<ChainName, { readonly length: number; readonly process: TokenProcess }>> = {
  'chains, linear': { length: 5, process: maskedProcess(tokens) },
  'chains, cosine': { length: 4, process: maskedProcess(tokens, cosine()) },
  'chains, uniform': { length: 4, process: uniformProcess(tokens, geometric()) },
}

/** What can be told of so few tokens: the relaxed start changes none of them. */
const exactArms = (chain: ChainName): readonly Arm[] => {
  const kernels = chain === 'chains, linear' ? (['euler'] as const) : (['euler', 'tweedie'] as const)
  return [
    ...(chain === 'chains, linear' ? [arms.fewer('euler')] : []),
    ...kernels.flatMap((kernel) => [arms.plain(kernel), arms.jump(kernel), ...learnt(kernel)]),
    ...variants('euler').filter(({ relax }) => relax === undefined),
    ...controls('euler'),
  ]
}

export function chainLaw(length: number): TokenLaw {
  return new TokenLaw(
    tokens,
    length,
    Float64Array.from({ length: tokens ** length }, (_, i) => {
      const row = Array.from({ length }, (_, p) => Math.floor(i / tokens ** (length - 1 - p)) % tokens)
      return row.slice(1).reduce((p, v, k) => p * next[(v - row[k] + tokens) % tokens], first[row[0]])
    }),
  )
}

/** Fits on every seed; what is not fitted is one number. */
export async function addExact(results: Results, onArm?: (what: string) => void): Promise<void> {
  for (const chain of chains) {
    const { length, process } = worlds[chain]
    const law = chainLaw(length)
    const denoiser = law.denoiser(process)
    for (const calls of exactCalls) {
      for (const arm of exactArms(chain)) {
        onArm?.(`${inCalls(chain, calls)} | ${arm.method}`)
        const fits: SamplerProfile[] = []
        for (const seed of isFitted(arm) ? results.seeds : [0]) {
          fits.push((await fitCalls(arm, calls, { denoiser, teacher: 64, pairs: 60, seed })).profile)
        }
        const laws = fits.map((profile) => profileLaw(law, process, profile))
        const each = (of: (table: Float64Array) => number) => results.seeds.map((_, i) => of(laws[i % laws.length]))
        const where = { method: arm.method, setting: inCalls(chain, calls), budget: calls }
        const nfe = callsOf(fits[0], denoiser)
        results.add({ ...where, nfe, metric: metrics.tv, values: each((table) => law.distance(table)) })
        results.add({ ...where, nfe, metric: metrics.entropyOfLaw, values: each(entropyOf) })
      }
    }
  }
}

const entropyOf = (table: Float64Array) => table.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0)

/** The law over clean sequences of a profile's run with the law's own posteriors, its last fill included. */
export function profileLaw(law: TokenLaw, process: TokenProcess, profile: SamplerProfile): Float64Array {
  const { times, factors, variant, kernel } = profile
  const family = scaledKernel({ kernel, variant, factor: (t) => factors[times.indexOf(t)] ?? 1 })
  const [stage] = family(process).stages
  const masked = process.kind === 'masked'
  const symbols = law.vocabulary + (masked ? 1 : 0)
  const states = statesOf(symbols, law.length)
  let here = new Float64Array(states.length)
  if (masked) here[states.length - 1] = 1
  else here.fill(1 / states.length)
  const fill = times.length - 1
  for (let k = 0; k <= fill; k++) {
    const after = new Float64Array(states.length)
    here.forEach((weight, i) => {
      if (weight === 0) return
      const posterior = law.posterior(process, states[i], times[k])
      const laws = Array.from(states[i], (token, p) => {
        const clean = posterior.subarray(p * law.vocabulary, (p + 1) * law.vocabulary)
        if (k === fill) return filled(process, token, clean, times[k])
        return stepped(stage, token, clean, times[k], times[k + 1])
      })
      spread(laws, symbols, weight, after)
    })
    here = after
  }
  return law.probabilities.map((_, i) => here[index(law.tokens(i), symbols)])
}

function stepped(stage: KernelStage, token: number, clean: Float64Array, t: number, s: number): Float64Array {
  const out = new Float64Array(clean.length + 1)
  stage.law([token], [clean], t, s, out)
  return out
}

/** The last fill: what is not known for sure is drawn. */
function filled(process: TokenProcess, token: number, clean: Float64Array, t: number): Float64Array {
  const out = new Float64Array(clean.length + 1)
  const known = process.kind === 'masked' ? token !== maskOf(process) : process.schedule.noised(t) === 0
  if (known) out[token] = 1
  else out.set(clean)
  return out
}

/** Adds the law of positions drawn each on its own. */
function spread(laws: readonly Float64Array[], symbols: number, weight: number, into: Float64Array): void {
  const visit = (position: number, at: number, probability: number) => {
    if (probability === 0) return
    if (position === laws.length) {
      into[at] += probability
      return
    }
    for (let v = 0; v < symbols; v++) visit(position + 1, at * symbols + v, probability * laws[position][v])
  }
  visit(0, 0, weight)
}

function index(row: Int32Array, symbols: number): number {
  return row.reduce((at, v) => at * symbols + v, 0)
}

function statesOf(symbols: number, length: number): Int32Array[] {
  return Array.from({ length: symbols ** length }, (_, i) =>
    Int32Array.from({ length }, (_, p) => Math.floor(i / symbols ** (length - 1 - p)) % symbols),
  )
}
