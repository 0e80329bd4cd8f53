/** Trees on the disk: where they lie, and how they are opened. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { loadTree, type ReadableTree, readTree, type SavedSearch, type Tree, type TreeNotes } from 'espalier/search'
import { asUserError, UserError } from './errors.ts'

/** A tree of the disk, its states as they were saved. */
export interface OpenTree extends ReadableTree {
  readonly file: string
  readonly tree: Tree<Float32Array>
  readonly saved: SavedSearch
  readonly notes: TreeNotes
}

/** @throws UserError if the file is no tree */
export function openTree(file: string): Promise<OpenTree> {
  return asUserError(file, () => {
    const { saved, notes } = readTree(readFileSync(file))
    return { ...saved, file, notes, saved, tree: loadTree(saved) }
  })
}

/** The tree files of a place: itself, or those of a run. @throws UserError if there is none */
export function treeFiles(place: string): string[] {
  if (!existsSync(place))
    throw new UserError(`${place}: no such file or folder; give a tree file or the folder of a run`)
  if (!statSync(place).isDirectory()) return [place]
  const searches = join(place, 'searches')
  const files = existsSync(searches) ? readdirSync(searches).filter((name) => name.endsWith('.tree.safetensors')) : []
  if (files.length === 0) {
    throw new UserError(`${place} holds no tree; espalier steer leaves one for the methods dts and dts-star`)
  }
  return files.sort().map((name) => join(searches, name))
}

/** The only tree of a place. @throws UserError if there are several */
export function oneFile(place: string): string {
  const files = treeFiles(place)
  if (files.length === 1) return files[0]
  throw new UserError(`${place} holds ${files.length} trees; name one of them: ${files.join(', ')}`)
}

/** The leaf of the largest reward; -1 if there is none. */
export function bestLeaf(tree: Tree<unknown>): number {
  let best = -1
  for (const leaf of tree.leaves) if (best < 0 || tree.value(leaf) > tree.value(best)) best = leaf
  return best
}

/** JSON has no infinities. */
export function finite(x: number | undefined): number | null {
  return x !== undefined && Number.isFinite(x) ? x : null
}
