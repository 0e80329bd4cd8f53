/** The form of a run while it is filled in. */

import { type ModelEntry, type RunConfig, runDefaults } from '@espalier/engine'

/** All texts, so that what is being typed stays as it is. */
export type Draft = Record<Exclude<keyof RunConfig, 'origin'>, string> & { readonly origin?: RunConfig['origin'] }

export type DraftField = Exclude<keyof Draft, 'origin'>

/** Where text is sampled and nobody has chosen how: few calls, as searches pay for each. */
export function usualSampler({ process }: Pick<ModelEntry, 'process'>): string {
  return process === 'uniform' ? 'ancestral(steps=16)' : 'first-hitting(calls=16)'
}

export function draftOf(config: Partial<RunConfig> & Pick<RunConfig, 'model' | 'reward'>): Draft {
  const { class: label, prompt, length, origin, ...rest } = { ...runDefaults, ...config }
  const texts = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]))
  return {
    ...(texts as Omit<Draft, 'class' | 'prompt' | 'length' | 'origin'>),
    ...{ class: label ?? '', prompt: prompt ?? '', length: length === undefined ? '' : String(length) },
    ...(origin && { origin }),
  }
}

/** A number of the form: what it must be, and what to do about it. */
interface NumberField {
  readonly expected: string
  readonly example: string
  fits(value: number): boolean
}

const whole = (least: number, most: number, example: string): NumberField => ({
  expected: most === Infinity ? `a whole number from ${least} on` : `a whole number, ${least} to ${most}`,
  example,
  fits: (value) => Number.isSafeInteger(value) && value >= least && value <= most,
})
const level = (example: string): NumberField => ({
  expected: 'a number from 0 on',
  example,
  fits: (value) => Number.isFinite(value) && value >= 0,
})

const numbers = {
  lambda: level('1'),
  budget: whole(1, Infinity, '6000'),
  width: whole(1, 1024, '8'),
  seed: whole(0, Infinity, '1'),
  steps: whole(1, 10_000, '20'),
  guidance: level('1'),
  length: whole(1, 100_000, '16'),
} as const satisfies Partial<Record<DraftField, NumberField>>

type NumberName = keyof typeof numbers

/** Why a config cannot be made of the form: the field, what was given, what was expected, what to do. */
export class DraftError extends Error {
  readonly field: DraftField

  constructor(field: DraftField, message: string) {
    super(message)
    this.field = field
  }
}

const blank = ['model', 'reward', 'method', 'solver', 'grid'] as const

/** @throws DraftError for the first wrong field, in the order of the form */
export function configOf(draft: Draft, kind: ModelEntry['kind']): RunConfig {
  for (const name of blank) {
    if (draft[name].trim() === '') throw new DraftError(name, `${name}: it is empty; choose or write one`)
  }
  const read = (name: NumberName): number => {
    const text = draft[name].trim()
    const value = text === '' ? Number.NaN : Number(text)
    const { expected, example, fits } = numbers[name]
    if (fits(value)) return value
    throw new DraftError(name, `${name}: expected ${expected}, got "${text}"; write one, such as ${example}`)
  }
  const text = kind === 'text'
  return {
    ...{ model: draft.model, reward: draft.reward.trim() },
    ...(!text && draft.class !== '' && { class: draft.class }),
    ...(text && draft.prompt !== '' && { prompt: draft.prompt }),
    ...(text && draft.length.trim() !== '' && { length: read('length') }),
    lambda: read('lambda'),
    method: draft.method,
    budget: read('budget'),
    width: read('width'),
    seed: read('seed'),
    solver: draft.solver,
    steps: text ? runDefaults.steps : read('steps'),
    grid: text ? runDefaults.grid : draft.grid,
    guidance: text ? runDefaults.guidance : read('guidance'),
    ...(draft.origin && { origin: draft.origin }),
  }
}

/** The field that a line of an engine is about: it stands before the colon. */
export function fieldOf(message: string): DraftField | undefined {
  const [name] = message.split(/[:\s]/, 1)
  return name in draftOf({ model: '', reward: '' }) ? (name as DraftField) : undefined
}

/** The form for another model: what does not fit it is replaced by what does. */
export function forModel(draft: Draft, next: ModelEntry, deterministic: boolean, before?: ModelEntry): Draft {
  const label =
    next.classes.length === 0 ? '' : draft.class === '' || !next.classes.includes(draft.class) ? 'none' : draft.class
  const samplers = (model?: ModelEntry) => (model?.kind === 'text' ? usualSampler(model) : '')
  const changed = before !== undefined && samplers(before) !== samplers(next)
  const usual = next.kind === 'text' ? usualSampler(next) : deterministic ? 'ddim' : runDefaults.solver
  const same = before && String(before.rewards) === String(next.rewards)
  return {
    ...draft,
    model: next.key,
    reward: same || next.rewards.includes(draft.reward) ? draft.reward : (next.rewards[0] ?? ''),
    class: label,
    guidance: label === '' || label === 'none' ? '1' : draft.guidance,
    ...(changed && { solver: usual, origin: undefined, prompt: '', length: '' }),
  }
}
