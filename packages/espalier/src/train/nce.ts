import type { Condition } from '../process/denoiser.ts'
import type { RuntimeTensor } from '../runtime/runtime.ts'
import { fold, type Key, purpose, stream } from '../tensor/random.ts'
import { Asker } from '../text/ask.ts'
import type { EnergyCard } from '../text/card.ts'
import { stackTokens, type TokenBatch, type TokenDenoiser } from '../text/denoiser.ts'
import { draftsOf } from '../text/energy.ts'
import { maskSome } from '../text/process.ts'
import type { Loss } from './graph.ts'

/**
 * Noise-contrastive estimation (Gutmann and Hyvarinen 2010) of an energy of sequences (EDLM, Xu et al. 2024, arXiv
 * 2410.21357): `mean_i softplus(side_i E_i)`, with the new input `side` `[n]`, which is 1 of data and -1 of drafts of the
 * denoiser. `softplus(E) = -log sigmoid(-E)`, so with as many of each it is half of the paper's loss.
 *
 * At `E = 0`, where an energy should start, it is log 2. The least is at `E = log p_mu(x_0 | x_t) - log q(x_0 | x_t)`,
 * with q the law of the data: then Z = 1 by itself.
 * @param energy `[n]` or `[n, 1]`
 */
export function nceLoss(energy: string): Loss {
  return (b) => {
    const e = b.get(energy).reshape([-1])
    return b.op('Softplus', [b.inputLike('side', e).mul(e)]).mean()
  }
}

/** Names of a graph's inputs, as the card of the energy has them. */
export type NceInputs = EnergyCard['inputs']

/**
 * What {@link nceLoss} learns from: clean sequences, each noised, and for each state one draft of the denoiser. The
 * numbers of masks are spread evenly over 1 to the length (a state without a mask teaches nothing), their places are
 * uniformly random; over many batches that is a uniform time.
 *
 * @param clean sequences of one length, n of them
 * @param key every draw of the batch comes from it
 * @returns rows of the data, then of drafts, with the same states: `tokens` and `state` int64 `[2 n, length]`, `time`
 *   `[2 n]` where it is named, under the names of `inputs`, and `side` `[2 n]`
 */
export async function nceBatch(
  denoiser: TokenDenoiser,
  inputs: NceInputs,
  clean: readonly Int32Array[],
  key: Key,
  condition?: Condition,
): Promise<Record<string, RuntimeTensor>> {
  const { process } = denoiser
  if (process.kind !== 'masked') throw new Error('an energy is learned of a masked process, this one is uniform')
  const n = clean.length
  const shift = stream(purpose(key, 'masks')).uniform()
  const states = clean.map((row, i) => {
    return maskSome(process, row, Math.ceil((row.length * (i + shift)) / n), fold(purpose(key, 'places'), i))
  })
  const times = states.map(({ time }) => time)
  const answers = await new Asker(denoiser, condition).ask(states, times, false)
  const drafts = states.map((state, i) => draftsOf(process, state, answers[i], fold(purpose(key, 'drafts'), i), 1)[0])
  const twice = <T>(rows: readonly T[]) => [...rows, ...rows]
  const feeds: Record<string, RuntimeTensor> = {
    [inputs.tokens]: fed([...clean, ...drafts.map(({ tokens }) => tokens)]),
    [inputs.state]: fed(twice(states.map(({ tokens }) => tokens))),
    side: { type: 'float32', shape: [2 * n], data: Float32Array.from({ length: 2 * n }, (_, i) => (i < n ? 1 : -1)) },
  }
  if (inputs.time !== undefined) {
    feeds[inputs.time] = { type: 'float32', shape: [2 * n], data: Float32Array.from(twice(times)) }
  }
  return feeds
}

function fed(rows: readonly Int32Array[]): RuntimeTensor {
  const { shape, data }: TokenBatch = stackTokens(rows)
  return { type: 'int64', shape, data: BigInt64Array.from(data, BigInt) }
}
