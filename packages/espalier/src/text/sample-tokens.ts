import type { Condition } from '../process/denoiser.ts'
import { fold, key as keyOf, purpose } from '../tensor/random.ts'
import { Asker } from './ask.ts'
import { checkPrompt, countedTokens, freePrompt, type TokenDenoiser } from './denoiser.ts'
import { maskOf } from './process.ts'
import type { TokenSolver, TokenState } from './sampler.ts'

export interface SampleTokensOptions {
  readonly denoiser: TokenDenoiser
  readonly sampler: TokenSolver
  /** Number of sequences. */
  readonly count: number
  readonly seed: number
  /** Number of the first one, so that many can be drawn in parts. Default 0. */
  readonly first?: number
  /** Length of the sequences. Default: that of the prompt, or the longest that the model takes. */
  readonly length?: number
  /** Fixed tokens, the mask where one is to be filled in; shorter than `length`, it is a prefix. */
  readonly prompt?: ArrayLike<number>
  /** Conditions of the network, one row, the same for all sequences. */
  readonly condition?: Condition
  readonly signal?: AbortSignal
  /** Called after every step, with the sequences as far as they are known. */
  readonly onStep?: (progress: TokenProgress) => void | Promise<void>
}

export interface TokenProgress {
  readonly step: number
  readonly steps: number
  readonly nfe: number
  readonly tokens: readonly Int32Array[]
}

export interface SampledTokens {
  readonly tokens: readonly Int32Array[]
  /** Rows that went through the network. */
  readonly nfe: number
  readonly stopped: 'done' | 'signal'
}

/**
 * Samples sequences. Row i is a function of the seed and `first + i` alone.
 * @throws one line where prompt, length and model do not fit; where the network gives NaN: row, time and position
 */
export async function sampleTokens(options: SampleTokensOptions): Promise<SampledTokens> {
  const { count, seed, signal, first = 0 } = options
  if (!(Number.isInteger(count) && count >= 1)) throw new Error(`${count} sequences, expected a whole number from 1 on`)
  if (!Number.isSafeInteger(seed)) throw new Error(`the seed is ${seed}, expected an integer`)
  const meter = { nfe: 0 }
  const denoiser = countedTokens(options.denoiser, meter)
  const prompt = promptOf(denoiser, options)
  const asker = new Asker(denoiser, options.condition)
  const root = purpose(keyOf(seed), 'tokens')
  const keys = Array.from({ length: count }, (_, i) => fold(root, first + i))
  const known = (states: readonly TokenState[]) => states.map(({ tokens }) => tokens)
  if (!prompt.includes(maskOf(denoiser.process))) {
    return { tokens: keys.map(() => prompt.slice()), nfe: 0, stopped: 'done' }
  }
  const { process, timeFree } = denoiser
  const sampler = options.sampler({ process, timeFree, prompt })
  let states = sampler.start(keys)
  for (let step = 0; step < sampler.steps; step++) {
    if (signal?.aborted) return { tokens: known(states), nfe: meter.nfe, stopped: 'signal' }
    try {
      states = await sampler.step(states, step, keys, (rows, times) => asker.ask(rows, times, true))
    } catch (cause) {
      throw new Error(`step ${step} of ${sampler.steps}: ${(cause as Error).message}`, { cause })
    }
    await options.onStep?.({ step: step + 1, steps: sampler.steps, nfe: meter.nfe, tokens: known(states) })
  }
  return { tokens: known(states), nfe: meter.nfe, stopped: 'done' }
}

/** The whole sequence to begin with: fixed tokens, and the mask where one is to be filled in. */
export function promptOf(
  denoiser: Pick<TokenDenoiser, 'process' | 'context'>,
  { prompt, length }: Pick<SampleTokensOptions, 'prompt' | 'length'>,
): Int32Array {
  const whole = length ?? (prompt ? prompt.length : denoiser.context)
  if (!(Number.isInteger(whole) && whole >= 1)) {
    throw new Error(`sequences of ${whole} tokens, expected a whole number from 1 on`)
  }
  if (prompt && prompt.length > whole) {
    throw new Error(`a prompt of ${prompt.length} tokens does not fit a sequence of ${whole}`)
  }
  const tokens = freePrompt(denoiser, whole)
  for (let p = 0; p < (prompt?.length ?? 0); p++) {
    const token = (prompt as ArrayLike<number>)[p]
    if (!Number.isInteger(token)) throw new Error(`token ${p} of the prompt is ${token}, expected a whole number`)
    tokens[p] = token
  }
  return checkPrompt(denoiser, tokens)
}
