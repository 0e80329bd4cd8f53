/** What files are, by their names and by what is in them. */

import { messageOf } from './format.ts'

/** What a JSON file is, by what is in it. */
export type JsonKind = 'world' | 'plan' | 'config' | 'card' | 'tokenizer' | 'unknown'

export function kindOfJson(json: unknown): JsonKind {
  if (typeof json !== 'object' || json === null) return 'unknown'
  const has = (...names: string[]) => names.every((name) => name in json)
  const { type } = json as { readonly type?: unknown }
  if (type === 'gaussian-mixture') return 'world'
  if (has('grid', 'stages')) return 'plan'
  if (has('model', 'reward')) return 'config'
  if (typeof type === 'string' && (has('inputs') || has('event') || has('vocabulary'))) return 'card'
  if (has('vocab') || has('model') || has('tokens') || has('merges')) return 'tokenizer'
  return 'unknown'
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`it is not JSON, or is cut short (${messageOf(cause)})`)
  }
}

/** Name of a model that comes from a file. */
export function keyOf(name: string): string {
  return name.replace(/\.[^.]*$/, '').replace(/[^\w-]/g, '-') || 'model'
}

export function extensionOf(name: string): string {
  return /\.([^.]+)$/.exec(name)?.[1].toLowerCase() ?? ''
}
