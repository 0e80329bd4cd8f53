import { cast, conditionFeed } from '../runtime/condition.ts'
import type { Runtime, RuntimeTensor, Session, SessionOptions } from '../runtime/runtime.ts'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import type { AutoregressiveModel } from './autoregressive.ts'
import { type AutoregressiveCard, type MaskedCard, parseTokenCard, processOf } from './card.ts'
import { cleanFromScore } from './concrete-score.ts'
import type { TokenBatch, TokenDenoiser } from './denoiser.ts'

/**
 * Binds a graph over tokens to its card: tokens (int64 or int32) in, logits out.
 * @throws where graph and card do not fit; at a call, where a condition is missing or the output has another shape
 */
export function networkTokenDenoiser(session: Session, card: MaskedCard): TokenDenoiser {
  const process = processOf(card)
  const { vocabulary, context, conditions, prediction } = card
  const { tokens: tokensName, time } = card.inputs
  const input = tokenInput(session, tokensName)
  const timeInput = time === undefined ? undefined : find(session, 'inputs', time)
  find(session, 'outputs', card.output)
  for (const { name } of session.inputs) {
    if (name !== tokensName && name !== time && !Object.hasOwn(conditions, name)) {
      throw new Error(`The graph has an input "${name}" that the model card does not describe under "conditions".`)
    }
  }
  const extra = Object.keys(conditions).map((name) => [find(session, 'inputs', name), conditions[name]] as const)
  return {
    process,
    context,
    timeFree: timeInput === undefined,
    async predict(tokens, t, condition) {
      const [n, length] = tokens.shape
      const feeds: Record<string, RuntimeTensor> = { [tokensName]: fed(input.type, tokens) }
      if (timeInput) {
        const shape = [n, ...timeInput.shape.slice(1).map(() => 1)]
        feeds[timeInput.name] = { type: timeInput.type, shape, data: cast(timeInput.type, t) }
      }
      for (const [own, described] of extra) feeds[own.name] = conditionFeed(own, described, condition?.[own.name], n)
      for (const name in condition) {
        if (Object.hasOwn(conditions, name)) continue
        throw new Error(
          `This model has no condition "${name}"; it has: ${Object.keys(conditions).join(', ') || 'none'}.`,
        )
      }
      const logits = await logitsOf(session, card, feeds, tokens.shape)
      if (prediction === 'log-score' && process.kind === 'uniform') {
        for (let i = 0; i < n * length; i++) {
          const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary)
          const clean = cleanFromScore(
            process,
            tokens.data[i],
            Float64Array.from(row, Math.exp),
            t[Math.floor(i / length)],
          )
          row.set(clean.map(Math.log))
        }
      }
      // Of a masked process scores at a mask are the clean law times a number: their logarithms are logits as they are.
      return { shape: [n, length, vocabulary], data: logits }
    },
  }
}

/**
 * Binds a graph that reads from the left: fed `start, x_0, ..., x_(L-2)`, its output at place l is about `x_l`.
 * @throws where graph and card do not fit
 */
export function networkAutoregressive(session: Session, card: AutoregressiveCard): AutoregressiveModel {
  const { name, vocabulary, context, start } = card
  const input = tokenInput(session, card.inputs.tokens)
  find(session, 'outputs', card.output)
  return {
    name,
    vocabulary,
    async logProbabilities(tokens) {
      const [n, length] = tokens.shape
      if (length > context) throw new Error(`sequences of ${length} tokens, "${name}" takes ${context} at most`)
      const before = new Int32Array(n * length)
      for (let i = 0; i < n; i++) {
        before.set(tokens.data.subarray(i * length, (i + 1) * length - 1), i * length + 1)
        before[i * length] = start
      }
      const feeds = { [input.name]: fed(input.type, { shape: tokens.shape, data: before }) }
      const logits = await logitsOf(session, card, feeds, tokens.shape)
      return Float64Array.from(tokens.data, (token, i) => {
        const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary)
        const log = row[token] - logSumExp(row)
        if (!Number.isNaN(log)) return log
        throw new Error(`"${name}" gave NaN in row ${Math.floor(i / length)}, position ${i % length}`)
      })
    },
  }
}

const otherUses = {
  autoregressive: ['an autoregressive model', 'an energy or as a judge'],
  'token-classifier': ['a classifier', 'a reward'],
  energy: ['an energy of drafts', 'the energy of an energy sampler'],
} as const

/** A token denoiser that owns its session. */
export interface LoadedTokenDenoiser extends TokenDenoiser {
  release(): Promise<void>
}

/**
 * The token diffusion that a card describes, ready to sample from.
 * @param card parsed `card.json` of the type `masked`
 * @throws one line where the card is of another kind, or graph and card do not fit
 */
export async function loadTokenDenoiser(
  runtime: Runtime,
  model: Uint8Array,
  card: unknown,
  options?: SessionOptions,
): Promise<LoadedTokenDenoiser> {
  const parsed = parseTokenCard(card)
  if (parsed.type !== 'masked') {
    const [is, serves] = otherUses[parsed.type]
    throw new Error(`"${parsed.name}" is ${is}, which can serve as ${serves}, not to sample from`)
  }
  const session = await runtime.load(model, options)
  try {
    return { ...networkTokenDenoiser(session, parsed), release: () => session.release() }
  } catch (error) {
    await session.release()
    throw error
  }
}

/** Tokens as an input takes them. */
export function fed(type: RuntimeTensor['type'], { shape, data }: TokenBatch): RuntimeTensor {
  return { type, shape, data: type === 'int32' ? data : cast(type, data) }
}

/** The output without the column of the mask, if it has one. */
async function logitsOf(
  session: Session,
  { output, vocabulary }: MaskedCard | AutoregressiveCard,
  feeds: Readonly<Record<string, RuntimeTensor>>,
  [n, length]: readonly [number, number],
): Promise<Float32Array> {
  const { data, shape } = (await session.run(feeds, [output]))[output]
  const columns = shape[2]
  const fits = shape.length === 3 && shape[0] === n && shape[1] === length
  if (!(data instanceof Float32Array) || !fits || (columns !== vocabulary && columns !== vocabulary + 1)) {
    throw new Error(`Output "${output}" is [${shape.join(', ')}]; expected float32 [${n}, ${length}, ${vocabulary}].`)
  }
  if (columns === vocabulary) return data
  const logits = new Float32Array(n * length * vocabulary)
  for (let i = 0; i < n * length; i++) logits.set(data.subarray(i * columns, i * columns + vocabulary), i * vocabulary)
  return logits
}

/** @throws where there is no such input of integers */
export function tokenInput(session: Session, name: string) {
  const input = find(session, 'inputs', name)
  if (input.type === 'int64' || input.type === 'int32') return input
  throw new Error(`Input "${name}" is ${input.type}; tokens are int64 or int32.`)
}

/** @throws where the graph has no such input or output */
export function find(session: Session, side: 'inputs' | 'outputs', name: string) {
  const found = session[side].find((value) => value.name === name)
  if (found) return found
  const names = session[side].map((value) => value.name).join(', ')
  throw new Error(`The graph has no ${side.slice(0, -1)} "${name}" (it has: ${names}); correct the model card.`)
}
