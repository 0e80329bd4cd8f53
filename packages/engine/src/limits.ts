import type { RunConfig } from './engine.ts'
import { EngineError } from './engine-error.ts'
import type { Origin } from './origin.ts'
import type { Walk } from './set-up.ts'

/** What a run may use. */
export interface Limits {
  /** NFE of a run. */
  readonly budget: number
  /** Seconds of work of a run, after which it is stopped. */
  readonly seconds: number
  /** Runs that wait for their turn. */
  readonly queue: number
  /** Numbers of a whole batch: width times those of a state, of text of what is said of its tokens. */
  readonly batch: number
  /** Bytes of the states that a run may keep, as reckoned from its budget, steps and method. */
  readonly memory: number
}

const inf = Infinity
export const noLimits: Limits = { budget: inf, seconds: inf, queue: inf, batch: inf, memory: inf }

/** Bytes of a state beside its numbers: its node, its events, and what JavaScript adds. */
const BESIDE = 400

/**
 * About how many bytes of states a search has at its end. No search keeps more than the samples that its budget pays
 * for, twice over while they are chosen among; a tree keeps a state at each of its levels for each of them.
 */
export function bytesKept({ budget }: RunConfig, walk: Walk, origin?: Origin): number {
  const left = walk.stepsLeft(walk.method, origin?.left)
  const states = (budget / left[0]) * (walk.method.tree ? left.length : 2)
  return states * (Float32Array.BYTES_PER_ELEMENT * walk.stateSize + BESIDE)
}

/**
 * @param origin where its samples begin, if not with noise
 * @throws EngineError where a config asks for more than is allowed
 */
export function checkLimits(config: RunConfig, walk: Walk, limits: Limits, origin?: Origin): void {
  const { rowSize } = walk
  if (config.budget > limits.budget) {
    throw new EngineError('config', `budget: ${config.budget} NFE are asked for, ${limits.budget} are allowed here`)
  }
  const batch = config.width * rowSize
  if (batch > limits.batch) {
    throw new EngineError(
      'config',
      `width: ${config.width} rows are ${batch} numbers, ${limits.batch} are allowed here`,
    )
  }
  const kept = bytesKept(config, walk, origin)
  if (kept > limits.memory) {
    const gib = (bytes: number) => `${Number((bytes / 2 ** 30).toPrecision(2))} GiB`
    throw new EngineError(
      'config',
      `budget: the states of ${config.budget} NFE take about ${gib(kept)} of memory, ${gib(limits.memory)} are allowed here; ask for less`,
    )
  }
}
