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
  /** Numbers of a whole batch: width times those of a state, of text of what is said of its tokens. */
  readonly batch: number
}

export const noLimits: Limits = { budget: Infinity, seconds: Infinity, queue: Infinity, batch: Infinity }

/** @throws EngineError where a config asks for more than is allowed; a row of a network call has `rowSize` numbers */
export function checkLimits(config: RunConfig, rowSize: number, limits: Limits): void {
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
}
