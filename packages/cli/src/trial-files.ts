/** A finished (or stopped) seed on the disk: its numbers as JSON, its samples as safetensors, its tree. */

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  readTree,
  type SavedSearch,
  type SearchResult,
  searchFrom,
  type TreeNotes,
  treeFileParts,
} from 'espalier/search'
import { readSafetensors, readSnapshot, stack, type Tensor, writeSafetensors, writeSnapshot } from 'espalier/tensor'
import { asUserError } from './errors.ts'
import type { RunFolder } from './run-folder.ts'
import { isTree, type Trial } from './steering.ts'

/** The content of `<stem>.json`: everything of a trial but its samples. Rewards of -Infinity are null. */
interface TrialRecord extends Omit<Trial, 'result'> {
  readonly result: Omit<SearchResult<Tensor>, 'candidates' | 'trace'> & {
    readonly trace: readonly { readonly nfe: number; readonly best: number | null }[]
  }
}

/** One search among those of a run. */
export interface TrialName {
  readonly reward: string
  readonly method: string
  readonly seed: number
}

/** Begins the names of a trial's files, such as `searches/class-7-dts-star-seed-0`. */
export function stemOf({ reward, method, seed }: TrialName): string {
  return `searches/${slug(reward)}-${slug(method)}-seed-${seed}`
}

/**
 * Words with one mark between two of them; a minus may stand before each. What reads otherwise could be mistaken for
 * another.
 */
const simple = /^-?[A-Za-z0-9]+(?:[-:., ]-?[A-Za-z0-9]+)*$/

/**
 * The name of a reward or a method as a part of file names; of what is more than a name a part, and a number of its
 * own.
 */
export function slug(given: string): string {
  const text = given.trim().replace(/^\.\//, '')
  const plain =
    text
      .replace(/(^|[:, ])-/g, '$1minus-')
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/^-|-$/g, '') || 'reward'
  if (simple.test(text) && plain.length <= 60) return plain
  return `${plain.slice(0, 48).replace(/-$/, '')}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`
}

/** Writes a trial; the tree, where there is one, so that it can be continued. */
export function saveTrial(folder: RunFolder, trial: Trial, notes: TreeNotes): void {
  const { result, seconds } = trial
  const stem = stemOf(trial)
  if (isTree(result)) saveSearch(folder, trial, result.save(), { ...notes, seconds })
  if (result.candidates.length > 0) folder.write(`${stem}.safetensors`, packCandidates(result))
  const { method, selected, best, logZ, nfe, gradientEvaluations, rewardEvaluations, stopped } = result
  const trace = result.trace.map(({ nfe, best }) => ({ nfe, best: Number.isFinite(best) ? best : null }))
  const record: TrialRecord = {
    ...trial,
    result: { method, selected, best, logZ, nfe, gradientEvaluations, rewardEvaluations, stopped, trace },
  }
  folder.write(`${stem}.json`, `${JSON.stringify(record, null, 2)}\n`)
}

/** Reads a trial back. @returns undefined if it was not finished @throws UserError if its files are damaged */
export function loadTrial(path: string, name: TrialName): Promise<Trial | undefined> {
  const stem = join(path, stemOf(name))
  return asUserError(`${stem}.json`, () => {
    if (!existsSync(`${stem}.json`)) return undefined
    const record = JSON.parse(readFileSync(`${stem}.json`, 'utf8')) as TrialRecord
    const trace = record.result.trace.map(({ nfe, best }) => ({ nfe, best: best ?? Number.NEGATIVE_INFINITY }))
    const candidates = record.result.best < 0 ? [] : unpackCandidates(readFileSync(`${stem}.safetensors`))
    return { ...record, result: { ...record.result, trace, candidates } }
  })
}

/** Writes a search that can be continued: a tree as a file of its own kind, others as plain values. */
export function saveSearch(folder: RunFolder, name: TrialName, saved: unknown, notes: TreeNotes): void {
  const stem = stemOf(name)
  if (searchFrom(name.method).tree) {
    folder.write(`${stem}.tree.safetensors`, treeFileParts(saved as SavedSearch, { ...notes, reward: name.reward }))
  } else folder.write(`${stem}.search.safetensors`, writeSnapshot(format, { saved, seconds: notes.seconds }))
}

const format = 'espalier-search-1'

/** @returns undefined if there is none @throws UserError if it is damaged */
export function loadSearch(
  path: string,
  name: TrialName,
): Promise<{ readonly saved: unknown; readonly seconds?: number } | undefined> {
  const { tree } = searchFrom(name.method)
  const file = join(path, `${stemOf(name)}.${tree ? 'tree' : 'search'}.safetensors`)
  return asUserError(file, () => {
    if (!existsSync(file)) return undefined
    const bytes = readFileSync(file)
    if (!tree) return searchIn(readSnapshot(format, bytes).value)
    const { saved, notes } = readTree(bytes)
    return { saved, seconds: notes.seconds }
  })
}

/** @throws where a value is no search: what is in it is its method's to check */
function searchIn(value: unknown): { readonly saved: unknown; readonly seconds?: number } {
  const isRecord = (part: unknown) => typeof part === 'object' && part !== null && !Array.isArray(part)
  const { saved, seconds } = (value ?? {}) as { readonly saved?: { readonly settings?: unknown }; seconds?: number }
  if (isRecord(saved) && isRecord(saved?.settings)) return { saved, seconds }
  throw new Error('the file is damaged: it holds no search')
}

/** Samples `[n, ...event]` with their rewards and weights. */
function packCandidates({ candidates }: SearchResult<Tensor>): Uint8Array {
  const column = (pick: (c: (typeof candidates)[number]) => number) => ({
    shape: [candidates.length],
    data: Float64Array.from(candidates, pick),
  })
  return writeSafetensors({
    samples: stack(
      candidates.map(({ sample }) => sample.data),
      candidates[0].sample.shape,
    ),
    rewards: column((c) => c.reward),
    weights: column((c) => c.weight),
  })
}

function unpackCandidates(bytes: Uint8Array): SearchResult<Tensor>['candidates'] {
  const { tensors } = readSafetensors(bytes)
  const samples = tensors.samples?.data
  const rewards = tensors.rewards?.data
  const weights = tensors.weights?.data
  if (!(samples instanceof Float32Array && rewards instanceof Float64Array && weights instanceof Float64Array)) {
    throw new Error('the file lacks samples, rewards or weights')
  }
  const [n, ...event] = tensors.samples.shape
  const size = samples.length / n
  return Array.from({ length: n }, (_, i) => ({
    sample: { shape: event, data: samples.slice(i * size, (i + 1) * size) },
    reward: rewards[i],
    weight: weights[i],
  }))
}
