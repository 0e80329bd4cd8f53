import type { Tree } from 'espalier/search'
import type { RunEvent } from './engine.ts'
import type { RunStore } from './store.ts'

/** How much of a search the events of a run have told. */
export interface Told {
  /** Nodes of the tree. */
  nodes: number
  /** Iterations of the tree. */
  iterations: number
  /** Samples of a search without a tree. */
  samples: number
}

/** What the events of a run have told so far; a search that goes on behind a crash repeats none of it. */
export function toldBy(events: Iterable<RunEvent>, told: Told = { nodes: 0, iterations: 0, samples: 0 }): Told {
  for (const event of events) {
    if (event.type === 'nodes') told.nodes = event.from + event.parents.length
    if (event.type === 'leaves') told.iterations += event.nodes.length
    if (event.type === 'samples') told.samples = event.from + event.rewards.length
  }
  return told
}

/** The same of the events that a store keeps. */
export async function toldIn(store: RunStore, id: string, count: number) {
  const told = toldBy([])
  for (let from = 0; from < count; ) {
    const events = await store.events(id, from, 1024)
    if (events.length === 0) break
    toldBy(events, told)
    from += events.length
  }
  return told
}

/**
 * What a search has found since it was last asked, as events. A search that goes on from a snapshot finds again, in the
 * same order, what came behind the snapshot, so that counting tells what is new.
 */
export class Feed<S = Float32Array> {
  readonly #told: Told
  /** Iterations of the search, those before the snapshot included. */
  #iterations: number
  #tree: Tree<S> | undefined
  #leaves: number[] = []
  #rewards: (number | null)[] = []

  /** @param iterations that a snapshot holds */
  constructor(told: Told, iterations = 0) {
    this.#told = told
    this.#iterations = iterations
  }

  /** The tree as it grows. */
  get tree(): Tree<S> | undefined {
    return this.#tree
  }

  iteration(tree: Tree<S>, leaf: number): void {
    this.#tree = tree
    if (this.#iterations++ < this.#told.iterations) return
    this.#leaves.push(leaf)
    this.#rewards.push(finite(tree.value(leaf)))
  }

  /** Nodes and leaves that are new, in this order. */
  take(): RunEvent[] {
    const events: RunEvent[] = []
    const tree = this.#tree
    const { nodes: from } = this.#told
    if (tree && tree.size > from && this.#leaves.length > 0) {
      const added = Array.from({ length: tree.size - from }, (_, i) => from + i)
      const parents = added.map((node) => tree.parent(node))
      events.push({ type: 'nodes', from, parents, depths: added.map((node) => tree.depth(node)) })
      this.#told.nodes = tree.size
    }
    if (this.#leaves.length > 0) {
      events.push({ type: 'leaves', nodes: this.#leaves, rewards: this.#rewards })
      this.#told.iterations += this.#leaves.length
      this.#leaves = []
      this.#rewards = []
    }
    return events
  }

  /** Samples that are new, of all so far. */
  samples(rewards: ArrayLike<number>): RunEvent[] {
    const { samples: from } = this.#told
    if (rewards.length <= from) return []
    this.#told.samples = rewards.length
    return [{ type: 'samples', from, rewards: Array.from(rewards).slice(from).map(finite) }]
  }
}

/** A reward as JSON has it. */
export function finite(reward: number): number | null {
  return Number.isFinite(reward) ? reward : null
}
