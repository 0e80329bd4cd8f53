/** Rewards of runs of text. */

import { httpTextReward } from 'espalier/reward'
import { type MaskedCard, type TokenClassifierCard, type TokenSample, textReward } from 'espalier/text'
import { type FoundModel, fittingClassifier } from './fitting-classifier.ts'
import { imageRewardKinds } from './image-reward-kinds.ts'
import { readReward } from './reward-grammar.ts'
import { fitted, type RewardKinds } from './reward-kinds.ts'
import { asked, type FittedReward, graphOf, noFile, type RewardPlace } from './rewards.ts'
import { cardsOf, type ModelSource } from './source.ts'
import { type TextRewardContext, textRewardKinds } from './text-reward-kinds.ts'
import { openOther, type Tokens } from './text-states.ts'

type Context = TextRewardContext & { readonly place: RewardPlace; readonly signal: AbortSignal }

const kinds: RewardKinds<TokenSample, Context> = {
  of: 'text',
  kinds: textRewardKinds,
  file: noFile,
  async url(url, { place, tokenizer, signal }) {
    return asked(textReward(tokenizer, httpTextReward(url, { redirect: 'error', signal })), url, place)
  },
  expression() {
    throw new Error('js: expressions are of images and points; the model makes text')
  },
  outside: ['https://...'],
  others: async () => ({ of: 'images', names: imageRewardKinds.map(({ name }) => name) }),
}

/**
 * The reward of text that a text names.
 * @throws one line: what was not understood, is not allowed, or does not fit the model
 */
export async function fitTextReward(
  text: string,
  {
    source,
    rewards: place = {},
    key,
    tokens,
  }: {
    readonly source: ModelSource
    readonly rewards?: RewardPlace
    readonly key: string
    readonly tokens: Tokens<MaskedCard>
  },
): Promise<FittedReward<TokenSample>> {
  const end = new AbortController()
  const models: string[] = []
  const open = await fitted(readReward(text), kinds, {
    ...{
      place,
      words: place.words,
      matcher: place.matcher,
      work: place.work,
      tokenizer: tokens.tokenizer,
      signal: end.signal,
    },
    async classifier(label, name) {
      const found = await classifierOf(source, key, tokens, label, name)
      models.push(found.name)
      return found
    },
  })
  return { models, open: async (runtime) => open(runtime), release: async () => end.abort() }
}

async function classifierOf(
  source: ModelSource,
  model: string,
  tokens: Tokens,
  label: string,
  wanted?: string,
): Promise<FoundModel<TokenClassifierCard>> {
  const fitting = (await cardsOf(source)).flatMap(({ key: name, card }) =>
    card.type === 'token-classifier' && card.vocabulary === tokens.card.vocabulary ? [{ name, card }] : [],
  )
  const name = wanted ?? fittingClassifier(fitting, { model, label })?.name
  if (name === undefined) throw new Error(`there is no classifier of the tokens of ${model} here`)
  const { card } = await openOther(source, name, tokens, 'classifier')
  if (card.type !== 'token-classifier')
    throw new Error(`"${name}" is of the type ${card.type}; a token-classifier is needed`)
  return { name, card, graph: () => graphOf(source, name) }
}
