/** Rewards by kind, for the chooser: which fit a model, and how each is written. */

import type { ModelEntry } from '@espalier/engine'
import type { Named, NamedReward } from '../../engine/protocol.ts'

/** A kind of reward of the chooser. */
export interface RewardForm {
  /** What stands before the colon or the parenthesis; empty: written out. */
  readonly name: string
  readonly about: string
  /** What may stand behind it: a class, one of those offered, free text, options, or nothing. */
  readonly takes: 'class' | 'point' | 'text' | 'options' | 'nothing'
  readonly options?: Named
}

const ofClasses = ['class', 'odds', 'prob']
/** Rewards that an engine must have something for: they are there where it offers them. */
const ofOutside = ['jpeg', 'words', 'sentiment', 'rhyme']
/** What is written behind the names of those that an engine offers no example of. */
const usual: Readonly<Record<string, string>> = {
  edits: '/^re[a-z]+ing$/',
  share: '/[aeiou]/',
  rhyme: 'AA',
  distinct: '2',
}

const written: RewardForm = {
  name: '',
  about:
    'Rewards of rewards: 0.5*r, -r, sum(r, r), min(r, r), clip(r, low, high), threshold(r, x), constraint(r>=x, r); js:x[0] and other JavaScript of a sample x, its shape, its place i; an address https://…',
  takes: 'text',
}

/** The kinds that fit a model, and last the one for all else. */
export function formsFor(model: ModelEntry, kinds: readonly NamedReward[]): readonly RewardForm[] {
  const offers = (name: string) => model.rewards.some((reward) => headOf(reward) === name)
  const forms = kinds.flatMap(({ name, form, about, options }): RewardForm[] => {
    // A page reads no files of the disk; words has a list of its own too.
    if (/<(file|image)/.test(form) && !offers(name)) return []
    if (ofClasses.includes(name)) return offers('class') ? [{ name, about, takes: 'class' }] : []
    if (name === 'near') return model.kind === 'points' ? [{ name, about, takes: 'point' }] : []
    if (ofOutside.includes(name) && !offers(name)) return []
    if (model.kind === 'points') return []
    if (options && options.options.length > 0) return [{ name, about, takes: 'options', options }]
    return [{ name, about, takes: /[:<]/.test(form) ? 'text' : 'nothing' }]
  })
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
  const offered = model.rewards.filter((reward) => headOf(reward) === (form.takes === 'class' ? 'class' : form.name))
  switch (form.takes) {
    case 'class': {
      const labels = offered.map(argumentOf)
      const label = labels.includes(argumentOf(before)) ? argumentOf(before) : labels[0]
      return `${form.name}:${label ?? ''}`
    }
    case 'point':
      return offered[0] ?? `near:${new Array(model.event.reduce((size, n) => size * n, 1)).fill(0).join()}`
    case 'text': {
      if (form.name === '') return before
      const argument = offered.map(argumentOf).find(Boolean) ?? usual[form.name]
      return argument ? `${form.name}:${argument}` : form.name
    }
    default:
      return form.name
  }
}
