/** `--reward` of a model of text. */

import {
  type FoundModel,
  fitted,
  fittingClassifier,
  imageRewardKinds,
  type RewardKinds,
  readReward,
  type TextRewardContext as Told,
  textRewardKinds,
} from '@espalier/engine'
import { functionReward, httpTextReward, type Reward } from 'espalier/reward'
import type { Runtime } from 'espalier/runtime'
import { type TextTokenizer, type TokenClassifierCard, type TokenSample, textReward } from 'espalier/text'
import { asUserError, UserError } from './errors.ts'
import { noExpression, openModule, outside, readRewardFile, wordLists } from './reward-files.ts'
import { checkSame, readTextFiles } from './text-model.ts'
import { zooModels } from './zoo.ts'

export interface TextRewardContext {
  readonly runtime: Runtime
  readonly tokenizer: TextTokenizer
  /** Name of the model that makes the text. */
  readonly model: string
  /** `--classifier`: a zoo name or a folder; default the zoo's classifier of the model's tokens. */
  readonly classifier?: string
}

/** What a module exports as `reward`: one number per text, in order. */
type TextFunction = (texts: string[], tokens: Int32Array[]) => ArrayLike<number> | Promise<ArrayLike<number>>

const textKinds: RewardKinds<TokenSample, Told> = {
  of: 'text',
  kinds: textRewardKinds,
  file:
    (path, { tokenizer }) =>
    async () => {
      const { reward, options } = await openModule(path)
      return functionReward<TokenSample>((samples) => {
        const tokens = samples.map((sample) => sample.tokens)
        return (reward as unknown as TextFunction)(tokens.map(tokenizer.decode), tokens)
      }, options)
    },
  url(url, { tokenizer }) {
    const reward = textReward(tokenizer, httpTextReward(url))
    return () => reward
  },
  expression: noExpression,
  outside,
  others: async () => ({ of: 'images', names: imageRewardKinds.map(({ name }) => name) }),
}

/**
 * Opens a reward of a model of text as it is written.
 *
 * @param option the one that it stands behind, for errors
 * @throws UserError one line: what is not understood, is not there, or does not fit the model
 */
export async function textRewardFrom(
  text: string,
  context: TextRewardContext,
  option = '--reward',
): Promise<Reward<TokenSample>> {
  const { runtime, tokenizer } = context
  const classifier = async (label: string, name?: string) => classifierOf(context, label, name)
  return asUserError(`${option} ${text}`, async () => {
    const told = { tokenizer, classifier, read: readRewardFile, words: wordLists }
    const open = await fitted(readReward(text), textKinds, told)
    return open(runtime)
  })
}

function classifierOf(context: TextRewardContext, label: string, wanted?: string): FoundModel<TokenClassifierCard> {
  const { tokenizer, model } = context
  const chosen = wanted ?? context.classifier ?? fittingZooClassifier(context, label)
  const { card, graph, tokenizer: own } = readTextFiles(chosen, '--classifier')
  if (card.type !== 'token-classifier') {
    throw new UserError(`--classifier ${chosen} is of the type ${card.type}; a token-classifier is needed`)
  }
  checkSame(own, { name: model, tokenizer }, `--classifier ${chosen}`)
  return { name: chosen, card, graph: async () => graph }
}

/** The zoo's classifier that fits the model, and the label, best; judges, which measure what was found, last. */
function fittingZooClassifier({ tokenizer, model }: TextRewardContext, label: string): string {
  const fitting = zooModels().flatMap(({ name, card }) =>
    card.type === 'token-classifier' && card.vocabulary === tokenizer.vocabulary ? [{ name, card }] : [],
  )
  const best = fittingClassifier(fitting, { model, label })
  if (best) return best.name
  throw new Error(`no classifier of the tokens of ${model} is in the zoo; name one with --classifier`)
}
