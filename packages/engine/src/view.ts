/** States and samples of a search, to be drawn: while it is under way, or from its files. */

import { type Candidate, loadTree, readTree, type Tree } from 'espalier/search'
import { readSafetensors, readSnapshot, sizeOf, type Tensor, writeSnapshot } from 'espalier/tensor'
import type { RunState } from './engine.ts'
import { EngineError, lineOf } from './engine-error.ts'

const format = 'espalier-samples-1'

export interface SearchView {
  /** @throws EngineError where there is no such node, or its state is not kept */
  node(node: number): RunState
  /** @throws EngineError where there is no such sample yet */
  sample(place: number): Promise<RunState>
}

/** What is known of every state. */
export interface Frame {
  /** Shape of one. */
  readonly event: readonly number[]
  readonly range?: readonly [number, number]
}

/** Samples with their rewards and weights, in the order found. */
export interface Samples extends Frame {
  readonly samples: readonly Float32Array[]
  readonly rewards: Float64Array
  readonly weights: Float64Array
}

/** The samples of a search as a file. */
export function samplesFile(candidates: readonly Candidate<Tensor>[], { event, range }: Frame): Uint8Array {
  return writeSnapshot(format, {
    event,
    range,
    samples: candidates.map(({ sample }) => Float32Array.from(sample.data)),
    rewards: Float64Array.from(candidates, ({ reward }) => reward),
    weights: Float64Array.from(candidates, ({ weight }) => weight),
  })
}

/** Reads what {@link samplesFile} gave. @throws one line where it is damaged */
export function readSamples(bytes: Uint8Array): Samples {
  return readSnapshot(format, bytes).value as Samples
}

/** What the files of a run show: its search where that is a tree, its samples where it has ended. */
export function savedView(search: Uint8Array | undefined, samples: Uint8Array | undefined): SearchView {
  const read = search && 'spans' in readSafetensors(search, { views: true }).tensors ? readTree(search) : undefined
  const tree = read && loadTree(read.saved)
  const found = samples && readSamples(samples)
  const frame = found ?? { event: read?.notes.event ?? [], range: read?.notes.range }
  return {
    node: (node) => nodeState(tree, node, frame),
    async sample(place) {
      const data = found?.samples[place]
      if (data && found) return stateOf(found, data)
      throw new EngineError('absent', `there is no sample ${place}; there are ${found?.samples.length ?? 0}`)
    },
  }
}

/** The state at a node; behind it a chain may keep the number of its condition, which is left out. */
export function nodeState(tree: Tree<Float32Array> | undefined, node: number, frame: Frame): RunState {
  if (!tree) throw new EngineError('absent', 'there is no tree yet, or this search grows none')
  if (!(Number.isInteger(node) && node >= 1 && node < tree.size)) {
    throw new EngineError('absent', `there is no state at node ${node}; there are nodes 1 to ${tree.size - 1}`)
  }
  try {
    return stateOf(frame, tree.state(node).slice(0, sizeOf(frame.event)))
  } catch (error) {
    throw new EngineError('absent', lineOf(error), { cause: error })
  }
}

export function stateOf({ event, range }: Frame, data: Float32Array): RunState {
  return { shape: event, data, ...(range && { range }) }
}
