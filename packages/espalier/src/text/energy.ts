import type { Reward } from '../reward/reward.ts'
import { categoricalFromLog, fold, type Key, purpose, stream, uniform } from '../tensor/random.ts'
import type { AutoregressiveModel } from './autoregressive.ts'
import { maskedPositions, softmaxAt, stackTokens, type TokenBatch } from './denoiser.ts'
import type { TokenSample } from './masked-chain.ts'
import { maskOf, type TokenProcess } from './process.ts'
import type { TokenState } from './sampler.ts'

/**
 * An energy of whole sequences: `p(x_0 | x_t) = p_mu(x_0 | x_t) exp(-E(x_0, x_t)) / Z(x_t)`, with the factorised law
 * `p_mu` of a denoiser (EDLM, Xu et al. 2024, arXiv 2410.21357).
 */
export interface SequenceEnergy {
  readonly name: string
  /** Whether Z is 1 at every state. */
  readonly normalised?: boolean
  /**
   * `-E` of each draft, up to a number that depends on its state alone.
   * @param drafts whole sequences `[n, length]`
   * @param states what each was drafted for, `[n, length]`, unknown tokens as `mask`
   * @param logProposals `log p_mu(draft | state)` of each
   * @param times at which each was drafted; an energy that looks at the tokens alone needs none
   */
  logWeights(
    drafts: TokenBatch,
    states: TokenBatch,
    mask: number,
    logProposals: Float64Array,
    times?: Float64Array,
  ): Promise<Float64Array>
}

/**
 * EDLM-AR: `E = -log p_AR(x_0) + log p_mu(x_0 | x_t)`, whose target is the autoregressive model's own posterior given
 * the known tokens, wherever they stand. Z is not known, and cancels.
 */
export function autoregressiveEnergy(model: AutoregressiveModel): SequenceEnergy {
  return {
    name: `ar(${model.name})`,
    async logWeights(drafts, _states, _mask, logProposals) {
      const logs = await readAll(model, drafts)
      return sums(logs, drafts, () => true).map((log, i) => log - logProposals[i])
    },
  }
}

/**
 * EDLM-coAR: only unknown tokens count, `log p = sum_l log p_AR(x_l | x_<l)` over masks, which is normalised. It does
 * not see known tokens to the right of a mask, so it is not the model's posterior given them.
 */
export function carryOverEnergy(model: AutoregressiveModel): SequenceEnergy {
  return {
    name: `co-ar(${model.name})`,
    normalised: true,
    async logWeights(drafts, states, mask, logProposals) {
      const logs = await readAll(model, drafts)
      return sums(logs, drafts, (i) => states.data[i] === mask).map((log, i) => log - logProposals[i])
    },
  }
}

/** `E = 0`: the denoiser's own law, of independent positions. */
export const factorisedEnergy: SequenceEnergy = {
  name: 'factorised',
  normalised: true,
  logWeights: async ({ shape: [n] }) => new Float64Array(n),
}

/**
 * An energy and a reward: `-E + lambda r(x_0)`. Where E is that of the exact joint law, the target at every state is the
 * posterior of the tilted law `p(x_0) exp(lambda r(x_0)) / Z`, so an energy sampler with many drafts draws from it.
 * @param energy {@link factorisedEnergy} for the reward alone
 */
export function tiltedEnergy(energy: SequenceEnergy, reward: Reward<TokenSample>, lambda: number): SequenceEnergy {
  if (!Number.isFinite(lambda)) throw new Error(`lambda is ${lambda}, expected a number`)
  return {
    name: `${energy.name} + ${lambda} ${reward.name}`,
    async logWeights(drafts, ...rest) {
      const { shape, data } = drafts
      const [n, length] = shape
      const samples = Array.from({ length: n }, (_, i) => ({ tokens: data.slice(i * length, (i + 1) * length) }))
      const [logs, rewards] = await Promise.all([energy.logWeights(drafts, ...rest), reward.evaluate(samples)])
      // A reward of -Infinity stands for "never", also at lambda 0, where nothing is tilted.
      return logs.map((log, i) => (lambda === 0 ? log : log + lambda * rewards[i]))
    },
  }
}

/** Counts drafts that are scored. */
export function countedEnergy(energy: SequenceEnergy, meter: { evaluations: number }): SequenceEnergy {
  return {
    ...energy,
    logWeights(drafts, ...rest) {
      meter.evaluations += drafts.shape[0]
      return energy.logWeights(drafts, ...rest)
    },
  }
}

export interface DraftOptions {
  readonly energy: SequenceEnergy
  /** Drafts of one state, k; 1 is the denoiser alone. Default 2. */
  readonly drafts?: number
  /** Drafts are weighed at times in `(1 - window, 1]`; later ones are drawn from the denoiser alone. Default 1. */
  readonly window?: number
  /** Divides the log-weights. Default 1. */
  readonly temperature?: number
  /**
   * `released`: the weights of the published code, `exp(+E)`, which prefer the worst drafts: more of them lead further
   * from the target. Here to show it; the default is `exp(-E)`, as the paper has it.
   */
  readonly variant?: 'paper' | 'released'
  /** Told the normalised weights of each state's drafts; `1 / sum w^2` is their effective number. */
  readonly onWeights?: (weights: Float64Array) => void
}

/** @throws one line where an option is out of range */
export function checkDrafts({ drafts = 2, window = 1, temperature = 1 }: DraftOptions): void {
  if (!(Number.isInteger(drafts) && drafts >= 1)) throw new Error(`${drafts} drafts, expected a whole number from 1 on`)
  if (!(window >= 0 && window <= 1)) throw new Error(`the window is ${window}, expected a share in [0, 1]`)
  if (!(temperature > 0)) throw new Error(`the temperature is ${temperature}, expected a number above 0`)
}

/**
 * One whole sequence for each state, by self-normalised importance sampling: k drafts from the factorised clean law,
 * one of which is kept with the probability `softmax(-E / temperature)`. As k grows its law tends to the joint law, at
 * the rate 1/k. Known tokens are kept. All drafts of all states are scored in one call.
 */
export async function chooseDrafts(
  process: TokenProcess,
  options: DraftOptions,
  states: readonly TokenState[],
  answers: readonly Float32Array[],
  times: ArrayLike<number>,
  keys: readonly Key[],
): Promise<Int32Array[]> {
  const { energy, drafts = 2, window = 1, temperature = 1, variant = 'paper', onWeights } = options
  const weighed = states.map((_, i) => drafts > 1 && 1 - times[i] < window)
  const made = states.map((state, i) => draftsOf(process, state, answers[i], keys[i], weighed[i] ? drafts : 1))
  const open = states.flatMap((state, i) =>
    weighed[i] ? made[i].map((draft) => ({ draft, state, time: times[i] })) : [],
  )
  const logs = await weighDrafts(process, energy, open)
  const sign = (variant === 'paper' ? 1 : -1) / temperature
  let from = 0
  return states.map((_, i) => {
    if (!weighed[i]) return made[i][0].tokens
    const own = logs.subarray(from, from + drafts).map((log) => sign * log)
    from += drafts
    onWeights?.(normalised(own))
    return made[i][categoricalFromLog(stream(purpose(keys[i], 'choice')).uniform(), own)].tokens
  })
}

/**
 * `-E` of drafts, in one call.
 * @throws where an energy is NaN or -Infinity
 */
export async function weighDrafts(
  process: TokenProcess,
  energy: SequenceEnergy,
  open: readonly { readonly draft: Draft; readonly state: Pick<TokenState, 'tokens'>; readonly time: number }[],
): Promise<Float64Array> {
  if (open.length === 0) return new Float64Array(0)
  const logs = await energy.logWeights(
    stackTokens(open.map(({ draft }) => draft.tokens)),
    stackTokens(open.map(({ state }) => state.tokens)),
    maskOf(process),
    Float64Array.from(open, ({ draft }) => draft.logProbability),
    Float64Array.from(open, ({ time }) => time),
  )
  const odd = logs.findIndex((log) => !(log < Infinity))
  if (odd >= 0) throw new Error(`the energy ${energy.name} gave ${-logs[odd]} for draft ${odd} of ${logs.length}`)
  return logs
}

/** A whole sequence, and `log p_mu` of what was unknown of it. */
export interface Draft {
  readonly tokens: Int32Array
  readonly logProbability: number
}

/** Drafts of one state: every unknown token from its clean law. */
export function draftsOf(
  process: TokenProcess,
  state: Pick<TokenState, 'tokens'>,
  logits: Float32Array,
  key: Key,
  count: number,
): Draft[] {
  const { vocabulary } = process
  const drafts = Array.from({ length: count }, (_, j) => {
    const where = new Float64Array(state.tokens.length)
    uniform(purpose(fold(key, j), 'draft'), where)
    return { tokens: state.tokens.slice(), where, logProbability: 0 }
  })
  const clean = new Float64Array(vocabulary)
  const upTo = new Float64Array(vocabulary)
  for (const p of maskedPositions(process, state.tokens)) {
    softmaxAt(logits, p * vocabulary, vocabulary, clean)
    let total = 0
    for (let v = 0; v < vocabulary; v++) upTo[v] = total += clean[v]
    for (const draft of drafts) {
      const token = firstAbove(upTo, draft.where[p] * total)
      draft.tokens[p] = token
      draft.logProbability += Math.log(clean[token])
    }
  }
  return drafts
}

/** Where rising numbers first exceed one that is below the last of them. */
function firstAbove(rising: Float64Array, target: number): number {
  let [low, high] = [0, rising.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (rising[middle] > target) high = middle
    else low = middle + 1
  }
  return low
}

function normalised(logs: Float64Array): Float64Array {
  const max = Math.max(...logs)
  const weights = logs.map((log) => (max === -Infinity ? 1 : Math.exp(log - max)))
  const total = weights.reduce((a, b) => a + b)
  return weights.map((w) => w / total)
}

/** Rows that a model reads at once: it answers with a number for every value of every token. */
const MOST_ROWS = 64

async function readAll(model: AutoregressiveModel, { shape: [n, length], data }: TokenBatch): Promise<Float64Array> {
  const logs = new Float64Array(n * length)
  for (let from = 0; from < n; from += MOST_ROWS) {
    const to = Math.min(n, from + MOST_ROWS)
    const some = data.subarray(from * length, to * length)
    logs.set(await model.logProbabilities({ shape: [to - from, length], data: some }), from * length)
  }
  return logs
}

/** Sums of each row over the elements that count. */
function sums(
  logs: Float64Array,
  { shape: [n, length] }: TokenBatch,
  counts: (element: number) => boolean,
): Float64Array {
  const out = new Float64Array(n)
  for (let i = 0; i < n * length; i++) if (counts(i)) out[Math.floor(i / length)] += logs[i]
  return out
}
