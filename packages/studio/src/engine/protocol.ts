import type { EngineFacts, Numbered } from '@espalier/engine'
import type { Plan } from 'espalier/solve'
import type { Bundle, SolverSheet } from './analysis.ts'
import type { Inspection } from './inspect.ts'

/** What the worker says of itself once it is up. */
export interface PageFacts extends EngineFacts {
  readonly isolated: boolean
  /** Where runs are kept: in files of the page's own, in a database of the browser, or nowhere. */
  readonly medium: 'files' | 'database' | 'memory'
  readonly backend: 'wasm' | 'webgpu'
}

/** What the worker is opened with. */
export interface OpenSettings {
  /** Where the app's files lie. */
  readonly base: string
  /** Default: a graphics device where there is one. */
  readonly backend?: 'wasm'
  /** Of the engine. Default: half of the cores, at most 4. */
  readonly threads?: number
  /** Whether a graphics device that the processor only plays will do: for tests. */
  readonly anyAdapter?: boolean
}

/** A step on the way to the first network call. */
export interface Loading {
  /** `runtime`, `model <name>`, `compiling`. */
  readonly what: string
  /** Of it so far, of what is fetched. */
  readonly bytes?: number
}

export type ToWorker =
  | { readonly type: 'open'; readonly settings: OpenSettings }
  | { readonly type: 'call'; readonly call: number; readonly method: string; readonly given: readonly unknown[] }
  | { readonly type: 'watch'; readonly watch: number; readonly id: string; readonly from: number }
  | { readonly type: 'unwatch'; readonly watch: number }

export type FromWorker =
  | { readonly type: 'opened'; readonly facts: PageFacts }
  | { readonly type: 'answer'; readonly call: number; readonly value?: unknown; readonly error?: string }
  | { readonly type: 'events'; readonly watch: number; readonly events: readonly Numbered[] }
  | { readonly type: 'end'; readonly watch: number; readonly error?: string }
  | { readonly type: 'failed'; readonly error: string }
  /** What is being loaded; null where nothing is. */
  | { readonly type: 'loading'; readonly loading: Loading | null }
  /** The graphics device is gone: this worker is of no more use. */
  | { readonly type: 'lost'; readonly reason: string }
  /** The graphics device computes something else. */
  | { readonly type: 'doubt'; readonly doubt: string }
  /** Wants a sandbox, which is to talk through the port; an end of it. */
  | { readonly type: 'sandbox'; readonly sandbox: number; readonly port: MessagePort }
  | { readonly type: 'unsandbox'; readonly sandbox: number }

/** What forms and sheets ask of the library, which lies in the worker: no runs. */
export interface Workshop {
  /** @param beside files that came with a network, by name */
  inspect(bytes: Uint8Array, beside?: ReadonlyMap<string, Uint8Array>): Promise<Inspection>
  catalogue(): Promise<Catalogue>
  analyse(solver: string, process: string, grid: string, steps: number): Promise<SolverSheet>
  /** The sheet of a table from a file. */
  readPlan(json: unknown): Promise<SolverSheet>
  bundle(plan: Plan): Promise<Bundle>
  /** The card of a model that is not of the zoo; undefined of one that is. */
  ownCard(model: string): Promise<unknown>
  /** Seconds of one network evaluation, in batches of so many rows. */
  probe(model: string, event: readonly number[], rows: number): Promise<number>
}

/** Something that is asked for by name and options. */
export interface Named {
  readonly name: string
  readonly about: string
  readonly options: readonly string[]
  /** What an option takes, of those that take one word of a list. */
  readonly choices: Readonly<Record<string, readonly string[]>>
}

/** A search: which kind of chain it walks says what it needs of solver and reward. */
export interface NamedSearch extends Named {
  readonly chain: 'any' | 'stochastic' | 'guided' | 'deterministic'
}

/** A reward that has a name. */
export interface NamedReward {
  readonly name: string
  /** How it is written, such as `class:<label>`. */
  readonly form: string
  readonly about: string
  /** Its options, of those that take some. */
  readonly options?: Named
}

/** What a form offers. */
export interface Catalogue {
  readonly searches: readonly NamedSearch[]
  readonly solvers: readonly Named[]
  readonly grids: readonly Named[]
  /** Of text. */
  readonly samplers: readonly Named[]
  /** Of images and points, and of text. */
  readonly rewards: { readonly image: readonly NamedReward[]; readonly text: readonly NamedReward[] }
}
