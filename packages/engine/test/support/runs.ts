/** Runs that engines are tested with, and how their events are read. */

import { expect } from 'vitest'
import type { Engine, RunConfig, RunEvent, RunStatus } from '../../src/index.ts'

/** A model that the engine under test must have under the key `world`. */
export const world = {
  type: 'gaussian-mixture',
  means: [
    [-2, 0],
    [2, 0],
  ],
  stds: [0.3, 0.3],
  weights: [3, 1],
} as const

export const config: RunConfig = {
  model: 'world',
  reward: 'near:2,0',
  method: 'dts(alpha=0.5)',
  budget: 400,
  seed: 3,
  lambda: 2,
  width: 4,
  steps: 10,
  grid: 'uniform',
  solver: 'ddim(eta=1)',
  guidance: 1,
}

/** A run that is long enough to be met on its way. */
export const longConfig: RunConfig = { ...config, budget: 60_000 }

/** A run over the {@link letters}. */
export const textConfig = {
  model: 'letters',
  reward: 'count:/c/',
  method: 'dts(alpha=0.5)',
  budget: 600,
  seed: 3,
  lambda: 2,
  width: 4,
} as RunConfig

const never = new AbortController().signal

export async function allEvents(engine: Engine, id: string, from = 0): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const { number, event } of engine.events(id, from, never)) {
    expect(number).toBe(from + events.length)
    events.push(event)
  }
  return events
}

/** Waits until an event says so; the events before it are not kept. */
export async function until(engine: Engine, id: string, wanted: (event: RunEvent) => boolean): Promise<void> {
  for await (const { event } of engine.events(id, 0, never)) if (wanted(event)) return
  throw new Error('the run ended before it came')
}

/** What a run has told, in whatever pieces it did. */
export function toldIn(events: readonly RunEvent[]) {
  const parents: number[] = []
  const depths: number[] = []
  const leaves: number[] = []
  const rewards: (number | null)[] = []
  const samples: (number | null)[] = []
  const statuses: RunStatus[] = []
  for (const event of events) {
    if (event.type === 'nodes') {
      expect(event.from).toBe(parents.length)
      parents.push(...event.parents)
      depths.push(...event.depths)
    }
    if (event.type === 'leaves') {
      for (const leaf of event.nodes) expect(leaf).toBeLessThan(parents.length)
      leaves.push(...event.nodes)
      rewards.push(...event.rewards)
    }
    if (event.type === 'samples') {
      expect(event.from).toBe(samples.length)
      samples.push(...event.rewards)
    }
    if (event.type === 'status') statuses.push(event.status)
  }
  return { parents, depths, leaves, rewards, samples, statuses }
}
