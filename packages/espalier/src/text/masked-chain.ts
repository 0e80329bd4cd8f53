import type { StochasticChain } from '../chain/chain.ts'
import { type Branching, blocksOf } from '../chain/schedule.ts'
import type { Condition } from '../process/denoiser.ts'
import type { Reward } from '../reward/reward.ts'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import { categorical, fold, type Key, key, purpose, uniform } from '../tensor/random.ts'
import { Asker } from './ask.ts'
import { softmaxAt, type TokenDenoiser } from './denoiser.ts'
import { argmaxOf } from './kernel.ts'
import { maskOf, type TokenProcess } from './process.ts'
import { promptOf } from './sample-tokens.ts'
import { freePositions, type TokenSolver, type TokenState } from './sampler.ts'

/** A whole sequence: what a reward of text scores. */
export interface TokenSample {
  readonly tokens: Int32Array
}

export interface MaskedChainOptions {
  readonly denoiser: TokenDenoiser
  /** Such as `firstHitting({ calls: 16 })`: few calls, and every block makes as many as it says. */
  readonly sampler: TokenSolver
  /** Fixed tokens, the mask where one is to be filled in; shorter than `length`, it is a prefix. */
  readonly prompt?: ArrayLike<number>
  /** Default: that of the prompt, or the longest that the model takes. */
  readonly length?: number
  readonly condition?: Condition
  /** Remaining-step counts at which a search may branch. Default: five even blocks. */
  readonly branchAt?: readonly number[] | Branching
  /**
   * The look-ahead of a state: every unknown token its likeliest value (as SVDD does, Li et al. 2024), or a draw of its
   * clean law. Default `argmax`.
   */
  readonly lookahead?: 'argmax' | 'sample'
  /**
   * States whose predictions (`length * vocabulary` numbers each) are remembered from a look-ahead to the step. One that is
   * forgotten is asked again, which a search does not count. Default: as many as fit in 1 GiB.
   */
  readonly remember?: number
}

/** A chain of token states, which can fill the unknown tokens of a state several times from one prediction. */
export interface TokenChain extends StochasticChain<TokenState, TokenSample> {
  /**
   * `n` independent fills of each state from its clean law, position by position; final states n times themselves.
   * Which ones depends on the tokens alone, so that a value made of them is a function of the state. Costs
   * `lookaheadCost(level)`.
   */
  fills(states: readonly TokenState[], level: number, n: number): Promise<TokenSample[][]>
  /** Expected share of the free positions that is noise in states of a level, such as masks. */
  noised(level: number): number
}

/**
 * A token sampler as a chain, for every search. A level is a block of sampler steps.
 *
 * Costs are what a row can cost at most. First-hitting and confidence-ordered samplers cost just that; a kernel sampler
 * asks nothing where nothing moves, so a run of it spends less than it is charged.
 *
 * @throws where the sampler needs more than the state, so that it cannot be branched; where prompt and model do not fit
 */
export function maskedChain(options: MaskedChainOptions): TokenChain {
  const { denoiser, branchAt, lookahead = 'argmax' } = options
  const { process, timeFree, rowCost = 1 } = denoiser
  const { vocabulary } = process
  const prompt = promptOf(denoiser, options)
  const free = freePositions({ process, prompt })
  if (free.length === 0) throw new Error('every token of the prompt is fixed: there is nothing to sample')
  const sampler = options.sampler({ process, timeFree, prompt })
  if (sampler.remembers) {
    throw new Error(`${sampler.name} remembers earlier predictions, so its states cannot be branched; take order 1`)
  }
  const blocks = blocksOf(sampler.steps, branchAt)
  const depth = blocks.length
  const asker = new Asker(denoiser, options.condition, options.remember)
  const codec = stateCodec(process, prompt.length)

  const known = ({ tokens }: TokenState): TokenSample => ({ tokens })
  /** Positions that a fill replaces: unknown ones, and of noise any. */
  const open = ({ tokens }: TokenState) =>
    process.kind === 'uniform' ? free : free.filter((p) => tokens[p] === maskOf(process))
  const look = (states: readonly TokenState[], level: number) =>
    asker.ask(
      states,
      states.map((state) => sampler.time(state, blocks[level].from)),
      true,
    )
  const likeliest = (state: TokenState, logits: Float32Array): TokenSample => {
    const tokens = state.tokens.slice()
    for (const p of open(state)) tokens[p] = argmaxOf(logits.subarray(p * vocabulary, (p + 1) * vocabulary))
    return { tokens }
  }
  /** So many fills, each by a rule for the token of a position. */
  const filled = (
    state: TokenState,
    logits: Float32Array,
    n: number,
    choose: (clean: Float64Array, position: number, fill: number) => number,
  ): TokenSample[] => {
    const fills = Array.from({ length: n }, () => ({ tokens: state.tokens.slice() }))
    const clean = new Float64Array(vocabulary)
    for (const p of open(state)) {
      softmaxAt(logits, p * vocabulary, vocabulary, clean)
      for (let j = 0; j < n; j++) fills[j].tokens[p] = choose(clean, p, j)
    }
    return fills
  }
  const drawn = (state: TokenState, logits: Float32Array, n: number) => {
    const own = contentKey(state)
    const where = Array.from({ length: n }, (_, j) => {
      const draws = new Float64Array(state.tokens.length)
      uniform(fold(own, j), draws)
      return draws
    })
    return filled(state, logits, n, (clean, p, j) => categorical(where[j][p], clean))
  }

  return {
    kernel: 'stochastic',
    depth,
    cost(level, looked = false) {
      const { from, to } = blocks[level]
      let calls = looked && sampler.asksHere(from) ? -1 : 0
      for (let step = from; step < to; step++) calls += sampler.cost(step)
      return calls * rowCost
    },
    stochastic: () => true,
    start: async (keys) => sampler.start(keys),
    async step(states, level, keys) {
      let here = [...states]
      for (let step = blocks[level].from; step < blocks[level].to; step++) {
        here = await sampler.step(here, step, keys, (rows, times) => asker.ask(rows, times, false))
      }
      return here
    },
    async lookahead(states, level) {
      if (level === depth) return states.map(known)
      const answers = await look(states, level)
      return states.map((state, i) => {
        return lookahead === 'argmax' ? likeliest(state, answers[i]) : drawn(state, answers[i], 1)[0]
      })
    },
    lookaheadCost: (level) => (level === depth ? 0 : rowCost),
    async fills(states, level, n) {
      if (level === depth) return states.map((state) => new Array(n).fill(known(state)))
      const answers = await look(states, level)
      return states.map((state, i) => drawn(state, answers[i], n))
    },
    noised: (level) => sampler.noised(level === depth ? sampler.steps : blocks[level].from),
    decode: async (states) => states.map(known),
    save: codec.save,
    load: codec.load,
  }
}

/**
 * The value of a state by the rewards of several fills, `(1/lambda) log mean exp(lambda r(fill))`: what FK steering
 * takes for text, with four fills (Singhal et al. 2025). At lambda = 0 the mean. It is a value function as the
 * population methods take one (their option `values`).
 */
export function fillValue(
  chain: TokenChain,
  reward: Reward<TokenSample>,
  { fills = 4, lambda = 1 }: { readonly fills?: number; readonly lambda?: number } = {},
) {
  if (!(Number.isInteger(fills) && fills >= 1)) throw new Error(`${fills} fills, expected a whole number from 1 on`)
  return {
    name: `fills(${fills})`,
    cost: (level: number) => chain.lookaheadCost(level),
    rewardEvaluations: fills,
    looks: true,
    async evaluate(states: readonly TokenState[], level: number): Promise<Float64Array> {
      const samples = (await chain.fills(states, level, fills)).flat()
      const rewards = Float64Array.from(await reward.evaluate(samples))
      return Float64Array.from(states, (_, i) => softMean(rewards.subarray(i * fills, (i + 1) * fills), lambda))
    },
  }
}

function softMean(rewards: Float64Array, lambda: number): number {
  if (lambda === 0) return rewards.reduce((a, b) => a + b, 0) / rewards.length
  return (logSumExp(rewards.map((r) => lambda * r)) - Math.log(rewards.length)) / lambda
}

/** A stream that belongs to the tokens. */
function contentKey({ tokens }: TokenState): Key {
  let own = purpose(key(tokens.length), 'fills')
  for (const token of tokens) own = fold(own, token)
  return own
}

/** Tokens of at most this are whole in half floats too, in which a tree may keep its states. */
const DIGIT = 1024

/** Numbers that a token takes: large ones have two digits. */
function digitsOf({ vocabulary }: Pick<TokenProcess, 'vocabulary'>): number {
  return vocabulary >= 2 * DIGIT ? 2 : 1
}

/** States as numbers: the time, then the tokens (their low digits, then their high ones). */
function stateCodec(process: TokenProcess, length: number) {
  const digits = digitsOf(process)
  return {
    save({ tokens, time }: TokenState): Float32Array {
      const data = new Float32Array(1 + digits * length)
      data[0] = time
      tokens.forEach((token, p) => {
        data[1 + p] = digits === 2 ? token % DIGIT : token
        if (digits === 2) data[1 + length + p] = Math.floor(token / DIGIT)
      })
      return data
    },
    load(data: Float32Array): TokenState {
      if (data.length === 1 + digits * length) return loadTokenState(process, data)
      throw new Error(
        `a saved state of ${data.length} numbers, sequences of ${length} tokens have ${1 + digits * length}`,
      )
    },
  }
}

/**
 * A state that a {@link maskedChain} saved, of any length.
 * @throws where it is none of this vocabulary
 */
export function loadTokenState(process: Pick<TokenProcess, 'vocabulary'>, data: ArrayLike<number>): TokenState {
  const digits = digitsOf(process)
  const length = (data.length - 1) / digits
  if (!(length >= 1 && Number.isInteger(length))) throw new Error(`a saved state of ${data.length} numbers is no text`)
  const tokens = new Int32Array(length)
  for (let p = 0; p < length; p++) {
    const token = data[1 + p] + (digits === 2 ? DIGIT * data[1 + length + p] : 0)
    if (!(token >= 0 && token <= process.vocabulary)) {
      throw new Error(`a saved state holds token ${token}, of ${process.vocabulary}`)
    }
    tokens[p] = token
  }
  return { tokens, time: data[0] }
}
