/** A finished (or stopped) seed on the disk: its numbers as JSON, its samples as safetensors, its tree. */

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTree, type SavedSearch, type SearchResult, type TreeNotes, treeFileParts } from 'espalier/search'
import { readSafetensors, stack, type Tensor, writeSafetensors } from 'espalier/tensor'
import { asUserError } from './errors.ts'
import type { MethodName } from './methods.ts'
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
  readonly method: MethodName
  readonly seed: number
}

/** Begins the names of a trial's files, such as `searches/class-7-dts-star-seed-0`. */
export function stemOf({ reward, method, seed }: TrialName): string {
  return `searches/${slug(reward)}-${method}-seed-${seed}`
}

/** A reward's name as a part of file names; of what is more than a name a part, and a number of its own. */
export function slug(reward: string): string {
  const plain =
    reward
      .replace(/^-/, 'minus-')
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/^-|-$/g, '') || 'reward'
  if (!/[(*?]/.test(reward) && plain.length <= 60) return plain
  return `${plain.slice(0, 48).replace(/-$/, '')}-${createHash('sha256').update(reward).digest('hex').slice(0, 8)}`
}

/** Writes a trial; the tree, where there is one, so that it can be continued. */
export function saveTrial(folder: RunFolder, trial: Trial, notes: TreeNotes): void {
  const { result, reward, seconds } = trial
  const stem = stemOf(trial)
  if (isTree(result)) saveTree(folder, stem, result.save(), { ...notes, reward, seconds })
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

/** Writes a tree search that can be continued. */
export function saveTree(folder: RunFolder, stem: string, saved: SavedSearch, notes: TreeNotes): void {
  folder.write(`${stem}.tree.safetensors`, treeFileParts(saved, notes))
}

/** @returns undefined if there is none @throws UserError if it is damaged */
export function loadTree(
  path: string,
  name: TrialName,
): Promise<{ readonly saved: SavedSearch; readonly notes: TreeNotes } | undefined> {
  const file = join(path, `${stemOf(name)}.tree.safetensors`)
  return asUserError(file, () => (existsSync(file) ? readTree(readFileSync(file)) : undefined))
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
