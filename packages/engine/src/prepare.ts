/**
 * From a config to what a search walks: model, chain and reward, checked together, opened together. Fields and text are
 * files of their own: a page that looks at one of them does not load the samplers of the other.
 */

import type { NetworkCard } from 'espalier/runtime'
import type { MaskedCard } from 'espalier/text'
import { type AnyCard, isTextCard } from './cards.ts'
import type { GivenConfig } from './config.ts'
import { asConfigError } from './engine-error.ts'
import type { Place, Prepared, Walk } from './set-up.ts'
import { missingCondition } from './source.ts'

/**
 * Checks what can be told of a config without opening a network, and fills in what is left out.
 * @throws EngineError one line: the field, what is wrong
 */
export async function prepare(given: GivenConfig, place: Place): Promise<Prepared> {
  const card = await diffusionCard(given, place)
  if (!isTextCard(card)) return (await import('./field-set-up.ts')).prepareFields(given, card, place)
  return (await import('./text-set-up.ts')).prepareText(given, place)
}

/**
 * The same of all but its reward, which may be one that is not there where the run is looked at.
 * @throws EngineError one line: the field, what is wrong
 */
export async function prepareWalk(given: GivenConfig, place: Place): Promise<Walk> {
  const card = await diffusionCard(given, place)
  if (!isTextCard(card)) return (await import('./field-walk.ts')).walkFields(given, card, place)
  return (await import('./text-walk.ts')).walkText(given, place)
}

/** The card of a config's model. @throws EngineError one line where it cannot be sampled from here */
async function diffusionCard({ model }: GivenConfig, { source }: Place): Promise<AnyCard> {
  const card = await asConfigError('model', () => source.card(model))
  await asConfigError('model', () => {
    if (card.type === 'classifier' || card.type === 'token-classifier') {
      throw new Error(`"${model}" is a classifier, not a diffusion model; it can serve as a reward`)
    }
    const missing = 'conditions' in card ? missingCondition(card as NetworkCard | MaskedCard) : undefined
    if (missing !== undefined) {
      throw new Error(`"${model}" needs the condition "${missing}", which a run here cannot give`)
    }
  })
  return card
}
