/** What the kept events of a run add up to. */

import type { RunEvent, RunStore } from '@espalier/engine'

/** Events that are read in one piece. */
const TOGETHER = 1024

async function* eventsOf(store: RunStore, id: string): AsyncGenerator<RunEvent> {
  for (let at = 0; ; ) {
    const events = await store.events(id, at, TOGETHER)
    if (events.length === 0) return
    yield* events
    at += events.length
  }
}

/** The tree from a node on, and every pass, as the events have told them. */
export async function treeOf(store: RunStore, id: string, from: number) {
  const parents: number[] = []
  const depths: number[] = []
  const passes = { leaves: [] as number[], rewards: [] as (number | null)[] }
  let next = 0
  for await (const event of eventsOf(store, id)) {
    next++
    if (event.type === 'nodes') {
      const skipped = Math.max(0, from - event.from)
      parents.push(...event.parents.slice(skipped))
      depths.push(...event.depths.slice(skipped))
    } else if (event.type === 'leaves') {
      passes.leaves.push(...event.nodes)
      passes.rewards.push(...event.rewards)
    }
  }
  return { from, parents, depths, passes, next }
}

/** Rewards of the samples so far, those of a tree in the order of its leaves. */
export async function rewardsOf(store: RunStore, id: string): Promise<(number | null)[]> {
  const samples: (number | null)[] = []
  const leaves = new Map<number, number | null>()
  for await (const event of eventsOf(store, id)) {
    if (event.type === 'samples') samples.push(...event.rewards)
    if (event.type === 'leaves') event.nodes.forEach((node, i) => void leaves.set(node, event.rewards[i]))
  }
  return samples.length > 0 ? samples : [...leaves].sort(([a], [b]) => a - b).map(([, reward]) => reward)
}

/** A reward as JSON has it. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
