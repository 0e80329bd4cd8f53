/** What a run costs, before it is started. */

import type { ModelEntry, RunConfig } from '@espalier/engine'
import { readCall } from '../texts.ts'

/** Steps of a sampler of text that names none. */
const DEFAULT_STEPS = 32

/**
 * NFE of one sample.
 *
 * @param perSample evaluations of the solver's table, of images and points
 */
export function rolloutCost(config: RunConfig, model: ModelEntry, perSample: number | undefined): number | undefined {
  if (model.kind !== 'text') return perSample === undefined ? undefined : perSample * (config.guidance === 1 ? 1 : 2)
  const { name, options } = readCall(config.solver)
  const given = Object.fromEntries(options)
  const unknown = config.length ?? model.event[0]
  if (name === 'first-hitting' || name === 'confidence') return Math.min(Number(given.calls ?? unknown), unknown)
  const steps = Number(given.steps ?? given.calls ?? DEFAULT_STEPS)
  return Number.isFinite(steps) ? steps * (name.startsWith('theta-') ? 2 : 1) : undefined
}
