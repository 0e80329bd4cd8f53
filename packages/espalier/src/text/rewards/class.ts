import { classRewardNames, numbers } from '../../reward/graph.ts'
import type { Reward } from '../../reward/reward.ts'
import type { Runtime, Session, SessionOptions } from '../../runtime/runtime.ts'
import { parseTokenCard, type TokenClassifierCard } from '../card.ts'
import { stackTokens } from '../denoiser.ts'
import type { TokenSample } from '../masked-chain.ts'
import { fed, find, tokenInput } from '../network.ts'

/** What is made of the logits: the probability of the class, its logarithm (which ends at 0), or its log-odds. */
export type ClassTransform = keyof typeof classRewardNames

/**
 * What a classifier of whole sequences gives to a class. Every token of a sample must be real: those of a look-ahead
 * and of a final state are.
 *
 * @param session the graph of the card: tokens `[n, length]` in, logits `[n, classes]` out
 * @param label a class name of the card
 * @param options.maxBatch sequences of one call, at most. Default 64
 * @throws where the card has no such class, or graph and card do not fit; at evaluation, where a sample is longer than
 *   the card's context or holds a token (such as the mask) that the classifier does not know
 */
export function tokenClassReward(
  session: Session,
  card: TokenClassifierCard,
  label: string,
  transform: ClassTransform = 'log-softmax',
  { maxBatch = 64 }: { readonly maxBatch?: number } = {},
): Reward<TokenSample> {
  const { name, vocabulary, context, classes, inputs, output } = card
  const index = classes.indexOf(label)
  if (index < 0) throw new Error(`"${name}" knows no class "${label}"; its classes are ${classes.join(', ')}.`)
  const input = tokenInput(session, inputs.tokens)
  find(session, 'outputs', output)
  const check = ({ tokens }: TokenSample, i: number) => {
    if (tokens.length > context) {
      throw new Error(`sample ${i} has ${tokens.length} tokens; the classifier "${name}" takes ${context} at most`)
    }
    const odd = tokens.findIndex((token) => !(token >= 0 && token < vocabulary))
    if (odd < 0) return
    throw new Error(
      `token ${odd} of sample ${i} is ${tokens[odd]}; the classifier "${name}" knows 0 to ${vocabulary - 1}`,
    )
  }
  return {
    name: `${classRewardNames[transform]}(${label})`,
    async evaluate(samples) {
      samples.forEach(check)
      const values = new Float64Array(samples.length)
      for (let from = 0; from < samples.length; from += maxBatch) {
        const rows = stackTokens(samples.slice(from, from + maxBatch).map(({ tokens }) => tokens))
        const result = await session.run({ [input.name]: fed(input.type, rows) }, [output])
        const n = rows.shape[0]
        if (result[output].data.length !== n * classes.length) {
          const given = result[output].shape.join(', ')
          throw new Error(`Output "${output}" of "${name}" is [${given}]; expected [${n}, ${classes.length}].`)
        }
        values.set(numbers(result[output], n, { output, index, transform }), from)
      }
      return values
    },
  }
}

/** A reward of token samples that owns its session. */
export interface LoadedTokenReward extends Reward<TokenSample> {
  release(): Promise<void>
}

/**
 * {@link tokenClassReward} of a model on the disk.
 * @param card parsed `card.json` of the type `token-classifier`
 * @throws one line where the card is of another kind, has no such class, or graph and card do not fit
 */
export async function loadTokenClassReward(
  runtime: Runtime,
  model: Uint8Array,
  card: unknown,
  label: string,
  transform?: ClassTransform,
  options?: SessionOptions,
): Promise<LoadedTokenReward> {
  const parsed = parseTokenCard(card)
  if (parsed.type !== 'token-classifier') {
    throw new Error(`"${parsed.name}" is of the type "${parsed.type}"; a "token-classifier" is needed`)
  }
  const session = await runtime.load(model, options)
  try {
    return { ...tokenClassReward(session, parsed, label, transform), release: () => session.release() }
  } catch (error) {
    await session.release()
    throw error
  }
}
