/** Rewards of runs: the grammar of the command line, for configs that may be a stranger's. */

import { httpReward, type Reward } from 'espalier/reward'
import type { ClassifierCard, ModelCard, Runtime } from 'espalier/runtime'
import type { Tensor } from 'espalier/tensor'
import type { AnyCard } from './cards.ts'
import { type FoundModel, fittingClassifier } from './fitting-classifier.ts'
import { type ImageRewardContext, imageRewardKinds, type JpegReward } from './image-reward-kinds.ts'
import { readReward } from './reward-grammar.ts'
import { fitted, type RewardKinds } from './reward-kinds.ts'
import { cardsOf, eventOf, type ModelSource, type NamedCard } from './source.ts'
import type { MatcherOf, WordLists } from './text-reward-kinds.ts'

/** A reward, and its end where it has one. */
export type OpenReward = Reward<Tensor> & { release?(): Promise<void> }

/** What rewards may have beside their names. Default: nothing. */
export interface RewardPlace {
  readonly allow?: {
    /**
     * Whether rewards may be addresses, which are sent samples. A function looks at each address before it is asked, and
     * throws where it must not be.
     */
    readonly url?: boolean | ((url: URL) => void | Promise<void>)
  }
  /** Makes the reward of `js:<expression>`, for samples of that shape. */
  readonly expression?: (source: string, event: readonly number[]) => Promise<OpenReward>
  /** Of the reward `jpeg`. In Node `(options) => incompressibility({ ...options, codec: jpegCodec() })`. */
  readonly jpeg?: JpegReward
  /** For the rewards of text that know words. */
  readonly words?: WordLists
  /**
   * What finds the matches of regular expressions. Default: those of the language, which a pattern such as `(a+)+b` can
   * hold for ever; where configs are strangers', one whose time is linear.
   */
  readonly matcher?: MatcherOf
  /**
   * The most that the distance of one text from a pattern (`edits:`) may take: edges of the pattern times characters.
   * Default: no limit; where configs are strangers', what others can wait for.
   */
  readonly work?: number
}

/** A reward that fits a model. */
export interface FittedReward<X> {
  /** Keys of the models that it takes. */
  readonly models: readonly string[]
  /** The sessions are the runtime's to release. */
  open(runtime: Runtime): Promise<Reward<X>>
  /** Ends what else was opened. */
  release(): Promise<void>
}

interface Place {
  readonly source: ModelSource
  readonly rewards?: RewardPlace
}

type Context = ImageRewardContext & {
  readonly place: RewardPlace
  /** Aborted when the reward is released. */
  readonly signal: AbortSignal
  keep(reward: OpenReward): OpenReward
}

const kinds: RewardKinds<Tensor, Context> = {
  of: 'images',
  kinds: imageRewardKinds,
  file: noFile,
  async url(url, { place, signal }) {
    const reward = httpReward(url, { redirect: 'error', signal })
    return asked(reward, url, place)
  },
  expression(source, { place, event, keep }) {
    const { expression } = place
    if (!expression) throw new Error('js: expressions are run in the page of the Studio alone, and not here')
    return async () => keep(await expression(source, event))
  },
  outside: ['js:<expression>', 'https://...'],
  others: async () => {
    const { textRewardKinds } = await import('./text-reward-kinds.ts')
    return { of: 'text', names: textRewardKinds.map(({ name }) => name) }
  },
}

/** @throws Error always: a config does not reach the disk */
export function noFile(path: string): never {
  throw new Error(`${path} is a file, and a run opens none; take a named reward, or an address`)
}

/** A reward behind an address, looked at now and before it is asked each time. @throws where it must not be asked */
export async function asked<X>(reward: Reward<X>, url: string, { allow }: RewardPlace): Promise<() => Reward<X>> {
  const look = async () => {
    if (!allow?.url) throw new Error('addresses are not asked here; whoever runs this engine can allow them')
    if (typeof allow.url === 'function') await allow.url(new URL(url))
  }
  await look()
  return () => ({
    name: reward.name,
    async evaluate(samples) {
      await look()
      return reward.evaluate(samples)
    },
  })
}

/**
 * The reward of images, fields or points that a text names.
 * @throws one line: what was not understood, is not allowed, or does not fit the model
 */
export async function fitReward(
  text: string,
  given: Place & {
    readonly key: string
    readonly card: ModelCard
    readonly range?: readonly [number, number]
  },
): Promise<FittedReward<Tensor>> {
  const { source, rewards: place = {}, key, card, range } = given
  const kept: OpenReward[] = []
  const models: string[] = []
  const event = eventOf(card)
  const end = new AbortController()
  const open = await fitted(readReward(text), kinds, {
    ...{ model: key, event, range, place, jpeg: place.jpeg, signal: end.signal },
    async classifier(label) {
      const found = await classifierOf(source, key, event, label)
      models.push(found.name)
      return found
    },
    keep(reward) {
      kept.push(reward)
      return reward
    },
  })
  return {
    models,
    open: async (runtime) => open(runtime),
    async release() {
      end.abort()
      await Promise.all(kept.map((reward) => reward.release?.()))
    },
  }
}

async function classifierOf(
  source: ModelSource,
  model: string,
  event: readonly number[],
  label?: string,
): Promise<FoundModel<ClassifierCard>> {
  const cards = await cardsOf(source)
  const found = fittingImageClassifier(model, event, cards, label)
  if (!found) throw new Error(`there is no classifier of [${event}] here`)
  return { ...found, graph: () => graphOf(source, found.name) }
}

/** @throws one line where it is missing */
export async function graphOf(source: ModelSource, key: string): Promise<Uint8Array> {
  const graph = await source.graph(key)
  if (graph) return graph
  throw new Error(`the model ${key} has no network`)
}

/** The classifier of a source that fits a model's shape, and a label, best. */
export function fittingImageClassifier(
  model: string,
  event: readonly number[],
  cards: readonly NamedCard[],
  label?: string,
): { readonly name: string; readonly card: ClassifierCard } | undefined {
  const own = cards.find(({ key }) => key === model)?.card
  const fitting = cards.flatMap(({ key, card }) =>
    isClassifier(card) && !card.noisy && String(card.event) === String(event) ? [{ name: key, card }] : [],
  )
  const classes = own && 'classes' in own ? (own.classes as readonly string[]) : undefined
  return fittingClassifier(fitting, { model, classes, label })
}

function isClassifier(card: AnyCard): card is ClassifierCard {
  return card.type === 'classifier'
}
