import type { ModelEntry } from './engine.ts'

/** The process of worlds that name none. */
const DEFAULT_PROCESS = 'vp-linear'

/** What the card of a diffusion model, of any kind, tells of it. */
export function factsOf(card: object): Pick<ModelEntry, 'process' | 'prediction' | 'parameters' | 'data'> {
  const {
    process,
    prediction,
    training = {},
  } = card as {
    readonly process?: { readonly type: string }
    readonly prediction?: string
    readonly training?: Readonly<Record<string, unknown>>
  }
  const { parameters, data } = training
  return {
    process: process?.type ?? DEFAULT_PROCESS,
    ...(prediction !== undefined && { prediction }),
    ...(typeof parameters === 'number' && { parameters }),
    ...(typeof data === 'string' && { data }),
  }
}
