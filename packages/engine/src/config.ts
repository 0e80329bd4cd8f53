import type { RunConfig } from './engine.ts'
import { EngineError } from './engine-error.ts'

/**
 * What a config is filled up with. The solver is `ddim` for methods that search over start noises, and a sampler of
 * tokens for text.
 */
export const runDefaults = {
  method: 'dts-star',
  budget: 2000,
  seed: 0,
  lambda: 1,
  width: 16,
  steps: 50,
  grid: 'uniform',
  solver: 'ddim(eta=1)',
  guidance: 1,
} as const satisfies Partial<RunConfig>

interface Field {
  readonly expected: string
  valid(value: unknown): boolean
}

const text: Field = {
  expected: 'a text of at most 1000 characters',
  valid: (value) => typeof value === 'string' && value.trim() !== '' && value.length <= 1000,
}
const whole = (least: number, most: number = Number.MAX_SAFE_INTEGER): Field => ({
  expected:
    most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least} on` : `a whole number, ${least} to ${most}`,
  valid: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
})
const level: Field = {
  expected: 'a number from 0 on',
  valid: (value) => Number.isFinite(value) && (value as number) >= 0,
}
const fields: Readonly<Record<keyof RunConfig, Field>> = {
  model: text,
  reward: text,
  method: text,
  budget: whole(1),
  seed: whole(0),
  lambda: level,
  width: whole(1, 1024),
  steps: whole(1, 10_000),
  grid: text,
  solver: text,
  guidance: level,
  class: text,
  prompt: {
    expected: 'a text of at most 10000 characters',
    valid: (value) => typeof value === 'string' && value.length <= 10_000,
  },
  length: whole(1, 100_000),
  origin: {
    expected: 'a run and a node of it, {"run": "<id>", "node": 12}',
    valid: (value) => {
      const { run, node, ...rest } = (value ?? {}) as Record<string, unknown>
      return typeof run === 'string' && Number.isSafeInteger(node) && (node as number) > 0 && !Object.keys(rest).length
    },
  },
}

/** What a person gives: fields that are left out are filled in once the model is known. */
export type GivenConfig = Partial<RunConfig> & Pick<RunConfig, 'model' | 'reward'>

/**
 * Checks the fields of a config, each on its own. What needs the model, and texts that name something, are told when
 * the run is prepared.
 *
 * @throws EngineError one line: the field, what was given, what was expected
 */
export function parseRunConfig(json: unknown): GivenConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new EngineError('config', `a config is an object with at least model and reward, got ${given(json)}`)
  }
  const entries = Object.entries(json).filter(([, value]) => value !== undefined)
  for (const [name, value] of entries) {
    if (!Object.hasOwn(fields, name)) {
      throw new EngineError('config', `${name}: there is no such field; there are ${Object.keys(fields).join(', ')}`)
    }
    const { expected, valid } = fields[name as keyof RunConfig]
    if (!valid(value)) throw new EngineError('config', `${name}: expected ${expected}, got ${given(value)}`)
  }
  const config = Object.fromEntries(entries) as Partial<RunConfig>
  const { model, reward } = config
  if (model === undefined) throw new EngineError('config', 'model: it is missing; name a model')
  if (reward === undefined) throw new EngineError('config', 'reward: it is missing; name a reward')
  return { ...config, model, reward }
}

/** A value as errors show it, cut where it is long. */
function given(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}
