import type { Condition } from '../process/denoiser.ts'
import { fold, type Key, key as keyOf, purpose, stream } from '../tensor/random.ts'
import { Asker } from './ask.ts'
import type { TokenDenoiser } from './denoiser.ts'
import { maskSome } from './process.ts'
import type { TokenState } from './sampler.ts'

export interface BoundOptions {
  readonly seed: number
  /** Numbers of masks that are tried on each sequence, spread evenly over 1 to its length (or times). Default 16. */
  readonly draws?: number
  /** Rows of one network call, at most. Default 64. */
  readonly batch?: number
  readonly condition?: Condition
}

/** The options with their defaults. @throws where a count is none */
export function checkBound(options: BoundOptions) {
  const { draws = 16, batch = 64 } = options
  for (const [name, count] of Object.entries({ draws, batch })) {
    if (Number.isInteger(count) && count >= 1) continue
    throw new Error(`${count} ${name === 'draws' ? 'draws' : 'rows of a batch'}, expected a whole number from 1 on`)
  }
  return { ...options, draws, batch }
}

/** A clean sequence behind masks. */
export interface MaskedRow {
  readonly clean: Int32Array
  /** Its known tokens, and the time at which so many are unknown. */
  readonly state: TokenState
  /** What the network says of the state, `[length * vocabulary]`. */
  readonly logits: Float32Array
  /** For further draws. */
  readonly key: Key
}

/**
 * Unbiased estimates of `length E_n[(1/n) f]`, one a sequence: f is a number of the sequence behind a uniformly random set
 * of n masks, n uniform on 1 to the length. With linear f, a sum over masks, each mask counts the same on average.
 *
 * @param f of rows of one length
 * @throws where a sequence is too long
 */
export async function maskAverage(
  denoiser: TokenDenoiser,
  sequences: readonly Int32Array[],
  options: BoundOptions,
  f: (rows: readonly MaskedRow[]) => Promise<ArrayLike<number>>,
): Promise<Float64Array> {
  const { process, context } = denoiser
  const { seed, draws, batch, condition } = checkBound(options)
  const root = purpose(keyOf(seed), 'bound')
  const asker = new Asker(denoiser, condition)
  const means = new Float64Array(sequences.length)
  const jobs = sequences.flatMap((clean, row) => {
    if (clean.length < 1 || clean.length > context) {
      throw new Error(`sequence ${row} has ${clean.length} tokens, the model takes 1 to ${context}`)
    }
    const own = fold(root, row)
    const shift = stream(purpose(own, 'shift')).uniform()
    return Array.from({ length: draws }, (_, d) => ({
      row,
      clean,
      masks: Math.ceil((clean.length * (d + shift)) / draws),
      key: fold(own, d),
    }))
  })
  for (let from = 0; from < jobs.length; ) {
    // One batch holds sequences of one length.
    let to = from + 1
    while (to < jobs.length && to - from < batch && jobs[to].clean.length === jobs[from].clean.length) to++
    const some = jobs.slice(from, to)
    const states = some.map(({ clean, masks, key }) => maskSome(process, clean, masks, key))
    const answers = await asker.ask(
      states,
      states.map(({ time }) => time),
      false,
    )
    const values = await f(some.map(({ clean, key }, i) => ({ clean, key, state: states[i], logits: answers[i] })))
    some.forEach(({ row, clean, masks }, i) => void (means[row] += ((clean.length / masks) * values[i]) / draws))
    from = to
  }
  return means
}
