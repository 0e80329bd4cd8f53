import type { ResolvedOptions } from '../ort.ts'
import type { RuntimeTensor, ValueMetadata } from '../runtime.ts'

/** What the main thread asks of the worker; answered in order, by `id`. */
export type Request =
  | {
      readonly id: number
      readonly kind: 'load'
      readonly session: number
      readonly model: Uint8Array
      readonly options: ResolvedOptions
    }
  | {
      readonly id: number
      readonly kind: 'run'
      readonly session: number
      readonly feeds: Record<string, RuntimeTensor>
      readonly fetches?: readonly string[]
      /** Buffers of the feeds that go back to the sender's pool. */
      readonly lent: ArrayBuffer[]
      /** Where outputs are to be written, by name, if they fit. */
      readonly into: Readonly<Record<string, ArrayBuffer>>
    }
  | { readonly id: number; readonly kind: 'release'; readonly session: number }

export type Answer =
  | {
      readonly id: number
      readonly kind: 'loaded'
      readonly inputs: readonly ValueMetadata[]
      readonly outputs: readonly ValueMetadata[]
    }
  | {
      readonly id: number
      readonly kind: 'ran'
      readonly outputs: Record<string, RuntimeTensor>
      readonly lent: ArrayBuffer[]
    }
  | { readonly id: number; readonly kind: 'released' }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string; readonly lent: ArrayBuffer[] }
