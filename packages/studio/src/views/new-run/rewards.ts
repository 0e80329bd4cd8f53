/** Rewards by name, for the chooser: how each is written, and what it means in one line. */

import type { ModelEntry } from '@espalier/engine'
import type { Named } from '../../engine/protocol.ts'

/** A kind of reward of the chooser. */
export interface RewardForm {
  /** What stands before the colon or the parenthesis; empty: written out. */
  readonly name: string
  readonly about: string
  /** What may stand behind it: a class, one of those offered, free text, options, or nothing. */
  readonly takes: 'class' | 'point' | 'text' | 'options' | 'nothing'
  /** What is written where nothing was yet. */
  readonly usual: string
}

const ofClasses: readonly RewardForm[] = [
  ['class', 'log-probability that a classifier gives to a class'],
  ['odds', 'log-odds log p / (1 − p) of the probability that a classifier gives to a class'],
  ['prob', 'probability that a classifier gives to a class, 0 to 1'],
].map(([name, about]) => ({ name, about, takes: 'class', usual: '' }))

const ofText: readonly RewardForm[] = [
  ['matches', 'whether a regular expression is found, 1 or 0', 'text', '/ing$/'],
  ['edits', 'minus the least characters to change until a regular expression is found', 'text', '/^re.*ing$/'],
  ['count', 'number of matches of a regular expression', 'text', '/e/'],
  ['share', 'share of the characters that lie in matches of a regular expression', 'text', '/[aeiou]/'],
  ['length', 'minus the distance to a length or a range, in characters, words or lines', 'text', '8-10 characters'],
  ['rhyme', 'rhymes at the ends of lines, 0 to 1', 'text', 'AA'],
  ['sentiment', 'mean score of the words, −5 to 5 (AFINN-165)', 'nothing', ''],
  ['words', 'share of the words that are English', 'nothing', ''],
  ['distinct', 'share of runs of n words that are different from each other', 'text', '2'],
  ['alliteration', 'share of neighbouring words that begin with the same letter', 'nothing', ''],
].map(([name, about, takes, usual]) => ({ name, about, takes, usual }) as RewardForm)

const written: RewardForm = {
  name: '',
  about:
    'rewards of rewards: 0.5*r, −r, sum(r, r), min(r, r), clip(r, low, high), threshold(r, x), constraint(r>=x, r)',
  takes: 'text',
  usual: '',
}

/** The kinds that fit a model. */
export function formsFor(model: ModelEntry, imageRewards: readonly Named[]): readonly RewardForm[] {
  const offers = (name: string) => model.rewards.some((reward) => headOf(reward) === name)
  const forms: RewardForm[] = offers('class') ? [...ofClasses] : []
  if (model.kind === 'points')
    forms.push({ name: 'near', about: 'minus half the squared distance to a point', takes: 'point', usual: '' })
  if (model.kind === 'image') {
    for (const { name, about, options } of imageRewards) {
      forms.push({ name, about, takes: options.length > 0 ? 'options' : 'nothing', usual: '' })
    }
  }
  if (model.kind === 'text') forms.push(...ofText.filter(({ name }) => offers(name)))
  return [...forms, written]
}

/** `class` of `class:7`, `ink` of `ink(target=0.2)`; of an expression nothing that is a name. */
export function headOf(reward: string): string {
  return /^\s*([a-z]+)\s*(?:$|:|\()/i.exec(reward)?.[1] ?? ''
}

/** What stands behind the name and its colon. */
export function argumentOf(reward: string): string {
  const at = reward.indexOf(':')
  return at < 0 ? '' : reward.slice(at + 1).trim()
}

/** The form that a reward is written in; the one for all else where it is none of the others. */
export function formOf(reward: string, forms: readonly RewardForm[]): RewardForm {
  const head = headOf(reward)
  return forms.find(({ name }) => name === head) ?? written
}

/** A reward of a form, with what the last one had where that fits. */
export function rewardOf(form: RewardForm, model: ModelEntry, before: string): string {
  const offered = model.rewards.filter(
    (reward) => headOf(reward) === form.name || (form.takes === 'class' && headOf(reward) === 'class'),
  )
  switch (form.takes) {
    case 'class': {
      const labels = offered.map(argumentOf)
      const label = labels.includes(argumentOf(before)) ? argumentOf(before) : labels[0]
      return `${form.name}:${label ?? ''}`
    }
    case 'point':
      return offered[0] ?? `near:${model.event.length === 1 ? new Array(model.event[0]).fill(0).join() : '0'}`
    case 'text':
      return form.name === '' ? before : `${form.name}:${form.usual}`
    default:
      return form.name
  }
}
