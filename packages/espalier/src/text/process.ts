import { fold, type Key, purpose, stream, uniform } from '../tensor/random.ts'
import { logLinear, type TokenSchedule } from './schedule.ts'

/**
 * How a sequence of tokens is noised, position by position. Real tokens are `0 .. vocabulary - 1`.
 *
 * - `masked` (absorbing): a noised token is the mask, `vocabulary`, for good.
 * - `uniform`: it is drawn again among the real tokens: `p(x_t = y | x_0) = alpha [y = x_0] + (1 - alpha) / V`.
 */
export interface TokenProcess {
  readonly kind: 'masked' | 'uniform'
  readonly vocabulary: number
  readonly schedule: TokenSchedule
}

/** @throws where the vocabulary is not a count */
export function maskedProcess(vocabulary: number, schedule = logLinear()): TokenProcess {
  return { kind: 'masked', vocabulary: checkVocabulary(vocabulary), schedule }
}

/** @throws where the vocabulary is not a count */
export function uniformProcess(vocabulary: number, schedule = logLinear()): TokenProcess {
  return { kind: 'uniform', vocabulary: checkVocabulary(vocabulary), schedule }
}

/** The token that stands for "not known": one past the real ones. */
export function maskOf({ vocabulary }: Pick<TokenProcess, 'vocabulary'>): number {
  return vocabulary
}

/** `p(x_t = y | x_0 = x)`; y may be the mask. */
export function transition({ kind, vocabulary, schedule }: TokenProcess, x: number, y: number, t: number): number {
  const noised = schedule.noised(t)
  if (kind === 'masked') return y === vocabulary ? noised : y === x ? 1 - noised : 0
  return y === vocabulary ? 0 : (y === x ? 1 - noised : 0) + noised / vocabulary
}

/** A clean sequence noised to time t, by the streams of the key. */
export function noiseTokens(process: TokenProcess, clean: ArrayLike<number>, t: number, key: Key): Int32Array {
  const gone = new Float64Array(clean.length)
  uniform(purpose(key, 'noise'), gone)
  const noised = process.schedule.noised(t)
  return Int32Array.from(clean, (token, i) => (gone[i] < noised ? noiseToken(process, fold(key, i)) : token))
}

/**
 * A clean sequence with so many masks, at uniformly random places, and the time at which that many are expected: where
 * the masked share is the largest of `masks` of as many uniforms as there are tokens.
 */
export function maskSome(
  process: TokenProcess,
  clean: Int32Array,
  masks: number,
  key: Key,
): { readonly tokens: Int32Array; readonly time: number } {
  const ranks = new Float64Array(clean.length)
  uniform(key, ranks)
  const share = masks === 0 ? 0 : ranks.slice().sort()[masks - 1]
  return {
    tokens: clean.map((token, p) => (ranks[p] <= share ? maskOf(process) : token)),
    time: Math.min(1, process.schedule.timeOf(share)),
  }
}

/** A token of pure noise. */
export function noiseToken(process: TokenProcess, key: Key): number {
  return process.kind === 'masked' ? maskOf(process) : stream(purpose(key, 'token')).integer(process.vocabulary)
}

function checkVocabulary(vocabulary: number): number {
  if (Number.isInteger(vocabulary) && vocabulary >= 1) return vocabulary
  throw new Error(`a vocabulary of ${vocabulary} tokens, expected a whole number from 1 on`)
}
