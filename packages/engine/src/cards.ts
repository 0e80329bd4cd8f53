/** The cards of all models: of images, fields and worlds, and of text. The one place that tells which is which. */

import { type ModelCard, parseModelCard } from 'espalier/runtime'
import { parseTokenCard, type TokenCard } from 'espalier/text'

const textTypes: readonly TokenCard['type'][] = ['masked', 'autoregressive', 'token-classifier', 'energy']
const fieldTypes: readonly ModelCard['type'][] = ['network', 'classifier', 'gaussian-mixture']

export type AnyCard = ModelCard | TokenCard

export function isTextCard(card: AnyCard): card is TokenCard {
  return (textTypes as readonly string[]).includes(card.type)
}

/** @throws one line: the field, and what was expected there */
export function parseCard(json: unknown, what: string): AnyCard {
  const type = (json as { readonly type?: unknown } | null)?.type
  if ((textTypes as readonly unknown[]).includes(type)) return parseTokenCard(json, what)
  if ((fieldTypes as readonly unknown[]).includes(type)) return parseModelCard(json, what)
  const known = [...fieldTypes, ...textTypes].join(', ')
  throw new Error(`${what}: the type is ${JSON.stringify(type) ?? 'missing'}; it is one of ${known}`)
}
