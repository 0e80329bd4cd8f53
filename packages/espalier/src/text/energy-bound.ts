import { logSumExp } from '../tensor/log-sum-exp.ts'
import { purpose } from '../tensor/random.ts'
import { maskedPositions, type TokenDenoiser } from './denoiser.ts'
import { draftsOf, type SequenceEnergy, weighDrafts } from './energy.ts'
import { type LogPartition, logPartition } from './log-partition.ts'
import { type BoundOptions, type MaskedRow, maskAverage } from './mask-average.ts'

export interface EnergyBoundOptions extends BoundOptions {
  readonly energy: SequenceEnergy
  /** Drafts of one state, k. Default 16. */
  readonly drafts?: number
}

/**
 * Unbiased estimates of a bound `-log p(x) <= L(x)` of a masked diffusion with an energy, in nats, one a sequence: of the
 * sampler that lifts one mask at a time ({@link firstHitting} with drafts, one position a call), whose clean law of a
 * position is that of k drafts by their weights, mixed with the denoiser's own by `smoothing / (k + smoothing)`.
 *
 * In continuous time masks fall one by one, so what counts are the marginals of the joint law (not its whole, which is
 * {@link paperObjective}). Here they are estimated, and the logarithm of an estimate is on average too small: the bound
 * falls as k grows. With `E = 0` it is that of `likelihoodBound` and a little more.
 *
 * @param options.smoothing counts of the denoiser's own law, above 0: no draft may hold the true token. Default 1
 * @throws where the process is uniform, or a sequence is too long
 */
export async function energyBound(
  denoiser: TokenDenoiser,
  sequences: readonly Int32Array[],
  { energy, drafts = 16, smoothing = 1, ...options }: EnergyBoundOptions & { readonly smoothing?: number },
): Promise<Float64Array> {
  checkCounts(denoiser, drafts)
  if (!(smoothing > 0 && smoothing < Infinity))
    throw new Error(`the smoothing is ${smoothing}, expected a count above 0`)
  const { process } = denoiser
  return maskAverage(denoiser, sequences, options, async (rows) => {
    const weighed = await weighedDrafts(denoiser, energy, rows, drafts)
    return rows.map(({ clean, state, logits }, i) => {
      const { made, logs } = weighed[i]
      const total = logSumExp(logs)
      let sum = 0
      for (const p of maskedPositions(process, state.tokens)) {
        let share = 0
        made.forEach(({ tokens }, j) => {
          if (tokens[p] === clean[p]) share += total === -Infinity ? 1 / drafts : Math.exp(logs[j] - total)
        })
        const own = Math.exp(logAt(logits, p, clean[p], process.vocabulary))
        sum -= Math.log((drafts * share + smoothing * own) / (drafts + smoothing))
      }
      return sum
    })
  })
}

/**
 * What the paper of EDLM reports as a bound, in nats: `length E_n[(1/n)(-log p_mu(x) + E(x) + log Z)]`. It is NOT a bound:
 * it counts the joint log-probability of all masks by the share of them that falls, where those that fall have
 * marginals. By Shearer's inequality it lies at or below the exact number, and can be below the entropy of the data:
 * of two equal fair bits it is half of it. Of a factorised law (`E = 0`) it is the bound; of {@link carryOverEnergy} it is
 * the autoregressive model's own `-log p`, whatever the denoiser. To be reported under the name "paper objective" alone.
 *
 * @param options.estimate of `log Z`, from `drafts` drafts. `one` is that of the released code, `-E` of one draft: too
 *   small. Energies that say they are normalised need none. Default `jackknife`
 * @throws where the process is uniform, or a sequence is too long
 */
export async function paperObjective(
  denoiser: TokenDenoiser,
  sequences: readonly Int32Array[],
  {
    energy,
    drafts = 16,
    estimate = 'jackknife',
    ...options
  }: EnergyBoundOptions & { readonly estimate?: Exclude<keyof LogPartition, 'effective'> | 'one' },
): Promise<Float64Array> {
  checkCounts(denoiser, drafts)
  const { process } = denoiser
  return maskAverage(denoiser, sequences, options, async (rows) => {
    const own = rows.map(({ clean, state, logits }) => ({
      tokens: clean,
      logProbability: maskedPositions(process, state.tokens).reduce(
        (sum, p) => sum + logAt(logits, p, clean[p], process.vocabulary),
        0,
      ),
    }))
    const logs = await weighDrafts(
      process,
      energy,
      rows.map(({ state }, i) => ({ draft: own[i], state, time: state.time })),
    )
    const drawn = energy.normalised ? [] : await weighedDrafts(denoiser, energy, rows, estimate === 'one' ? 1 : drafts)
    return rows.map((_, i) => {
      const logZ = energy.normalised ? 0 : logPartition(drawn[i].logs)[estimate === 'one' ? 'below' : estimate]
      return logZ - own[i].logProbability - logs[i]
    })
  })
}

function checkCounts({ process }: TokenDenoiser, drafts: number): void {
  if (process.kind !== 'masked') throw new Error('drafts are of masked processes, this one is uniform')
  if (!(Number.isInteger(drafts) && drafts >= 1)) throw new Error(`${drafts} drafts, expected a whole number from 1 on`)
}

/** k drafts of each row, and what they weigh. */
async function weighedDrafts(
  { process }: TokenDenoiser,
  energy: SequenceEnergy,
  rows: readonly MaskedRow[],
  drafts: number,
) {
  const made = rows.map(({ state, logits, key }) => draftsOf(process, state, logits, purpose(key, 'drafts'), drafts))
  const open = rows.flatMap(({ state }, i) => made[i].map((draft) => ({ draft, state, time: state.time })))
  const logs = await weighDrafts(process, energy, open)
  return made.map((own, i) => ({ made: own, logs: logs.subarray(i * drafts, (i + 1) * drafts) }))
}

/** `log mu` of a token at a position. */
function logAt(logits: Float32Array, position: number, token: number, vocabulary: number): number {
  const row = logits.subarray(position * vocabulary, (position + 1) * vocabulary)
  return row[token] - logSumExp(row)
}
