import type { Numbered, RunState } from '@espalier/engine'
import type { SolverSheet } from './analysis.ts'
import type { Inspection } from './inspect.ts'

/** What the worker says of itself once it is up. */
export interface EngineFacts {
  /** Runtime, threads. */
  readonly name: string
  readonly threads: number
  readonly isolated: boolean
  readonly storage: 'kept' | 'other tab' | 'refused'
}

export type ToWorker =
  | { readonly type: 'open'; readonly base: string }
  | { readonly type: 'call'; readonly call: number; readonly method: string; readonly given: readonly unknown[] }
  | { readonly type: 'watch'; readonly watch: number; readonly id: string; readonly from: number }
  | { readonly type: 'unwatch'; readonly watch: number }

export type FromWorker =
  | { readonly type: 'opened'; readonly facts: EngineFacts }
  | { readonly type: 'answer'; readonly call: number; readonly value?: unknown; readonly error?: string }
  | { readonly type: 'events'; readonly watch: number; readonly events: readonly Numbered[] }
  | { readonly type: 'end'; readonly watch: number; readonly error?: string }
  | { readonly type: 'failed'; readonly error: string }

/** What a page asks of its worker beyond what every engine can do. */
export interface WorkerOnly {
  /** Lets a paused run go on until it has found something more, and pauses it again. */
  step(id: string, from: number): Promise<void>
  inspect(bytes: Uint8Array): Promise<Inspection>
  /** Takes a network of the person's own. @throws one line where its card is wrong */
  addModel(key: string, card: unknown, graph: Uint8Array): Promise<void>
  /** What a model makes of noise, at three times. */
  trial(key: string): Promise<readonly RunState[]>
  catalogue(): Promise<Catalogue>
  /** The soft value of a node in closed form, or of the root; null where there is none. */
  exact(id: string, at?: { readonly node: number; readonly time: number }): Promise<number | null>
  analyse(solver: string, process: string, grid: string, steps: number): Promise<SolverSheet>
}

/** Something that is asked for by name and options. */
export interface Named {
  readonly name: string
  readonly about: string
  readonly options: readonly string[]
}

/** What a form offers. */
export interface Catalogue {
  readonly searches: readonly Named[]
  readonly solvers: readonly Named[]
  readonly grids: readonly Named[]
}
