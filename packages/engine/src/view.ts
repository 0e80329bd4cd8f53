/** States and samples of a search, to be drawn: while it is under way, or from its files. */

import { type Candidate, loadTree, readTree, type Tree, type TreeNotes } from 'espalier/search'
import { readSafetensors, readSnapshot, sizeOf, type Tensor, writeSnapshot } from 'espalier/tensor'
import type { RunState } from './engine.ts'
import { EngineError, lineOf } from './engine-error.ts'
import type { ModelSource } from './source.ts'

const format = 'espalier-samples-1'

export interface SearchView {
  /** @throws EngineError where there is no such node, or its state is not kept */
  node(node: number): RunState
  /** @throws EngineError where there is no such sample yet */
  sample(place: number): Promise<RunState>
  /** The state as its chain saves it. @throws EngineError as {@link node} */
  saved(node: number): SavedState
}

/** A state of a tree as numbers. */
export interface SavedState {
  /** Depth of its node. */
  readonly depth: number
  /** Whether it is final, however deep it hangs: rollouts may be cut short. */
  readonly leaf: boolean
  readonly data: Float32Array
}

/** What is known of every state. */
export interface Frame {
  /** Shape of one. */
  readonly event: readonly number[]
  readonly range?: readonly [number, number]
}

/** How states and samples of a kind of data are shown; X is a sample. */
export interface Modality<X> extends Frame {
  /** What tree files say of states: their shape, where they are not text. */
  readonly notes: Pick<TreeNotes, 'event' | 'range'>
  sample(sample: X): RunState
  /** A state as its chain saves it. */
  state(saved: Float32Array): RunState
}

/** Images, fields and points. Behind a state a chain may keep the number of its condition, which is not shown. */
export function arrays({ event, range }: Frame): Modality<Tensor> {
  const state = (data: Float32Array): RunState => ({ shape: event, data, ...(range && { range }) })
  return {
    event,
    range,
    notes: { event, range },
    sample: ({ data }) => state(data.slice()),
    state: (saved) => state(saved.slice(0, sizeOf(event))),
  }
}

/** Samples with their rewards and weights, in the order found. */
export interface Samples extends Frame {
  readonly samples: readonly Float32Array[]
  readonly rewards: Float64Array
  readonly weights: Float64Array
  /** Of text: how each reads. */
  readonly texts?: readonly string[]
}

/** The samples of a search as a file. */
export function samplesFile<X>(
  candidates: readonly Candidate<X>[],
  { event, range, sample }: Pick<Modality<X>, 'event' | 'range' | 'sample'>,
): Uint8Array {
  const shown = candidates.map((candidate) => sample(candidate.sample))
  const texts = shown.flatMap(({ text }) => (text === undefined ? [] : [text]))
  return writeSnapshot(format, {
    event,
    range,
    samples: shown.map(({ data }) => data),
    rewards: Float64Array.from(candidates, ({ reward }) => reward),
    weights: Float64Array.from(candidates, ({ weight }) => weight),
    ...(texts.length > 0 && { texts }),
  })
}

/** Reads what {@link samplesFile} gave. @throws one line where it is damaged */
export function readSamples(bytes: Uint8Array): Samples {
  return readSnapshot(format, bytes).value as Samples
}

/** What the files of a run show: its search where that is a tree, its samples where it has ended. */
export async function savedView(
  search: Uint8Array | undefined,
  samples: Uint8Array | undefined,
  source: ModelSource,
): Promise<SearchView> {
  const read = search && 'spans' in readSafetensors(search, { views: true }).tensors ? readTree(search) : undefined
  const tree = read && loadTree(read.saved)
  const found = samples && readSamples(samples)
  const state = await reading(read?.notes ?? { event: [] }, source)
  return {
    node: (node) => state(savedAt(tree, plain, node).data),
    saved: (node) => savedAt(tree, plain, node),
    async sample(place) {
      const data = found?.samples[place]
      if (!data || !found) {
        throw new EngineError('absent', `there is no sample ${place}; there are ${found?.samples.length ?? 0}`)
      }
      const { event: shape, range, texts } = found
      return { shape, data, ...(range && { range }), ...(texts && { text: texts[place] }) }
    },
  }
}

const plain = { save: (state: Float32Array) => state }

/** How the states of a tree file are shown. */
async function reading(notes: TreeNotes, source: ModelSource): Promise<Modality<unknown>['state']> {
  const { event, range, model } = notes
  // Trees of images, fields and points say what shape their states have.
  if (event) return arrays({ event, range }).state
  try {
    const { openTokens, tokenStates } = await import('./text-states.ts')
    return tokenStates(await openTokens(source, model as string))
  } catch (error) {
    const why = `its states are tokens of the model ${model}, which cannot be read (${lineOf(error)})`
    return () => {
      throw new EngineError('absent', why, { cause: error })
    }
  }
}

/** The state at a node, as numbers. @throws EngineError where there is none */
export function savedAt<S>(
  tree: Tree<S> | undefined,
  { save }: { save(state: S): Float32Array },
  node: number,
): SavedState {
  if (!tree) throw new EngineError('absent', 'there is no tree yet, or this search grows none')
  if (!(Number.isInteger(node) && node >= 1 && node < tree.size)) {
    throw new EngineError('absent', `there is no state at node ${node}; there are nodes 1 to ${tree.size - 1}`)
  }
  try {
    return { depth: tree.depth(node), leaf: tree.isLeaf(node), data: save(tree.state(node)) }
  } catch (error) {
    throw new EngineError('absent', lineOf(error), { cause: error })
  }
}
