import type { RunConfig } from './engine.ts'
import { EngineError } from './engine-error.ts'

/** What a run may use. */
export interface Limits {
  /** NFE of a run. */
  readonly budget: number
  /** Seconds of work of a run, after which it is stopped. */
  readonly seconds: number
  /** Runs that wait for their turn. */
  readonly queue: number
  /** Numbers of a whole batch: width times those of a state. */
  readonly batch: number
}

export const noLimits: Limits = { budget: Infinity, seconds: Infinity, queue: Infinity, batch: Infinity }

/** @throws EngineError where a config asks for more than is allowed; `event` is the shape of a state */
export function checkLimits(config: RunConfig, event: readonly number[], limits: Limits): void {
  if (config.budget > limits.budget) {
    throw new EngineError('config', `budget: ${config.budget} NFE are asked for, ${limits.budget} are allowed here`)
  }
  const batch = config.width * event.reduce((product, n) => product * n, 1)
  if (batch > limits.batch) {
    throw new EngineError(
      'config',
      `width: ${config.width} states are ${batch} numbers, ${limits.batch} are allowed here`,
    )
  }
}
