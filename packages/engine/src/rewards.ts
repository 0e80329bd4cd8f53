/** Rewards by name, of images and points. Nothing here reads a file or calls an address: a config is a stranger's. */

import { parseGaussianMixture } from 'espalier/process'
import { differentiableClassReward, distanceTo, imageRewards, type LoadedReward, type Reward } from 'espalier/reward'
import type { ClassifierCard, ModelCard, NetworkCard, Runtime } from 'espalier/runtime'
import { fromCatalogue, sizeOf, type Tensor } from 'espalier/tensor'
import { cardsOf, type ModelSource, type NamedCard } from './source.ts'

export interface RewardContext {
  readonly runtime: Runtime
  readonly source: ModelSource
  /** The model that makes the samples. */
  readonly key: string
  readonly card: ModelCard
  readonly event: readonly number[]
}

/** Points that are offered as goals, at most. */
const OFFERED = 32

const transforms = { class: 'log-softmax', odds: 'log-odds', prob: 'softmax' } as const

/**
 * The reward that a text names: `class:7`, `odds:7`, `prob:7`, `near:2,0`, or a reward of images such as
 * `ink(target=0.2)`.
 *
 * @returns what opens it: sessions are loaded then, and are the caller's to release
 * @throws one line: what was not understood, or does not fit the model
 */
export async function rewardFrom(text: string, context: RewardContext): Promise<() => Promise<OpenReward>> {
  const { runtime, source, card, event } = context
  const [name, ...rest] = text.trim().split(':')
  const argument = rest.join(':').trim()
  if (Object.hasOwn(transforms, name)) {
    const found = fittingClassifier(context.key, event, await cardsOf(source), argument)
    if (!found) throw new Error(`there is no classifier of [${event}] here`)
    const { key, card: classifier } = found
    if (!classifier.classes.includes(argument)) {
      throw new Error(`the classifier ${key} knows no class "${argument}"; it knows ${classifier.classes.join(', ')}`)
    }
    return async () => {
      const graph = await source.graph(key)
      if (!graph) throw new Error(`the classifier ${key} has no network`)
      const transform = transforms[name as keyof typeof transforms]
      return differentiableClassReward(runtime, graph, classifier, argument, transform)
    }
  }
  if (name === 'near') {
    const point = argument.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
    const size = sizeOf(event)
    if (point.length !== size || !point.every(Number.isFinite)) {
      throw new Error(`near needs ${size} numbers with commas between them, got "${argument}"`)
    }
    return async () => distanceTo(point)
  }
  const known = imageRewards.map((entry) => entry.name)
  if (!known.includes(text.split('(')[0].trim())) {
    throw new Error(`there is no "${text}"; there are class:<label>, odds:, prob:, near:<x,y,...>, ${known.join(', ')}`)
  }
  const make = fromCatalogue(imageRewards, 'reward', text)
  if (event.length !== 3) throw new Error(`it is of images; the model ${context.key} makes [${event}]`)
  const valueRange = card.type === 'network' ? (card as NetworkCard).valueRange : ([-1, 1] as const)
  const reward = make({ valueRange })
  return async () => reward
}

/** A reward, and its sessions where it has some. */
export type OpenReward = Reward<Tensor> & Partial<Pick<LoadedReward, 'release'>>

/** Rewards to offer for a model. */
export function rewardsOf(key: string, card: ModelCard, cards: readonly NamedCard[]): string[] {
  if (card.type === 'gaussian-mixture') {
    const { process: _, ...world } = card
    return parseGaussianMixture(world)
      .means.slice(0, OFFERED)
      .map((mean) => `near:${Array.from(mean).join()}`)
  }
  const { event } = card as NetworkCard
  const classifier = fittingClassifier(key, event, cards)
  const classes = classifier?.card.classes.map((label) => `class:${label}`) ?? []
  return event.length === 3 ? [...classes, ...imageRewards.map(({ name }) => name)] : classes
}

/** The classifier that fits the model's shape and the label best; judges, which measure what was found, last. */
function fittingClassifier(
  key: string,
  event: readonly number[],
  cards: readonly NamedCard[],
  label?: string,
): { readonly key: string; readonly card: ClassifierCard } | undefined {
  const own = cards.find((model) => model.key === key)?.card
  const classes = own && 'classes' in own ? String(own.classes) : undefined
  const fitting = cards.flatMap((model) => {
    const card = model.card as ClassifierCard
    return card.type === 'classifier' && !card.noisy && String(card.event) === String(event)
      ? [{ key: model.key, card }]
      : []
  })
  const rank = (model: (typeof fitting)[number]) => {
    if (model.key === `${key}-classifier`) return -1
    const knows = label !== undefined && model.card.classes.includes(label)
    return (String(model.card.classes) === classes ? 0 : knows ? 2 : 4) + Number(model.key.endsWith('-judge'))
  }
  return fitting.sort((a, b) => rank(a) - rank(b))[0]
}
