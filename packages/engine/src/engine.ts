/**
 * What is run: plain JSON, the same for the page, the server and a file. Texts are those of the command line: a search
 * as `searchFrom` reads it, a solver as `solverFrom`, a reward by its name.
 */
export interface RunConfig {
  /** A model of the zoo, or one that the engine was given: its key. */
  readonly model: string
  readonly reward: string
  readonly method: string
  /** Network evaluations at most. */
  readonly budget: number
  readonly seed: number
  readonly lambda: number
  /** Rollouts under way together. */
  readonly width: number
  /** Steps of one sample. */
  readonly steps: number
  /** Of images, fields and points. */
  readonly grid: string
  /** Of text: a sampler as `tokenSamplerFrom` reads it. */
  readonly solver: string
  readonly guidance: number
  /** A class by its name; without it each sample draws its own. */
  readonly class?: string
  /** Of text: what stands there already, with its holes as the command line writes them. */
  readonly prompt?: string
  /** Of text: tokens of a sample. Default: all that the model can. */
  readonly length?: number
  /** Where samples begin: the state at a node of another run of the same model. Default: noise. */
  readonly origin?: { readonly run: string; readonly node: number }
}

export type RunStatus = 'queued' | 'running' | 'paused' | 'finished' | 'stopped' | 'failed' | 'interrupted'

/** Statuses behind which nothing comes, as long as nobody resumes what was interrupted. */
export const endings: ReadonlySet<RunStatus> = new Set<RunStatus>(['finished', 'stopped', 'failed', 'interrupted'])

/** What is known of a run without its events. */
export interface RunSummary {
  readonly id: string
  readonly config: RunConfig
  readonly status: RunStatus
  /** Milliseconds since 1970. */
  readonly created: number
  readonly nfe: number
  readonly rewardEvaluations: number
  readonly gradientEvaluations: number
  /** `null` before the first sample. */
  readonly best: number | null
  /** Seconds of work, pauses left out. */
  readonly seconds: number
  /** Which runtime, how many threads: results of two engines agree to rounding only. */
  readonly engine: string
  /** What is kept of it, in bytes, where that is known. Engines tell it; it is not kept itself. */
  readonly bytes?: number
  /**
   * Its events so far, where that is known: the status is what these have told, and events from this number on may
   * change it. Engines tell it; it is not kept itself.
   */
  readonly events?: number
  /** One line, where it failed. */
  readonly error?: string
}

/** A level of the chain from noise to data, for the bands of the picture. */
export interface Level {
  /** Process time of states here. */
  readonly time: number
  /** Standard deviation of the noise in units of the signal; `null` where a modality has none. */
  readonly sigma: number | null
}

/**
 * What happened, in the order in which it did. An event's number is its place in that order, from 0: whoever has seen
 * `n` of them goes on with event n.
 */
export type RunEvent =
  | {
      readonly type: 'started'
      readonly levels: readonly Level[]
      readonly event: readonly number[]
      readonly engine: string
      /** NFE of one sample from where they begin; runs of older versions do not tell it. */
      readonly rollout?: number
    }
  | {
      readonly type: 'progress'
      readonly nfe: number
      readonly rewardEvaluations: number
      readonly gradientEvaluations: number
      readonly best: number | null
      readonly seconds: number
    }
  /**
   * Nodes of a tree in order of birth: `parents[i]` is the parent of node `from + i`, `depths[i]` its level. Node 0 is
   * the root, above the prior: its parent is -1, its depth 0. They come before the leaves among them.
   */
  | {
      readonly type: 'nodes'
      readonly from: number
      readonly parents: readonly number[]
      readonly depths: readonly number[]
    }
  /** Iterations that ended in these leaves, with their rewards (`null` is -Infinity); every node above had one more pass. */
  | { readonly type: 'leaves'; readonly nodes: readonly number[]; readonly rewards: readonly (number | null)[] }
  /**
   * Samples of a search without a tree, by their place among its candidates, before the progress that knows of them:
   * several times a second, those of populations at the end.
   */
  | { readonly type: 'samples'; readonly from: number; readonly rewards: readonly (number | null)[] }
  | { readonly type: 'status'; readonly status: RunStatus; readonly error?: string }

/** A state or a sample, to be drawn. */
export interface RunState {
  readonly shape: readonly number[]
  readonly data: Float32Array
  /** Range of the values, where the model says one. */
  readonly range?: readonly [number, number]
  /** Tokens as they read, of text; a mask as `▁`. */
  readonly text?: string
}

/** A network that a person brings. */
export interface NewModel {
  /** The name that configs call it by: letters, digits, `-`, `_`, `.`. */
  readonly key: string
  /** As `parseModelCard` reads it. */
  readonly card: unknown
  readonly graph?: Uint8Array
  /** Of text: the file `tokenizer.json`. */
  readonly tokenizer?: unknown
}

/** A model that somebody brought, and that can be removed. */
export interface BroughtModel {
  readonly key: string
  /** Of its files. */
  readonly bytes: number
}

/** What an engine says of itself. */
export interface EngineFacts {
  /** Runtime, threads. */
  readonly name: string
  readonly threads: number
  /** Whether runs outlive this page or process; otherwise why not. */
  readonly storage: 'kept' | 'other tab' | 'refused' | 'memory'
  /** What is wrong with stored runs that cannot be read: a line each. They are left as they are. */
  readonly unread: readonly string[]
}

/** A model that an engine can run. */
export interface ModelEntry {
  readonly key: string
  readonly title: string
  readonly kind: 'image' | 'points' | 'text'
  readonly event: readonly number[]
  readonly classes: readonly string[]
  readonly rewards: readonly string[]
  /** As its card names them: `vp-cosine`, `velocity`; no prediction of a world. */
  readonly process: string
  readonly prediction?: string
  /** Of a network, where its card tells: numbers in it, and what it learned from. */
  readonly parameters?: number
  readonly data?: string
}

/**
 * Where runs happen: a worker of the page, or a server. One conformance suite holds every engine to this.
 *
 * All that takes an id throws one line where there is no such run. `pause`, `resume` and `stop` may be called twice.
 */
export interface Engine {
  models(): Promise<readonly ModelEntry[]>
  /** @throws one line for what is wrong with the config: the field, what was given, what was expected */
  start(config: RunConfig): Promise<string>
  runs(): Promise<readonly RunSummary[]>
  run(id: string): Promise<RunSummary>
  /** Events from number `from` on, those that are there and those that come; ends when the run has ended. */
  events(
    id: string,
    from: number,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly number: number; readonly event: RunEvent }>
  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  /** Ends within one network call; what was found is kept. */
  stop(id: string): Promise<void>
  /**
   * Lets a paused run go on until it has found something, and pauses it again; resolves then. One under way is paused
   * when it next finds something; of one that has ended nothing happens.
   */
  step(id: string): Promise<void>
  /** The state at a node of the tree, or the sample at a place among the candidates. */
  state(id: string, at: { readonly node: number } | { readonly sample: number }): Promise<RunState>
  /**
   * What the chain of the run expects at a node of its tree: the clean sample `E[x_0 | x_t]` that its network predicts
   * from the state there (Tweedie), under the node's own class; of text the state with its likeliest token in each gap.
   * Of a sample it is the sample itself. Costs one network evaluation (two under guidance), which is booked on no
   * budget, and leaves the run as it is, be it under way or over.
   *
   * @throws one line where there is no such node, its state is not kept, or its model is not here
   */
  lookahead(id: string, at: { readonly node: number }): Promise<RunState>
  /**
   * The soft value of a node in closed form, or of the root; `null` where there is none. `time` is that of the node's
   * level.
   */
  exact(id: string, at?: { readonly node: number; readonly time: number }): Promise<number | null>
  remove(id: string): Promise<void>
  /** The whole run as one file, for {@link Engine.restore} of any engine. Not of a run that is under way. */
  archive(id: string): Promise<Uint8Array>
  /** Takes a run from a file. @returns its id here @throws one line where the file is damaged or none of ours */
  restore(archive: Uint8Array): Promise<string>
  /** Takes a network, in the place of one with the same key that was brought before. @throws one line where its card is wrong */
  addModel(model: NewModel): Promise<void>
  /** Models that were brought, of all kinds, classifiers too. */
  broughtModels(): Promise<readonly BroughtModel[]>
  /**
   * Removes a model that was brought, and its files. Runs of it that have ended can be looked at as before, but not be
   * resumed.
   * @throws one line where there is none of that name, it was not brought, or a run that has not ended takes it
   */
  removeModel(key: string): Promise<void>
  /** What a network makes of one noise at three times: clean data, if its card is right. */
  trial(key: string): Promise<readonly RunState[]>
  facts(): Promise<EngineFacts>
}
