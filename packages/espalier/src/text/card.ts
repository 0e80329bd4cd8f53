import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'
import { sizeOf } from '../tensor/tensor.ts'
import { maskedProcess, type TokenProcess, uniformProcess } from './process.ts'
import { parseTokenSchedule, type TokenScheduleSpecification } from './schedule.ts'

const count = z.int().check(z.positive())

const condition = z.strictObject({
  shape: z._default(z.array(count), []),
  default: z.optional(z.array(z.number())),
  unconditional: z.optional(z.array(z.number())),
  values: z.optional(count),
})

const shared = {
  name: z.string(),
  /** Real tokens, without the mask. */
  vocabulary: count,
  /** Length of the longest sequence, in tokens. */
  context: count,
  /** How text becomes tokens: whatever the reader of the tokenizer wants. */
  tokenizer: z.optional(z.record(z.string(), z.unknown())),
  training: z.optional(z.record(z.string(), z.unknown())),
}

const masked = z.strictObject({
  type: z.literal('masked'),
  ...shared,
  process: z._default(
    z.strictObject({ type: z.enum(['masked', 'uniform']), schedule: z.looseObject({ type: z.string() }) }),
    { type: 'masked', schedule: { type: 'log-linear' } },
  ),
  /**
   * What the output is: logits of the clean tokens (`clean`: MDLM, RADD), or logarithms of concrete scores
   * (`log-score`: SEDD).
   */
  prediction: z._default(z.enum(['clean', 'log-score']), 'clean'),
  /** Tokens `[n, length]`, and the time `[n]` or `[n, 1]` of networks that are told it. */
  inputs: z._default(z.strictObject({ tokens: z.string(), time: z.optional(z.string()) }), { tokens: 'tokens' }),
  /** `[n, length, vocabulary]`, or one more column, for the mask, which is not read. */
  output: z._default(z.string(), 'logits'),
  conditions: z._default(z.record(z.string(), condition), {}),
})

const autoregressive = z.strictObject({
  type: z.literal('autoregressive'),
  ...shared,
  /** The token that stands before the first one. */
  start: z.int().check(z.nonnegative()),
  inputs: z._default(z.strictObject({ tokens: z.string() }), { tokens: 'tokens' }),
  /** `[n, length, vocabulary]`: of the token that comes next. */
  output: z._default(z.string(), 'logits'),
})

const classifier = z.strictObject({
  type: z.literal('token-classifier'),
  ...shared,
  classes: z.array(z.string()).check(z.minLength(2)),
  inputs: z._default(z.strictObject({ tokens: z.string() }), { tokens: 'tokens' }),
  /** Logits `[n, classes]`. */
  output: z._default(z.string(), 'logits'),
})

const energy = z.strictObject({
  type: z.literal('energy'),
  ...shared,
  /**
   * Whole sequences `[n, length]`, the states they are drafts of, `[n, length]`, where the mask is the token after the
   * last real one, and the time `[n]` or `[n, 1]` of networks that are told it.
   */
  inputs: z._default(z.strictObject({ tokens: z.string(), state: z.string(), time: z.optional(z.string()) }), {
    tokens: 'tokens',
    state: 'state',
  }),
  /** E of `exp(-E)`, `[n]` or `[n, 1]`. */
  output: z._default(z.string(), 'energy'),
})

/**
 * The `card.json` of a network over tokens: a token diffusion, an autoregressive model, a classifier of whole
 * sequences, or an energy of them. Plain JSON.
 */
export type MaskedCard = z.infer<typeof masked>
export type AutoregressiveCard = z.infer<typeof autoregressive>
export type TokenClassifierCard = z.infer<typeof classifier>
export type EnergyCard = z.infer<typeof energy>
export type TokenCard = MaskedCard | AutoregressiveCard | TokenClassifierCard | EnergyCard

/**
 * Validates the card of a network over tokens and fills in its defaults.
 * @throws one line: the field, and what was expected there
 */
export function parseTokenCard(json: unknown, what = 'model card'): TokenCard {
  const { type } = parseWith(
    z.looseObject({ type: z.enum(['masked', 'autoregressive', 'token-classifier', 'energy']) }),
    json,
    what,
  )
  if (type === 'autoregressive') return parseWith(autoregressive, json, what)
  if (type === 'token-classifier') return parseWith(classifier, json, what)
  if (type === 'energy') return parseWith(energy, json, what)
  const card = parseWith(masked, json, what)
  processOf(card, what)
  for (const [name, { shape, default: row }] of Object.entries(card.conditions)) {
    if (row && row.length !== sizeOf(shape)) {
      throw new Error(
        `${what}.conditions.${name}.default: ${row.length} values, a row of shape [${shape}] has ${sizeOf(shape)}`,
      )
    }
  }
  return card
}

/** The process that the card of a token diffusion names. */
export function processOf({ process, vocabulary }: MaskedCard, what = 'model card'): TokenProcess {
  const schedule = parseTokenSchedule(process.schedule as TokenScheduleSpecification, `${what}.process.schedule`)
  return process.type === 'masked' ? maskedProcess(vocabulary, schedule) : uniformProcess(vocabulary, schedule)
}
