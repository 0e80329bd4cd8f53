/** A tree search as a file: one safetensors file, its settings and counters in the metadata. */

import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'
import {
  joined,
  readSafetensors,
  type StoredPieces,
  type StoredTensor,
  safetensorsParts,
} from '../tensor/safetensors.ts'
import type { Account } from './ledger.ts'
import { Tree, type TreeArrays, type TreeShape } from './tree.ts'
import { readOuts, type Settings, selections } from './tree-settings.ts'
import { type StateCodec, stateKeepings } from './tree-states.ts'

/** A tree search that can be continued: plain numbers and arrays. */
export interface SavedSearch {
  readonly settings: Settings
  /** Iterations that are backed up. */
  readonly iterations: number
  /** The search's own time, in NFE. */
  readonly clock: number
  /** Iterations on their way: below which node which child comes, from which depth its walk began, when it is done. */
  readonly underWay: readonly {
    readonly iteration: number
    readonly node: number
    readonly child: number
    readonly from: number
    readonly logGain: number
    readonly at: number
  }[]
  readonly account: Account
  /** `log sum g` of each leaf where the read-out is `weighted`; else empty. */
  readonly gains: Float64Array
  readonly tree: TreeArrays
}

const FORMAT = 'espalier-tree-2'

const count = z.int().check(z.nonnegative())
const real = z.number()
const header = z.strictObject({
  settings: z.strictObject({
    method: z.string(),
    seed: z.int(),
    lambda: real.check(z.nonnegative()),
    c: real.check(z.positive()),
    alpha: real.check(z.gte(0), z.lte(1)),
    selection: z.enum(selections),
    epsilon: real.check(z.gte(0), z.lte(1)),
    cUct: real.check(z.nonnegative()),
    uctScale: z.enum(['std', 'none']),
    backup: z.enum(['soft', 'max']),
    readOut: z.enum(readOuts),
    states: z.enum(stateKeepings),
    rollout: z.enum(['full', 'finish']),
    edges: z.array(real.check(z.nonnegative())).check(z.minLength(1), z.maxLength(65_534)),
  }),
  iterations: count,
  clock: real.check(z.nonnegative()),
  underWay: z.array(
    z.strictObject({
      iteration: count,
      node: count,
      child: count,
      from: count,
      logGain: real,
      at: real.check(z.nonnegative()),
    }),
  ),
  account: z.strictObject({
    nfe: real.check(z.nonnegative()),
    gradientEvaluations: real.check(z.nonnegative()),
    rewardEvaluations: count,
    trace: z.array(z.strictObject({ nfe: real, best: real })),
  }),
})
const notesOf = z.strictObject({
  model: z.optional(z.string()),
  reward: z.optional(z.string()),
  event: z.optional(z.array(count.check(z.gte(1)))),
  range: z.optional(z.tuple([real, real])),
  seconds: z.optional(real.check(z.nonnegative())),
})

/** What a file may say beside the tree; nothing of it decides how the search goes on. */
export interface TreeNotes {
  readonly model?: string
  readonly reward?: string
  /** Shape of a sample, where it is the first numbers of a final state. */
  readonly event?: readonly number[]
  /** What samples are clamped to. */
  readonly range?: readonly [low: number, high: number]
  /** Wall time that the search has taken so far. */
  readonly seconds?: number
}

/** The form of the tree that these settings grow. */
export function shapeOf({ edges, lambda, backup, states, rollout }: Settings): TreeShape {
  return { leafDepth: edges.length, lambda, backup, states, shortLeaves: rollout === 'finish' }
}

/**
 * The tree of a saved search. Its states are not copied.
 * @param codec the chain; left out, states stay the arrays that they were saved as
 * @throws if the arrays do not describe a tree with these settings
 */
export function loadTree(saved: SavedSearch): Tree<Float32Array>
export function loadTree<S>(saved: SavedSearch, codec: StateCodec<S>): Tree<S>
export function loadTree({ settings, gains, underWay, tree: arrays }: SavedSearch, codec: StateCodec<unknown> = plain) {
  const tree = Tree.load(arrays, shapeOf(settings), codec)
  const wanted = settings.readOut === 'weighted' ? tree.leaves.length : 0
  if (gains.length !== wanted) throw new Error(`the saved tree has ${gains.length} gains, expected ${wanted}`)
  for (const { iteration, node, from } of underWay) {
    if (node < tree.size && !tree.isLeaf(node) && from <= tree.depth(node)) continue
    throw new Error(`iteration ${iteration} of the saved tree is under way below node ${node}, where no child can come`)
  }
  return tree
}

const plain: StateCodec<Float32Array> = { save: (state) => state, load: (data) => data }

/**
 * A saved search as the bytes of a file, in pieces that are to be written one after the other: states are not copied,
 * so that a checkpoint needs no memory of its own.
 */
export function treeFileParts(saved: SavedSearch, notes: TreeNotes = {}): Uint8Array[] {
  const { settings, iterations, clock, underWay, account, gains, tree } = saved
  const { parent, visits, value, spans, data } = tree
  const total = data.reduce((sum, piece) => sum + piece.length, 0)
  const empty = settings.states === 'float16' ? new Uint16Array(0) : new Float32Array(0)
  const tensors: Record<string, StoredTensor | StoredPieces> = {
    parent: { shape: [parent.length], data: parent },
    visits: { shape: [visits.length], data: visits },
    value: { shape: [value.length], data: value },
    spans: { shape: [spans.length / 2, 2], data: spans },
    gains: { shape: [gains.length], data: gains },
    states: { shape: [total], data: data.length > 0 ? data : [empty] },
  }
  const search = JSON.stringify({ settings, iterations, clock, underWay, account })
  return safetensorsParts(tensors, { format: FORMAT, search, notes: JSON.stringify(notes) })
}

/** The same as one array. */
export function writeTree(saved: SavedSearch, notes?: TreeNotes): Uint8Array {
  return joined(treeFileParts(saved, notes))
}

/**
 * Reads a saved search. Its arrays are views of `bytes` where they can be.
 * @throws one line if the file is damaged, of another kind, or of another version
 */
export function readTree(bytes: Uint8Array): { readonly saved: SavedSearch; readonly notes: TreeNotes } {
  const { tensors, metadata } = readSafetensors(bytes, { views: true })
  const { format, search, notes } = metadata
  if (format !== FORMAT) {
    throw new Error(
      format?.startsWith('espalier-tree-')
        ? `this tree has the format ${format}, and this version reads ${FORMAT}: grow it again`
        : `this safetensors file holds no tree (its format is ${format ?? 'not given'}, expected ${FORMAT})`,
    )
  }
  const rest = parseWith(header, json(search, 'search'), 'the saved tree')
  const array = <A>(name: string, type: abstract new (...args: never[]) => A): A => {
    const data: unknown = tensors[name]?.data
    if (data instanceof type) return data
    throw new Error(`the saved tree's "${name}" is ${data === undefined ? 'missing' : 'of another type'}`)
  }
  const states = rest.settings.states === 'float16' ? array('states', Uint16Array) : array('states', Float32Array)
  return {
    saved: {
      ...rest,
      gains: array('gains', Float64Array),
      tree: {
        parent: array('parent', Int32Array),
        visits: array('visits', Int32Array),
        value: array('value', Float64Array),
        spans: array('spans', Float64Array),
        data: [states],
      },
    },
    notes: parseWith(notesOf, json(notes, 'notes'), "the saved tree's notes"),
  }
}

function json(text: string | undefined, name: string): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    throw new Error(`the saved tree's "${name}" is ${text === undefined ? 'missing' : 'no JSON'}`)
  }
}
