import { fold, type Key, purpose, stream, uniform } from '../tensor/random.ts'
import { concreteScore } from './concrete-score.ts'
import { softmaxAt } from './denoiser.ts'
import { sum, type TokenKernel } from './kernel.ts'
import type { TokenProcess } from './process.ts'
import type { TokenState } from './sampler.ts'

/**
 * The randomness of a step: cells of an interval that several walks share, each with its share of the step (they sum to
 * 1). A step of the finest walk has one.
 */
export interface Span {
  readonly interval: number
  readonly first: number
  readonly shares: readonly number[]
}

/**
 * A trajectory whose randomness does not depend on its steps, so that two walks of one key stay together although one
 * takes many small steps and the other a few large ones. Each follows its own kernel's law exactly, and of two with the
 * same steps both are the same.
 *
 * Whether a position moves. A mask moves once, so it has one uniform u for good: it is lifted in the first step after
 * which the probability that it is a mask still, the product of what its kernel says step by step, is u or less. So the
 * masks of one walk are among those of the other at any time. Where tokens move again and again there is a uniform u_j a
 * cell, and a step of cells with shares w_j moves a token that stays with probability p where any `u_j >= p ** w_j`: all
 * are below with probability p. So it moves where the finer walk does, as far as their rates agree.
 *
 * Where to is a race of one exponential clock a token, `argmin e_y / p(y)`, which two laws decide alike with a probability
 * of at least `(1 - d) / (1 + d)`, d their distance. There is a race a cell, and a step runs that of the last cell that
 * moved it: where the finer walk has moved several times, the race that its own last move ran. Of a uniform process the
 * token itself takes part in the race, so that walks at different tokens meet.
 */
export class CoupledWalk {
  state: TokenState
  readonly #process: TokenProcess
  readonly #free: Int32Array
  readonly #key: Key
  /** When masks are lifted. */
  readonly #when: Float64Array
  /** Probability that a mask is one still. */
  readonly #stayed: Float64Array
  /** Uniforms of the cells of a step, `[cell][position]`. */
  readonly #cells: Float64Array[] = []
  readonly #law: Float64Array
  readonly #race: Float64Array
  readonly #clean: Float64Array
  readonly #score: Float64Array

  constructor(process: TokenProcess, state: TokenState, free: Int32Array, key: Key) {
    const length = state.tokens.length
    this.state = state
    this.#process = process
    this.#free = free
    this.#key = key
    this.#when = new Float64Array(length)
    uniform(purpose(key, 'when'), this.#when)
    this.#stayed = new Float64Array(length).fill(1)
    this.#law = new Float64Array(process.vocabulary + 1)
    this.#race = new Float64Array(process.vocabulary + 1)
    this.#clean = new Float64Array(process.vocabulary)
    this.#score = new Float64Array(process.vocabulary + 1)
  }

  /** Whether a step needs the network: something moves for sure, or only it can tell. */
  needs({ stages: [stage] }: TokenKernel, t: number, s: number): boolean {
    const { tokens } = this.state
    return this.#free.some((p) => {
      const stays = stage.stay(tokens[p], t, s)
      return stays === undefined || this.#when[p] >= this.#stayed[p] * stays
    })
  }

  /** A step of a kernel of one stage. @param logits of the state, unless the step does not need them */
  step({ stages: [stage] }: TokenKernel, t: number, s: number, span: Span, logits: Float32Array | undefined): void {
    const { kind, vocabulary } = this.#process
    const { tokens, time } = this.state
    const law = this.#law
    if (kind === 'uniform') this.#draw(span)
    let next: Int32Array | undefined
    for (const p of this.#free) {
      const known = stage.stay(tokens[p], t, s)
      if (known !== undefined) this.#stayed[p] *= known
      if (!logits || (known !== undefined && this.#when[p] < this.#stayed[p])) continue
      softmaxAt(logits, p * vocabulary, vocabulary, this.#clean)
      stage.law([tokens[p]], [this.#clean], t, s, law)
      if (known === undefined) this.#stayed[p] *= law[tokens[p]]
      const kept = kind === 'masked' ? 0 : Math.min(law[tokens[p]], this.#keeping(tokens[p], law[tokens[p]], t))
      const cell = kind === 'masked' ? this.#lifted(p) : this.#moved(p, law[tokens[p]] - kept, span)
      if (cell < 0) continue
      law[tokens[p]] = kept
      // Where nothing else has a chance, rounding alone has moved it.
      if (!law.some((probability) => probability > 0)) continue
      next ??= tokens.slice()
      const clocks = fold(fold(fold(purpose(this.#key, 'where'), kind === 'masked' ? 0 : span.interval), cell), p)
      next[p] = race(law, clocks, this.#race)
    }
    if (next) this.state = { tokens: next, time }
  }

  /** The race of a mask that is lifted; -1 where it is not. */
  #lifted(p: number): number {
    return this.#when[p] >= this.#stayed[p] ? 0 : -1
  }

  /**
   * How much of the probability to stay is that of a move to where it is: as for other tokens in proportion to the score,
   * which is 1. With it where a move leads to does not depend on where it comes from.
   */
  #keeping(token: number, stays: number, t: number): number {
    concreteScore(this.#process, token, this.#clean, t, this.#score)
    return (1 - stays) / (sum(this.#score) - 1)
  }

  /** The last cell of the span that moves a token that stays with a probability; -1 where none does. */
  #moved(p: number, stays: number, { first, shares }: Span): number {
    for (let j = shares.length - 1; j >= 0; j--) {
      if (this.#cells[j][p] >= (shares[j] === 1 ? stays : stays ** shares[j])) return first + j
    }
    return -1
  }

  /** The uniforms of a span's cells. */
  #draw({ interval, first, shares }: Span): void {
    const own = fold(purpose(this.#key, 'move'), interval)
    while (this.#cells.length < shares.length) this.#cells.push(new Float64Array(this.#when.length))
    for (let j = 0; j < shares.length; j++) uniform(fold(own, first + j), this.#cells[j])
  }
}

/** Whose clock rings first, `argmin e_y / p(y)`: a draw of the law. Every token has its own clock, whatever the law. */
function race(law: Float64Array, key: Key, scratch: Float64Array): number {
  uniform(key, scratch)
  let first = -1
  let time = Infinity
  for (let y = 0; y < law.length; y++) {
    const rings = law[y] > 0 ? -Math.log(scratch[y]) / law[y] : Infinity
    if (rings < time) {
      first = y
      time = rings
    }
  }
  return first
}

/** Tells a network about states, all at one time. */
export type AskAt = (states: readonly TokenState[], t: number) => Promise<Float32Array[]>

/** One step of every walk; those in which nothing moves ask nothing. */
export async function advance(
  walks: readonly CoupledWalk[],
  kernel: TokenKernel,
  t: number,
  s: number,
  span: Span,
  ask: AskAt,
): Promise<void> {
  const moving = walks.filter((walk) => walk.needs(kernel, t, s))
  const states = moving.map(({ state }) => state)
  const answers = moving.length > 0 ? await ask(states, t) : []
  const of = new Map(moving.map((walk, i) => [walk, answers[i]]))
  for (const walk of walks) walk.step(kernel, t, s, span, of.get(walk))
}

/**
 * What each of the steps between these times has of the moves of noise in all of them: by the rate at which noise turns
 * into other noise, `d sbar`, and into data, `d log noised`; evenly where that has no bound.
 */
export function shares({ schedule }: TokenProcess, times: readonly number[]): number[] {
  const moves = (t: number, s: number) => {
    const [nt, ns] = [schedule.noised(t), schedule.noised(s)]
    return Math.log((1 - ns) / (1 - nt)) + Math.log(nt / ns)
  }
  const total = moves(times[0], times[times.length - 1])
  const n = times.length - 1
  return Array.from({ length: n }, (_, j) => (total < Infinity ? moves(times[j], times[j + 1]) / total : 1 / n))
}

/**
 * The state with up to so many free positions at random made random tokens: known ones, where they were masks (the
 * "relaxed" start of LSD).
 */
export function relaxed(
  process: TokenProcess,
  state: TokenState,
  free: Int32Array,
  most: number,
  key: Key,
): TokenState {
  const draws = stream(purpose(key, 'relax'))
  const count = Math.min(most, free.length)
  if (count === 0) return state
  const tokens = state.tokens.slice()
  const left = [...free]
  for (let n = draws.integer(count + 1); n > 0; n--) {
    const [p] = left.splice(draws.integer(left.length), 1)
    tokens[p] = draws.integer(process.vocabulary)
  }
  return { tokens, time: state.time }
}

/** @throws where a kernel takes several calls a step, or moves known tokens of a masked process */
export function oneStage(kernel: TokenKernel): TokenKernel {
  const { name, process, stages } = kernel
  if (stages.length !== 1) throw new Error(`${name} cannot be walked: expected steps of one call, got ${stages.length}`)
  if (process.kind === 'masked' && stages[0].stay(0, 0.5, 0.25) !== 1) {
    throw new Error(`${name} cannot be walked: expected steps that leave known tokens as they are`)
  }
  return kernel
}
