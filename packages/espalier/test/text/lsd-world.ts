import { type ProfileKernel, type SamplerProfile, scaledKernel, TokenLaw, type TokenProcess } from 'espalier/text'
import { kernelLaw } from './worlds.ts'

/** Markov chains of tokens of 3 that mostly repeat the last one. */
export function chain(length: number): TokenLaw {
  return new TokenLaw(
    3,
    length,
    Float64Array.from({ length: 3 ** length }, (_, i) => {
      const digits = Array.from({ length }, (_, p) => Math.floor(i / 3 ** (length - 1 - p)) % 3)
      const start = [0.5, 0.3, 0.2][digits[0]]
      return digits.slice(1).reduce((p, v, k) => p * [0.75, 0.175, 0.075][(v - digits[k] + 3) % 3], start)
    }),
  )
}

/** Total variation distance of a profile's law from the model's, by enumeration; the last fill is counted in. */
export function farProfile(law: TokenLaw, process: TokenProcess, profile: SamplerProfile): number {
  const { times, factors, kernel, variant } = profile
  const family = scaledKernel({ kernel, variant, factor: (t) => factors[times.indexOf(t)] ?? 1 })
  return law.distance(kernelLaw(law, process, family, times))
}

/** The same of plain steps. */
export const farPlain = (
  law: TokenLaw,
  process: TokenProcess,
  times: readonly number[],
  kernel: ProfileKernel = 'euler',
) => farProfile(law, process, { times, factors: times.slice(1).map(() => 1), kernel })
