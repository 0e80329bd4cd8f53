/** `--reward` of a model of images, fields or points, and what the help says of all rewards. */

import {
  combinations,
  type FoundModel,
  fitted,
  fittingClassifier,
  type ImageRewardContext,
  imageRewardKinds,
  type JpegReward,
  type RewardKinds,
  readReward,
  textRewardKinds,
} from '@espalier/engine'
import { jpegCodec } from 'espalier/node'
import { functionReward, httpReward, incompressibility, type Reward, type RewardFunction } from 'espalier/reward'
import type { ClassifierCard, Runtime } from 'espalier/runtime'
import type { Tensor } from 'espalier/tensor'
import { asUserError, UserError } from './errors.ts'
import { type DiffusionModel, readModelFiles } from './model.ts'
import { moduleTimeout, noExpression, openModule, outside, readRewardFile } from './reward-files.ts'
import { zooModels } from './zoo.ts'

export interface RewardContext {
  readonly runtime: Runtime
  readonly model: DiffusionModel
  /** `--classifier`: a zoo name or a folder; default the zoo's classifier of the model's shape. */
  readonly classifier?: string
}

const imageKinds: RewardKinds<Tensor, ImageRewardContext> = {
  of: 'images',
  kinds: imageRewardKinds,
  file: (path) => async () => {
    const { reward, options } = await openModule(path)
    return functionReward(reward as unknown as RewardFunction<Tensor>, options)
  },
  url(url) {
    const reward = httpReward(url)
    return () => reward
  },
  expression: noExpression,
  outside,
  others: async () => ({ of: 'text', names: textRewardKinds.map(({ name }) => name) }),
}

/**
 * Opens a reward as it is written.
 *
 * @param option the one that it stands behind, for errors
 * @throws UserError one line: what is not understood, is not there, or does not fit the model
 */
export async function openReward(text: string, context: RewardContext, option = '--reward'): Promise<Reward<Tensor>> {
  const { runtime, model } = context
  const { name, event, range } = model
  const classifier = async (label?: string) => classifierOf(context, label)
  const jpeg: JpegReward = (options) => incompressibility({ ...options, codec: jpegCodec() })
  return asUserError(`${option} ${text}`, async () => {
    const told = { model: name, event, range, classifier, read: readRewardFile, jpeg }
    const open = await fitted(readReward(text), imageKinds, told)
    return open(runtime)
  })
}

/** The classifier that was asked for, or the zoo's that fits the model, and the label, best. */
function classifierOf({ model, classifier }: RewardContext, label?: string): FoundModel<ClassifierCard> {
  const fits = (event: readonly number[]) => event.join() === model.event.join()
  const fitting = zooModels().flatMap(({ name, card }) =>
    card.type === 'classifier' && !(card as ClassifierCard).noisy && fits((card as ClassifierCard).event)
      ? [{ name, card: card as ClassifierCard }]
      : [],
  )
  const classes = 'classes' in model.card ? (model.card.classes as readonly string[]) : undefined
  const chosen = classifier ?? fittingClassifier(fitting, { model: model.name, classes, label })?.name
  if (!chosen) throw new Error(`no classifier of [${model.event}] is in the zoo; name one with --classifier`)
  const { card, graph } = readModelFiles(chosen, '--classifier')
  if (card.type !== 'classifier' || !graph) {
    throw new UserError(`--classifier ${chosen} is a diffusion model; a classifier is needed`)
  }
  if (!fits(card.event)) {
    throw new UserError(`--classifier ${chosen} takes [${card.event}]; the model ${model.name} makes [${model.event}]`)
  }
  return { name: chosen, card, graph: async () => graph }
}

/** What `--help` says of rewards. */
export function rewardHelp(): string {
  const lines = (list: readonly { readonly form: string; readonly about: string }[]) =>
    list.flatMap(({ form, about }) =>
      wrapped(about, 96).map((line, i) => `  ${(i === 0 ? form : '').padEnd(19)} ${line}`),
    )
  const others = [
    {
      form: './my-reward.mjs',
      about:
        'a module that exports reward(samples): one number per sample { shape, data }; of text reward(texts, tokens): ' +
        `one number per text; it may export a timeout in milliseconds (else ${moduleTimeout}) and a name`,
    },
    {
      form: 'https://...',
      about:
        'a server: POST {"shape": [n, ...], "data": base64 of float32}, or {"texts": [n texts]}, ' +
        'gives {"rewards": [n numbers]}',
    },
  ]
  return [
    'Rewards of images and points:',
    ...lines(imageRewardKinds),
    'Rewards of text:',
    ...lines(textRewardKinds),
    'Rewards of either:',
    ...lines(others),
    'Rewards of rewards:',
    ...lines(combinations),
  ].join('\n')
}

/** What a reward means, in a few words; nothing where it says so itself. */
export function aboutReward(text: string): string | undefined {
  const read = readReward(text)
  const [term, ...more] = read.type === 'sum' ? read.terms : [{ weight: 1, of: read }]
  if (term.of.type !== 'named' || more.length > 0 || Math.abs(term.weight) !== 1) return undefined
  const { name } = term.of
  const kind = [...imageRewardKinds, ...textRewardKinds].find((candidate) => candidate.name === name)
  return kind && `${term.weight < 0 ? 'minus the ' : ''}${kind.about.split(';')[0]}`
}

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]
    if (line.length + 1 + word.length > width && line) lines.push(word)
    else lines[lines.length - 1] = line ? `${line} ${word}` : word
  }
  return lines
}
