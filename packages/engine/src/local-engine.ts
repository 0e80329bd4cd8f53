/** Runs where this code runs: in a worker of a page, or in the process of a server. */

import type { Runtime } from 'espalier/runtime'
import { parseRunConfig, runDefaults } from './config.ts'
import {
  type Engine,
  type EngineFacts,
  endings,
  type ModelEntry,
  type RunConfig,
  type RunEvent,
  type RunState,
  type RunStatus,
  type RunSummary,
} from './engine.ts'
import { asConfigError, EngineError, lineOf } from './engine-error.ts'
import { EventLog, type Numbered } from './event-log.ts'
import { toldIn } from './feed.ts'
import { Gate } from './gate.ts'
import { checkLimits, type Limits, noLimits } from './limits.ts'
import { LookAheads } from './look-aheads.ts'
import { modelEntries } from './models.ts'
import { originAt, originFile, readOrigin } from './origin.ts'
import { prepare } from './prepare.ts'
import type { RewardPlace } from './rewards.ts'
import { runSearch } from './run-search.ts'
import type { Prepared } from './set-up.ts'
import { checkModelKey, type ModelSource } from './source.ts'
import { memoryStore, type RunStore } from './store.ts'
import { type SearchView, savedView } from './view.ts'

export interface LocalEngineOptions extends RewardPlace {
  readonly runtime: Runtime
  readonly source: ModelSource
  /** Default: memory. */
  readonly store?: RunStore
  /** How events name this engine: runtime, threads, version. Default: the runtime's name. */
  readonly name?: string
  /** Seconds between two snapshots of a search under way, at least. Default 5; 0: as many as can be. */
  readonly snapshotEvery?: number
  /**
   * When a run gets its turn: calls `turn` and waits for it, which ends when the run has ended or is paused. Default:
   * one run after the other.
   */
  readonly schedule?: (turn: () => Promise<void>) => void
  readonly limits?: Partial<Limits>
  /** What {@link Engine.facts} says of it. Defaults: 1, `memory`. */
  readonly threads?: number
  readonly storage?: EngineFacts['storage']
}

/** Of runs that a pause holds, or makes wait. */
const going: ReadonlySet<RunStatus> = new Set(['queued', 'running'])

/** Ended runs whose states stay in memory. */
const VIEWED = 4

/** An engine, and its end. */
export interface LocalEngine extends Engine {
  /** Stops every run so that it can be resumed, and takes no more. Resolves when all is kept. */
  close(): Promise<void>
}

/** A run that this engine knows. */
interface Run {
  readonly log: EventLog
  summary: RunSummary
  /** Whether its last event is there. */
  over: boolean
  /** What is being written. */
  writing: Promise<unknown>
  /** What is kept of it, once it is over and somebody has asked. */
  bytes?: number
  /** Somebody waits until it has found something and is paused. */
  step?: { readonly done: Promise<void>; end(): void }
  /** The search that is under way, or held by a pause. */
  work?: { readonly gate: Gate; readonly done: Promise<void>; view?: SearchView }
  /** States of a run that has ended, read when they are first asked for. */
  saved?: SearchView
}

/**
 * Opens the runs of a store and takes new ones. What was queued when the last engine ended is queued again; what was
 * under way is `interrupted`, and can be resumed.
 */
export async function localEngine(options: LocalEngineOptions): Promise<LocalEngine> {
  const { source, runtime, store = memoryStore(), name = runtime.name } = options
  const { allow, expression, jpeg, words, matcher, work } = options
  const rewards: RewardPlace = { allow, expression, jpeg, words, matcher, work }
  const place = { source, runtime, rewards }
  const limits = { ...noLimits, ...options.limits }
  const schedule = options.schedule ?? oneByOne()
  const lookAheads = new LookAheads(place, limits)
  const runs = new Map<string, Run>()
  let closed = false

  const opened = async (summary: RunSummary): Promise<Run> => {
    const log = await EventLog.open(summary.id, store)
    return { log, summary, over: endings.has(summary.status), writing: Promise.resolve() }
  }

  const find = (id: string): Run => {
    const run = runs.get(id)
    if (run) return run
    throw new EngineError('unknown', `there is no run ${JSON.stringify(id)}`)
  }

  /** Changes what is known of a run at once; resolves when that is kept, and its event if it is a new status. */
  const put = (run: Run, change: Partial<RunSummary>): Promise<void> => {
    run.summary = { ...run.summary, ...change }
    run.bytes = undefined
    const { summary } = run
    const { status, error } = summary
    const over = endings.has(status)
    if (!over) run.over = false
    const step = going.has(status) ? undefined : run.step
    if (step) run.step = undefined
    const writing = run.writing.then(async () => {
      await store.putSummary(summary)
      if (change.status) await run.log.add([{ type: 'status', status, ...(error && { error }) }])
    })
    // A run that cannot be written is over all the same.
    run.writing = writing
      .catch(() => {})
      .then(() => {
        run.over = over && run.summary.status === status
        if (run.over) run.log.rest()
        run.log.wake()
        step?.end()
      })
    return writing
  }

  /** What is known of a run, how much is kept of it, and how many events have told that. */
  const told = async (run: Run): Promise<RunSummary> => {
    const { summary, over } = run
    // It may be removed meanwhile.
    const bytes = run.bytes ?? (await store.bytes(summary.id).catch(() => undefined))
    if (over && run.summary === summary) run.bytes = bytes
    // A status is there before its event is kept.
    for (let writing: unknown; writing !== run.writing; ) await (writing = run.writing)
    return { ...run.summary, ...(bytes !== undefined && { bytes }), events: run.log.count }
  }

  /** What is known of models where a run is looked at whose own may have been removed. */
  const sourceOf = async ({ summary: { id, config } }: Run): Promise<ModelSource> => {
    const kept = await store.part(id, 'model')
    return kept ? (await import('./kept-model.ts')).withModel(kept, config.model, source) : source
  }

  /** Keys of the models that a run takes. */
  const modelsOf = async (config: RunConfig): Promise<readonly string[]> => {
    try {
      return (await prepare(config, place)).models
    } catch {
      // It will fail when its turn comes.
      return [config.model]
    }
  }

  /** Runs whose files are in memory, the last one last. */
  let seen: Run[] = []
  const savedOf = async (run: Run): Promise<SearchView> => {
    const { id } = run.summary
    const view =
      run.saved ??
      (await savedView(await store.part(id, 'search'), await store.part(id, 'samples'), await sourceOf(run)))
    seen = [...seen.filter((other) => other !== run), run]
    if (seen.length > VIEWED) delete (seen.shift() as Run).saved
    run.saved = view
    return view
  }

  const viewOf = async (run: Run): Promise<SearchView> => run.work?.view ?? savedOf(run)

  /** The state that a run began with itself, where that was not noise. */
  const beginningOf = async (id: string) => {
    const file = await store.part(id, 'origin')
    return file && readOrigin(file)
  }

  /** What a run begins with that goes on from a node of another. @throws EngineError where it cannot */
  const originOf = async (prepared: Prepared, { run: id, node }: { run: string; node: number }) => {
    const run = runs.get(id)
    if (!run) throw new EngineError('config', `origin: there is no run ${JSON.stringify(id)}`)
    return asConfigError('origin', async () =>
      originAt(node, prepared, { ...run.summary, view: await viewOf(run), origin: await beginningOf(id) }),
    )
  }

  const pause = async (run: Run): Promise<void> => {
    if (!going.has(run.summary.status)) return
    run.work?.gate.pause()
    await put(run, { status: 'paused' })
  }

  const enqueue = (run: Run) => schedule(() => turn(run))

  /** One turn of a run: to its end, or to its next pause. */
  const turn = async (run: Run): Promise<void> => {
    if (run.summary.status !== 'queued' || closed) return
    const { work } = run
    if (work) {
      work.gate.resume()
      await put(run, { status: 'running' })
    } else begin(run)
    const current = run.work
    if (current) await Promise.race([current.done, current.gate.untilPaused()])
  }

  const begin = (run: Run): void => {
    const gate = new Gate()
    const ended = search(run, gate)
    run.saved = undefined
    run.work = { gate, done: ended }
  }

  /** The whole search of a run. Never rejects. */
  const search = async (run: Run, gate: Gate): Promise<void> => {
    const { id, config } = run.summary
    let lost: unknown
    const keep = (writing: Promise<unknown>) =>
      writing.catch((error: unknown) => {
        lost ??= error
        gate.stop()
      })
    let timedOut = false
    const onEvents = (events: readonly RunEvent[]) => {
      const last = events.at(-1)
      if (last?.type === 'progress') {
        const { type: _, ...progress } = last
        run.summary = { ...run.summary, ...progress }
        if (progress.seconds > limits.seconds && !gate.signal.aborted) {
          timedOut = true
          gate.stop()
        }
      }
      keep(run.log.add(events))
      if (run.step && events.some(({ type }) => type === 'leaves' || type === 'samples')) keep(pause(run))
    }
    try {
      await put(run, { status: 'running', engine: name })
      const result = await runSearch(config, {
        ...{ ...place, gate, engine: name, onEvents },
        snapshotEvery: 1000 * (options.snapshotEvery ?? 5),
        resume: await store.part(id, 'search'),
        origin: await store.part(id, 'origin'),
        told: await toldIn(store, id, run.log.count),
        onSnapshot: async (bytes) => {
          await keep(run.log.add([]))
          await keep(store.putPart(id, 'search', bytes))
          await keep(store.putSummary(run.summary))
        },
        onView: (view) => {
          if (run.work) run.work.view = view
        },
      })
      if (lost !== undefined) throw lost
      if (result.search) await store.putPart(id, 'search', result.search)
      await store.putPart(id, 'samples', [result.samples])
      const time = timedOut ? `it ran for ${limits.seconds} seconds, the most that is allowed here` : undefined
      const error = result.error ?? time
      const status = result.error
        ? 'failed'
        : !gate.signal.aborted
          ? 'finished'
          : gate.interrupted
            ? 'interrupted'
            : 'stopped'
      run.work = undefined
      await put(run, { ...result.progress, status, ...(error && { error }) })
    } catch (error) {
      run.work = undefined
      const stopped = gate.signal.aborted && lost === undefined
      const status = stopped ? (gate.interrupted ? 'interrupted' : 'stopped') : 'failed'
      const change = stopped ? ({ status } as const) : ({ status, error: lineOf(lost ?? error) } as const)
      // Where nothing can be kept any more, the run has failed in memory at least.
      await put(run, change).catch(() => {})
    }
  }

  const unread: string[] = []
  const engine: LocalEngine = {
    models: (): Promise<readonly ModelEntry[]> => modelEntries(source, rewards),

    async start(json) {
      if (closed) throw new EngineError('closed', 'the engine is about to end and takes no more runs')
      const prepared = await prepare(parseRunConfig(json), place)
      const { config } = prepared
      const origin = config.origin && (await originOf(prepared, config.origin))
      checkLimits(config, prepared, limits, origin)
      const waiting = [...runs.values()].filter(({ summary }) => summary.status === 'queued').length
      if (waiting >= limits.queue) {
        throw new EngineError('busy', `${waiting} runs are waiting already, the most that may; try again later`)
      }
      const id = newId()
      const numbers = { nfe: 0, rewardEvaluations: 0, gradientEvaluations: 0, best: null, seconds: 0 }
      const summary: RunSummary = { id, config, status: 'queued', created: Date.now(), ...numbers, engine: name }
      await store.putSummary(summary)
      const run = await opened(summary)
      await put(run, { status: 'queued' })
      if (origin) await store.putPart(id, 'origin', [originFile(origin)])
      runs.set(id, run)
      enqueue(run)
      return id
    },

    async runs() {
      const all = await Promise.all(Array.from(runs.values(), told))
      return all.sort((a, b) => b.created - a.created)
    },
    run: async (id) => told(find(id)),

    async *events(id, from, signal): AsyncGenerator<Numbered> {
      const run = find(id)
      yield* run.log.read(from, () => run.over, signal)
    },

    pause: async (id) => pause(find(id)),

    async resume(id) {
      const run = find(id)
      const { status } = run.summary
      if (status !== 'paused' && status !== 'interrupted') return
      if (closed) throw new EngineError('closed', 'the engine is about to end and resumes no runs')
      if (!run.work) {
        // It may have come as a file, from where more is allowed.
        const prepared = await prepare(run.summary.config, place)
        checkLimits(prepared.config, prepared, limits, await beginningOf(id))
        if (run.summary.status !== status) return
      }
      await put(run, { status: 'queued' })
      enqueue(run)
    },

    async stop(id) {
      const run = find(id)
      if (run.work) {
        run.work.gate.stop()
        await run.work.done
      } else if (!endings.has(run.summary.status) || run.summary.status === 'interrupted') {
        await put(run, { status: 'stopped' })
      }
    },

    async step(id) {
      const run = find(id)
      const { status } = run.summary
      if (run.step || (endings.has(status) && status !== 'interrupted')) return run.step?.done
      let end = () => {}
      const done = new Promise<void>((resolve) => {
        end = resolve
      })
      const step = { done, end }
      run.step = step
      try {
        await engine.resume(id)
      } catch (error) {
        if (run.step === step) run.step = undefined
        end()
        throw error
      }
      return done
    },

    async state(id, at): Promise<RunState> {
      const run = find(id)
      const view = await viewOf(run)
      return 'node' in at ? view.node(at.node) : view.sample(at.sample)
    },

    async lookahead(id, { node }) {
      const run = find(id)
      const view = await viewOf(run)
      const state = view.saved(node)
      if (state.leaf) return view.node(node)
      return lookAheads.look({ id, config: run.summary.config, origin: await beginningOf(id) }, state)
    },

    async exact(id, at) {
      const run = find(id)
      const { config } = run.summary
      const known = await sourceOf(run)
      const { exactValue } = await import('./exact.ts')
      if (at) {
        const { data: state } = await engine.state(id, { node: at.node })
        return exactValue(config, known, { at: { state, time: at.time } })
      }
      return exactValue(config, known, { origin: await beginningOf(id) })
    },

    async archive(id) {
      const run = find(id)
      const { status } = run.summary
      if (!endings.has(status)) {
        throw new EngineError('absent', `the run is ${status}; stop it, or wait for its end, to have it as a file`)
      }
      await run.writing
      const { packRun } = await import('./archive.ts')
      return packRun(store, run.summary)
    },

    async restore(archive) {
      const { unpackRun } = await import('./archive.ts')
      const { events, parts, summary: found } = unpackRun(archive)
      const config: RunConfig = { ...runDefaults, ...parseRunConfig(found.config) }
      const summary = { ...found, config, id: newId() }
      await store.putSummary(summary)
      await store.addEvents(summary.id, events)
      for (const [name, bytes] of parts) await store.putPart(summary.id, name, [bytes])
      runs.set(summary.id, await opened(summary))
      return summary.id
    },

    async addModel(model) {
      if (!source.add) throw new EngineError('config', 'model: this engine takes no networks from outside')
      checkModelKey(model.key)
      await asConfigError('model', async () => source.add?.(model))
      await lookAheads.forget()
    },
    broughtModels: async () => (await source.brought?.()) ?? [],

    async removeModel(key) {
      if (!(await engine.broughtModels()).some((model) => model.key === key)) {
        const known = (await source.keys()).includes(key)
        if (!known) throw new EngineError('unknown', `there is no model ${JSON.stringify(key)}`)
        throw new EngineError('fixed', `the model ${key} was not brought by anybody; it stays`)
      }
      for (const { summary } of runs.values()) {
        const { id, config, status } = summary
        if (endings.has(status) || !(await modelsOf(config)).includes(key)) continue
        throw new EngineError(
          'used',
          `the run ${id} is ${status} and takes the model ${key}; stop it, or wait for its end`,
        )
      }
      const { modelFile } = await import('./kept-model.ts')
      const kept = await modelFile(key, source)
      for (const { id, config } of await engine.runs()) {
        if (config.model !== key) continue
        if (kept) await store.putPart(id, 'model', [kept])
        const run = runs.get(id)
        if (run) run.bytes = undefined
        await lookAheads.forget(id)
      }
      await source.remove?.(key)
    },

    trial: (key) => asConfigError('model', async () => (await import('./trial.ts')).trial(key, place)),
    facts: async () => ({ name, threads: options.threads ?? 1, storage: options.storage ?? 'memory', unread }),

    async remove(id) {
      const run = find(id)
      if (!endings.has(run.summary.status)) await engine.stop(id)
      runs.delete(id)
      await lookAheads.forget(id)
      await run.writing
      await store.remove(id)
    },

    async close() {
      closed = true
      const all = [...runs.values()]
      for (const run of all) {
        run.step?.end()
        run.work?.gate.interrupt()
      }
      await lookAheads.close()
      await Promise.all(all.map(({ work }) => work?.done))
      await Promise.all(all.map(({ writing }) => writing))
    },
  }

  for (const id of await store.ids()) {
    try {
      const summary = await store.summary(id)
      if (!summary) continue
      const run = await opened(summary)
      if (summary.status === 'running') await put(run, { status: 'interrupted' })
      runs.set(id, run)
    } catch (error) {
      unread.push(`the run ${id}: ${lineOf(error)}`)
    }
  }
  const queued = [...runs.values()].filter(({ summary }) => summary.status === 'queued')
  for (const run of queued.sort((a, b) => a.summary.created - b.summary.created)) enqueue(run)
  return engine
}

/** Turns one after another. */
function oneByOne(): (turn: () => Promise<void>) => void {
  let tail = Promise.resolve()
  return (turn) => {
    tail = tail.then(turn).catch(() => {})
  }
}

/** Sorts by time, cannot be guessed. */
function newId(): string {
  const time = Date.now().toString(36).padStart(9, '0')
  return `${time}-${crypto.randomUUID().slice(0, 8)}`
}
