/** Where an engine's models come from. */

import { parseGaussianMixture } from 'espalier/process'
import type { ModelCard, NetworkCard } from 'espalier/runtime'
import { type AnyCard, isTextCard, parseCard } from './cards.ts'
import type { BroughtModel, NewModel } from './engine.ts'
import { EngineError } from './engine-error.ts'

/** Cards and graphs by key: the zoo on a disk, files that a page fetches, models that were dropped there. */
export interface ModelSource {
  keys(): Promise<readonly string[]>
  /** @throws one line where there is no such model, or its card is damaged */
  card(key: string): Promise<AnyCard>
  /** Bytes of the ONNX file; none of a world. */
  graph(key: string): Promise<Uint8Array | undefined>
  /** The parsed `tokenizer.json` of a model of text. */
  tokenizer(key: string): Promise<unknown>
  /** Keeps a network that a person brings. Not there where none are taken. */
  add?(model: NewModel): Promise<void>
  /** Those that were brought. Not there where there can be none. */
  brought?(): Promise<readonly BroughtModel[]>
  /** Removes one that was brought. */
  remove?(key: string): Promise<void>
}

/** A model in memory. */
export interface GivenModel {
  readonly card: AnyCard
  readonly graph?: Uint8Array
  readonly tokenizer?: unknown
}

/**
 * Models in memory, and behind them those of another source. More may be brought at any time, in the place of others of
 * the same key too; they stay in memory.
 */
export function memorySource(models: ReadonlyMap<string, GivenModel>, others?: ModelSource): ModelSource {
  const brought = new Map<string, GivenModel & BroughtModel>()
  const find = (key: string) => brought.get(key) ?? models.get(key)
  return {
    keys: async () => [...new Set([...models.keys(), ...brought.keys(), ...((await others?.keys()) ?? [])])],
    async card(key) {
      const model = find(key)
      if (model) return model.card
      if (others) return others.card(key)
      throw unknownModel(key, [...models.keys(), ...brought.keys()])
    },
    async graph(key) {
      const model = find(key)
      return model || !others ? model?.graph : others.graph(key)
    },
    async tokenizer(key) {
      const model = find(key)
      return model || !others ? model?.tokenizer : others.tokenizer(key)
    },
    async add({ key, card: json, graph, tokenizer }) {
      const card = parseCard(json, `the card of ${key}`)
      checkModelFiles(key, card, { graph: graph !== undefined, tokenizer: tokenizer !== undefined })
      const written = (part: unknown) => new TextEncoder().encode(JSON.stringify(part)).length
      const bytes = written(json) + (graph?.length ?? 0) + (tokenizer === undefined ? 0 : written(tokenizer))
      brought.set(key, { key, bytes, card, graph, tokenizer })
    },
    brought: async () => Array.from(brought.values(), ({ key, bytes }) => ({ key, bytes })),
    async remove(key) {
      brought.delete(key)
    },
  }
}

/** @throws EngineError where a key would not do as the name of a file or as a part of an address */
export function checkModelKey(key: string): void {
  if (/^[\w.-]{1,100}$/.test(key) && !/^\.+$/.test(key)) return
  throw new EngineError('config', `model: "${key.slice(0, 100)}" is no name; use letters, digits, - and _`)
}

/** @throws one line where a file is missing that a model with this card needs */
export function checkModelFiles(
  key: string,
  card: AnyCard,
  has: { readonly graph: boolean; readonly tokenizer: boolean },
): void {
  if (card.type !== 'gaussian-mixture' && !has.graph) throw new Error(`${key} is a ${card.type} and has no model.onnx`)
  if (isTextCard(card) && !has.tokenizer) throw new Error(`${key} is a model of text and has no tokenizer.json`)
}

export function unknownModel(key: string, keys: readonly string[]): EngineError {
  return new EngineError('config', `model: there is no "${key}"; there are ${keys.join(', ') || 'none'}`)
}

/** Shape of a state of a model. */
export function eventOf(card: ModelCard): readonly number[] {
  if (card.type !== 'gaussian-mixture') return (card as NetworkCard).event
  const { process: _, ...world } = card
  return parseGaussianMixture(world).event
}

/** Name of a condition that only a caller could give, which runs have no way to. */
export function missingCondition(card: Pick<NetworkCard, 'conditions' | 'mean'>): string | undefined {
  return card.mean ?? Object.keys(card.conditions).find((name) => !card.conditions[name].default)
}

/** All models of a source whose cards can be read. */
export async function cardsOf(source: ModelSource): Promise<NamedCard[]> {
  const keys = await source.keys()
  const all = await Promise.all(keys.map(async (key) => ({ key, card: await source.card(key).catch(() => undefined) })))
  return all.flatMap(({ key, card }) => (card ? [{ key, card }] : []))
}

export interface NamedCard {
  readonly key: string
  readonly card: AnyCard
}
