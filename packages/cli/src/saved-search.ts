/** A tree search on the disk: one safetensors file, its counters and settings in the metadata. */

import type { SavedSearch } from 'espalier/search'
import { readSafetensors, type StoredTensor, writeSafetensors } from 'espalier/tensor'

const format = 'espalier-tree-1'

/** @param seconds wall time that the search has taken so far */
export function writeSavedSearch({ settings, iterations, account, tree }: SavedSearch, seconds: number): Uint8Array {
  const { parent, visits, offsets, value, states } = tree
  const tensors = {
    parent: vector(Float64Array.from(parent)),
    visits: vector(Float64Array.from(visits)),
    offsets: vector(Float64Array.from(offsets)),
    value: vector(value),
    states: vector(states),
  }
  const search = JSON.stringify({ settings, iterations, account })
  return writeSafetensors(tensors, { format, search, seconds: String(seconds) })
}

/** @throws if the file is damaged or of another kind */
export function readSavedSearch(bytes: Uint8Array): { readonly saved: SavedSearch; readonly seconds: number } {
  const { tensors, metadata } = readSafetensors(bytes)
  if (metadata.format !== format) throw new Error(`not a saved tree (format ${metadata.format ?? 'unknown'})`)
  const numbers = (name: string) => {
    const { data } = tensors[name] ?? {}
    if (!(data instanceof Float64Array)) throw new Error(`the saved tree lacks its "${name}"`)
    return data
  }
  const states = tensors.states?.data
  if (!(states instanceof Float32Array)) throw new Error('the saved tree lacks its "states"')
  const tree = {
    states,
    parent: Int32Array.from(numbers('parent')),
    visits: Int32Array.from(numbers('visits')),
    offsets: Int32Array.from(numbers('offsets')),
    value: numbers('value'),
  }
  const rest = JSON.parse(metadata.search) as Omit<SavedSearch, 'tree'>
  return { saved: { ...rest, tree }, seconds: Number(metadata.seconds) }
}

function vector(data: Float32Array | Float64Array): StoredTensor {
  return { shape: [data.length], data }
}
