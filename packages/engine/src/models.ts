import type { NetworkCard } from 'espalier/runtime'
import type { ModelEntry } from './engine.ts'
import { factsOf } from './model-facts.ts'
import { rewardsOf } from './rewards.ts'
import { cardsOf, eventOf, type ModelSource, missingCondition } from './source.ts'

/** Every model of a source that runs can be started with; damaged ones are left out. */
export async function modelEntries(source: ModelSource): Promise<ModelEntry[]> {
  const cards = await cardsOf(source)
  return cards.flatMap(({ key, card }): ModelEntry[] => {
    if (card.type === 'classifier') return []
    const network = card.type === 'network' ? (card as NetworkCard) : undefined
    if (network && missingCondition(network) !== undefined) return []
    const event = eventOf(card)
    const kind = event.length === 3 ? 'image' : 'points'
    const title = network?.name ?? key
    const rewards = rewardsOf(key, card, cards)
    return [{ key, title, kind, event, classes: network?.classes ?? [], rewards, ...factsOf(card) }]
  })
}
