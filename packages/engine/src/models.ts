import { parseGaussianMixture } from 'espalier/process'
import { imageRewards } from 'espalier/reward'
import type { ModelCard, NetworkCard } from 'espalier/runtime'
import type { MaskedCard } from 'espalier/text'
import { type AnyCard, isTextCard } from './cards.ts'
import type { ModelEntry } from './engine.ts'
import { fittingClassifier } from './fitting-classifier.ts'
import { factsOf } from './model-facts.ts'
import { fittingImageClassifier, type RewardPlace } from './rewards.ts'
import { cardsOf, eventOf, type ModelSource, missingCondition, type NamedCard } from './source.ts'

/** Points that are offered as goals, at most. */
const OFFERED = 32
/** Rewards of any text. */
const ofText = ['length:40', 'matches:/love/i', 'count:/e/', 'distinct', 'alliteration']
/** Rewards of text that know words. */
const ofWords = ['words', 'sentiment', 'rhyme']

/** Every model of a source that runs can be started with; damaged ones are left out. */
export async function modelEntries(source: ModelSource, rewards: RewardPlace = {}): Promise<ModelEntry[]> {
  const cards = await cardsOf(source)
  return cards.flatMap(({ key, card }): ModelEntry[] => {
    if (isTextCard(card)) return card.type === 'masked' ? textEntry(key, card, cards, rewards) : []
    if (card.type === 'classifier') return []
    const network = card.type === 'network' ? (card as NetworkCard) : undefined
    if (network && missingCondition(network) !== undefined) return []
    const event = eventOf(card)
    const kind = event.length === 3 ? 'image' : 'points'
    const classes = network?.classes ?? []
    const offered = fieldRewards(key, card, cards, rewards)
    return [{ key, title: network?.name ?? key, kind, event, classes, rewards: offered, ...factsOf(card) }]
  })
}

/** Rewards to offer for a model of images, fields or points. */
function fieldRewards(
  key: string,
  card: ModelCard,
  cards: readonly NamedCard[],
  { jpeg }: Pick<RewardPlace, 'jpeg'>,
): string[] {
  if (card.type === 'gaussian-mixture') {
    const { process: _, ...world } = card
    return parseGaussianMixture(world)
      .means.slice(0, OFFERED)
      .map((mean) => `near:${Array.from(mean).join()}`)
  }
  const { event } = card as NetworkCard
  const classes = fittingImageClassifier(key, event, cards)?.card.classes.map((label) => `class:${label}`) ?? []
  const measures = [...imageRewards.map(({ name }) => name), ...(jpeg ? ['jpeg'] : [])]
  return event.length === 3 ? [...classes, ...measures] : classes
}

function textEntry(
  key: string,
  card: MaskedCard,
  cards: readonly NamedCard[],
  { words }: Pick<RewardPlace, 'words'>,
): ModelEntry[] {
  if (missingCondition(card) !== undefined) return []
  const classifiers = cards.flatMap(({ key: name, card: other }: { key: string; card: AnyCard }) =>
    other.type === 'token-classifier' && other.vocabulary === card.vocabulary ? [{ name, card: other }] : [],
  )
  const classes = fittingClassifier(classifiers, { model: key })?.card.classes.map((label) => `class:${label}`) ?? []
  const rewards = [...classes, ...ofText, ...(words ? ofWords : [])]
  return [{ key, title: card.name, kind: 'text', event: [card.context], classes: [], rewards, ...factsOf(card) }]
}
