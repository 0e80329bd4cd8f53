/** One search from its set-up to its result: what it finds becomes events, what it is becomes snapshots. */

import {
  readTree,
  rolloutCost,
  type SavedSearch,
  SearchError,
  type SearchResult,
  type TreeSearchResult,
  treeFileParts,
} from 'espalier/search'
import { readSnapshot, writeSnapshot } from 'espalier/tensor'
import type { RunConfig, RunEvent } from './engine.ts'
import { EngineError, lineOf } from './engine-error.ts'
import { Feed, finite, type Told } from './feed.ts'
import type { Gate } from './gate.ts'
import { readOrigin } from './origin.ts'
import { prepare } from './prepare.ts'
import type { Place, SetUp } from './set-up.ts'
import { type SearchView, samplesFile, savedAt } from './view.ts'

/** Milliseconds between two batches of events, at least. */
const BETWEEN_EVENTS = 50
/** The same of looks at the samples of a search that grows no tree. */
const BETWEEN_LOOKS = 250
/** A snapshot that took so long is followed by this many times as much work, at least. */
const SHARE = 20
const searchFormat = 'espalier-search-1'

/** The numbers of a run. */
export type Progress = Omit<Extract<RunEvent, { readonly type: 'progress' }>, 'type'>

export interface RunSearchOptions extends Place {
  readonly gate: Gate
  /** Which runtime it is, for the event `started`. */
  readonly engine: string
  /** At most 20 times a second, and once more at the end. */
  readonly onEvents: (events: readonly RunEvent[]) => void
  /** What the run is by now, as {@link RunSearchOptions.resume} wants it; to be kept behind the events so far. */
  readonly onSnapshot: (bytes: readonly Uint8Array[]) => Promise<void>
  /** Milliseconds between two snapshots, at least; where they take long it is more. 0: whenever there can be one. */
  readonly snapshotEvery: number
  /** A snapshot to go on from. */
  readonly resume?: Uint8Array
  /** The state that rollouts begin with, as `originFile` gives it; of configs with an origin. */
  readonly origin?: Uint8Array
  /** What earlier events of the run have told. */
  readonly told: Told
  /** Where states of the search that is under way can be seen. */
  readonly onView?: (view: SearchView) => void
}

export interface RunSearchResult {
  readonly progress: Progress
  /** The samples as a file, for {@link savedView}. */
  readonly samples: Uint8Array
  /** The whole search as a file, where it can be continued or its tree looked at. */
  readonly search?: readonly Uint8Array[]
  /** One line, where model or reward failed. */
  readonly error?: string
}

/**
 * Opens what the config names and runs its search to the end, to a stop of the gate, or to a failure, which is part of
 * the answer.
 *
 * @throws EngineError for what is wrong with the config
 */
export async function runSearch(config: RunConfig, options: RunSearchOptions): Promise<RunSearchResult> {
  const prepared = await prepare(config, options)
  if (config.origin && !options.origin) throw new EngineError('config', 'origin: its state is not there any more')
  const origin = options.origin && readOrigin(options.origin)
  return prepared.open(options.gate, origin, (opened) => search(config, opened, options))
}

async function search<S, X>(
  config: RunConfig,
  opened: SetUp<S, X>,
  options: RunSearchOptions,
): Promise<RunSearchResult> {
  const { method, chain, reward, levels, modality } = opened
  const { gate, onEvents, onSnapshot, snapshotEvery, told } = options
  const before = options.resume && loadSearch(options.resume, method.tree)
  const feed = new Feed<S>(told, method.tree ? ((before?.saved as SavedSearch | undefined)?.iterations ?? 0) : 0)
  const secondsBefore = before?.seconds ?? 0
  const seconds = () => secondsBefore + gate.worked / 1000
  let progress: Progress = { nfe: 0, rewardEvaluations: 0, gradientEvaluations: 0, best: null, seconds: 0 }
  let known: SavedStates | undefined
  /** Where the best sample of a search without a tree became better, which is not told yet. */
  let rises: Progress[] = []
  let toldAt = 0
  let due = performance.now() + snapshotEvery
  let lookDue = method.tree ? Number.POSITIVE_INFINITY : 0

  options.onView?.({
    node: (node) => modality.state(savedAt(feed.tree, chain, node).data),
    saved: (node) => savedAt(feed.tree, chain, node),
    async sample(place) {
      const state = known?.states[place]
      if (!state) throw new EngineError('absent', `sample ${place} cannot be seen before the search has ended`)
      const [sample] = await chain.decode([chain.load(state)])
      return modality.sample(sample)
    },
  })
  const rollout = rolloutCost(chain)
  onEvents([{ type: 'started', levels, event: modality.event, engine: options.engine, rollout }])

  const filed = (saved: unknown): readonly Uint8Array[] =>
    method.tree
      ? treeFileParts(saved as SavedSearch, {
          model: config.model,
          reward: config.reward,
          ...modality.notes,
          seconds: seconds(),
        })
      : [writeSnapshot(searchFormat, { saved, seconds: seconds() })]
  /** @param samples events of those that are new, which come before the numbers that know of them */
  const tell = (samples: readonly RunEvent[]) => {
    toldAt = performance.now()
    const steps = rises.at(-1) === progress ? rises : [...rises, progress]
    rises = []
    onEvents([...feed.take(), ...samples, ...steps.map((step) => ({ type: 'progress', ...step }) as const)])
  }

  const finish = (result: SearchResult<X>, error?: string): RunSearchResult => {
    const { nfe, rewardEvaluations, gradientEvaluations, candidates } = result
    const best = result.best < 0 ? null : finite(candidates[result.best].reward)
    progress = { nfe, rewardEvaluations, gradientEvaluations, best, seconds: seconds() }
    // What a search that will go on selects in the end is not known yet.
    const samples = method.tree || gate.interrupted ? [] : feed.samples(candidates.map((candidate) => candidate.reward))
    tell(samples)
    const tree = 'tree' in result ? (result as TreeSearchResult<S, X>) : undefined
    return { progress, samples: samplesFile(candidates, modality), search: tree && filed(tree.save()), error }
  }

  try {
    const { budget, lambda, width, seed } = config
    const result = await method.run<S, X>({
      ...{ chain, reward, budget, lambda, width, seed, signal: gate.signal, resume: before?.saved },
      onProgress({ nfe, rewardEvaluations, gradientEvaluations, best }) {
        const before = progress.best
        progress = { nfe, rewardEvaluations, gradientEvaluations, best: finite(best), seconds: seconds() }
        // Leaves tell how that of a tree rose.
        if (!method.tree && progress.best !== before) rises.push(progress)
        if (performance.now() - toldAt >= BETWEEN_EVENTS) tell([])
      },
      onIteration: (tree, leaf) => feed.iteration(tree, leaf),
      async onCheckpoint(save) {
        const now = performance.now()
        if (now < due && now < lookDue) return
        const saved = save()
        known = method.tree ? undefined : savedStates(saved)
        // Events come before the snapshot that knows of them: what a crash leaves has told all that is in it.
        tell(known ? feed.samples(known.rewards) : [])
        lookDue = known ? after(BETWEEN_LOOKS, now) : Number.POSITIVE_INFINITY
        if (now < due) return
        await onSnapshot(filed(saved))
        due = snapshotEvery > 0 ? after(snapshotEvery, now) : 0
      },
    })
    return finish(result)
  } catch (error) {
    if (!(error instanceof SearchError)) throw error
    return finish(error.result as SearchResult<X>, gate.signal.aborted ? undefined : lineOf(error.cause))
  }
}

/** When something is done again that began at a moment and ends now. */
function after(pause: number, begun: number): number {
  const now = performance.now()
  return now + Math.max(pause, SHARE * (now - begun))
}

interface SavedStates {
  readonly states: readonly Float32Array[]
  readonly rewards: ArrayLike<number>
}

/** The samples so far in the snapshot of a search that keeps them in the order of its candidates. */
function savedStates(saved: unknown): SavedStates | undefined {
  const { states, rewards } = saved as Partial<SavedStates>
  return Array.isArray(states) && rewards !== undefined && rewards.length === states.length
    ? (saved as SavedStates)
    : undefined
}

/** @throws one line where the file is damaged */
function loadSearch(bytes: Uint8Array, tree: boolean): { readonly saved: unknown; readonly seconds?: number } {
  if (!tree) return readSnapshot(searchFormat, bytes).value as { saved: unknown; seconds?: number }
  const { saved, notes } = readTree(bytes)
  return { saved, seconds: notes.seconds }
}
