import type { RunConfig } from '@espalier/engine'
import { whole } from '../format.ts'

/** NFE of one sample, all the way from noise. */
export function rolloutCost({ steps, guidance }: Pick<RunConfig, 'steps' | 'guidance'>): number {
  return steps * (guidance === 1 ? 1 : 2)
}

/** One line where a budget does not pay for a single sample, to be told before the start. */
export function tooSmall(config: Pick<RunConfig, 'steps' | 'guidance' | 'budget'>): string | undefined {
  const cost = rolloutCost(config)
  if (!(config.budget < cost)) return undefined
  const twice = config.guidance === 1 ? '' : ', each asked twice for the guidance'
  return `a budget of ${whole(config.budget)} NFE does not pay for one sample of ${whole(config.steps)} steps${twice}; give it ${whole(cost)} at least`
}
