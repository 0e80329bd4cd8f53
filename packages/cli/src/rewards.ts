/** `--reward` of a model of images, fields or points, and what the help says of all rewards. */

import { functionReward, httpReward, type Reward, type RewardFunction } from 'espalier/reward'
import type { Tensor } from 'espalier/tensor'
import { asUserError } from './errors.ts'
import { imageRewardKinds, type RewardContext } from './image-rewards.ts'
import { combinations, readReward } from './reward-grammar.ts'
import { moduleTimeout, prepared, type RewardKinds } from './reward-kinds.ts'
import { textRewardKinds } from './text-reward-kinds.ts'

export type { RewardContext } from './image-rewards.ts'

const imageKinds: RewardKinds<Tensor, RewardContext> = {
  of: 'images',
  kinds: imageRewardKinds,
  module: (fn, options) => () => functionReward(fn as unknown as RewardFunction<Tensor>, options),
  server: (url) => {
    const reward = httpReward(url)
    return () => reward
  },
  others: { of: 'text', names: textRewardKinds.map(({ name }) => name) },
}

/**
 * Opens a reward as it is written.
 *
 * @param option the one that it stands behind, for errors
 * @throws UserError one line: what is not understood, is not there, or does not fit the model
 */
export async function openReward(text: string, context: RewardContext, option = '--reward'): Promise<Reward<Tensor>> {
  return asUserError(`${option} ${text}`, async () => prepared(readReward(text), imageKinds)(context))
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
