import { fold, type Key, purpose } from '../tensor/random.ts'
import type { Ask } from './ask.ts'
import { maskOf, noiseToken, type TokenProcess } from './process.ts'

/** A sequence on its way. An immutable value. */
export interface TokenState {
  /** Real tokens, and the mask where a token is not known yet. */
  readonly tokens: Int32Array
  /** Where samplers hop between times of their own (first hitting): the time of the last hop. Otherwise 1. */
  readonly time: number
}

/** What a sampler is bound to. */
export interface TokenTask {
  readonly process: TokenProcess
  readonly timeFree: boolean
  /** Fixed tokens, and the mask at every position to be filled. */
  readonly prompt: Int32Array
}

/** A sampler bound to a task: steps that turn noise into sequences. All randomness of row i comes from `keys[i]`. */
export interface TokenSampler {
  readonly name: string
  readonly steps: number
  /** NFE of one row of a step, at most: rows in which nothing moves ask nothing. */
  cost(step: number): number
  /** The time of a state before a step; at `steps`, of final ones. */
  time(state: TokenState, step: number): number
  /** Expected share of the free positions that is noise before a step, such as masks; at `steps`, at the end. */
  noised(step: number): number
  /** Whether the first call of the step is at the state itself, at its time (or the network is blind to time). */
  asksHere(step: number): boolean
  /** Whether steps need more than the state (earlier predictions), so that one cannot go on from a saved state. */
  readonly remembers: boolean
  start(keys: readonly Key[]): TokenState[]
  /** A row in which nothing changes comes back as the same object. */
  step(states: readonly TokenState[], step: number, keys: readonly Key[], ask: Ask): Promise<TokenState[]>
}

/** A sampler to be bound to a task. @throws where it does not fit the process or the prompt */
export type TokenSolver = (task: TokenTask) => TokenSampler

/** Free positions of a prompt. */
export function freePositions({ process, prompt }: Pick<TokenTask, 'process' | 'prompt'>): Int32Array {
  const mask = maskOf(process)
  return Int32Array.from(prompt.keys()).filter((p) => prompt[p] === mask)
}

/** The prompt with noise at its free positions. Masked: all rows are one state, so they share its prediction. */
export function startStates({ process, prompt }: TokenTask, keys: readonly Key[]): TokenState[] {
  if (process.kind === 'masked') return new Array(keys.length).fill({ tokens: prompt.slice(), time: 1 })
  return keys.map((key) => {
    const own = purpose(key, 'start')
    return { tokens: prompt.map((_, p) => noiseToken(process, fold(own, p))), time: 1 }
  })
}

/** The stream of a step's draws; `stage` tells several draws of one step apart. */
export function stepStream(key: Key, step: number, stage = 0): Key {
  return fold(fold(purpose(key, 'step'), step), stage)
}

/** `steps + 1` times that fall evenly from 1 to `end`. */
export function evenTimes(steps: number, end = 0): number[] {
  if (!(Number.isInteger(steps) && steps >= 1)) throw new Error(`${steps} steps, expected a whole number from 1 on`)
  return Array.from({ length: steps + 1 }, (_, i) => (i === steps ? end : 1 - ((1 - end) * i) / steps))
}

/** @throws where times do not fall from at most 1 to at least 0 (a time may repeat) */
export function checkTimes(times: readonly number[]): readonly number[] {
  const ok = times.length >= 2 && times.every((t, i) => t >= 0 && t <= 1 && (i === 0 || t <= times[i - 1]))
  if (!ok) throw new Error(`token samplers need two or more times that fall from 1 to 0, got [${times.join(', ')}]`)
  return times
}
