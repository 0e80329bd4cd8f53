/** Runs of the app's own world in Node, to hold what the page shows against. */

import { localEngine, memorySource, type RunConfig, type RunEvent, type RunSummary } from '@espalier/engine'
import type { Runtime } from 'espalier/runtime'
import { mixture } from '../../src/engine/models.ts'

/** Worlds need no runtime. */
export const noRuntime: Runtime = {
  name: 'none',
  load: () => Promise.reject(new Error('a world loads no network')),
  close: async () => {},
}
export const worlds = memorySource(new Map([['mixture', mixture]]))

/** What an engine in Node makes of a config that needs no network: the summary, with the events in place of their count. */
export async function inNode(
  config: RunConfig,
): Promise<Omit<RunSummary, 'events'> & { readonly events: readonly RunEvent[] }> {
  const engine = await localEngine({ runtime: noRuntime, source: worlds })
  const id = await engine.start(config)
  const events: RunEvent[] = []
  for await (const { event } of engine.events(id, 0, new AbortController().signal)) events.push(event)
  return { ...(await engine.run(id)), events }
}

/** The tree that events tell of, and the rewards of its leaves in the order in which they came, in whatever pieces. */
export function treeOf(events: readonly RunEvent[]) {
  const parents: number[] = []
  const depths: number[] = []
  const leaves: number[] = []
  const rewards: (number | null)[] = []
  for (const event of events) {
    if (event.type === 'nodes') {
      parents.push(...event.parents)
      depths.push(...event.depths)
    } else if (event.type === 'leaves') {
      leaves.push(...event.nodes)
      rewards.push(...event.rewards)
    }
  }
  return { parents, depths, leaves, rewards }
}
