import { cast } from '../runtime/condition.ts'
import type { Runtime, RuntimeTensor, Session, SessionOptions } from '../runtime/runtime.ts'
import { type EnergyCard, parseTokenCard } from './card.ts'
import { autoregressiveEnergy, carryOverEnergy, type SequenceEnergy } from './energy.ts'
import { fed, find, networkAutoregressive, tokenInput } from './network.ts'

/**
 * EDLM-NCE: the energy that a graph was trained to (`nceLoss` of espalier/train), of drafts and their states.
 * Well trained it is `log p_mu(x_0 | x_t) - log q(x_0 | x_t)`, whose Z is 1.
 *
 * @param session the graph of the card: drafts and states `[n, length]` in, and the time where the card names it; E out
 * @param options.maxBatch drafts of one call, at most. Default 64
 * @throws where graph and card do not fit; at a call, where sequences are too long or an energy is NaN
 */
export function networkEnergy(
  session: Session,
  card: EnergyCard,
  { maxBatch = 64 }: { readonly maxBatch?: number } = {},
): SequenceEnergy {
  const { name, context, vocabulary, inputs, output } = card
  const [draftInput, stateInput] = [inputs.tokens, inputs.state].map((input) => tokenInput(session, input))
  const timeInput = inputs.time === undefined ? undefined : find(session, 'inputs', inputs.time)
  find(session, 'outputs', output)
  const known: readonly (string | undefined)[] = [inputs.tokens, inputs.state, inputs.time]
  const odd = session.inputs.find((input) => !known.includes(input.name))
  if (odd) throw new Error(`The graph has an input "${odd.name}" that the card of "${name}" does not name.`)
  return {
    name: `network(${name})`,
    async logWeights({ shape: [n, length], data }, states, mask, _logProposals, times) {
      if (length > context)
        throw new Error(`sequences of ${length} tokens, the energy "${name}" takes ${context} at most`)
      if (mask !== vocabulary) {
        throw new Error(
          `the energy "${name}" is of ${vocabulary} tokens, the process of ${mask}; they must be the same`,
        )
      }
      if (timeInput && !times) throw new Error(`the energy "${name}" is told the time, and was given none`)
      const logs = new Float64Array(n)
      for (let from = 0; from < n; from += maxBatch) {
        const to = Math.min(n, from + maxBatch)
        const shape = [to - from, length] as const
        const feeds: Record<string, RuntimeTensor> = {
          [draftInput.name]: fed(draftInput.type, { shape, data: data.subarray(from * length, to * length) }),
          [stateInput.name]: fed(stateInput.type, { shape, data: states.data.subarray(from * length, to * length) }),
        }
        if (timeInput && times) {
          const own = [to - from, ...timeInput.shape.slice(1).map(() => 1)]
          feeds[timeInput.name] = {
            type: timeInput.type,
            shape: own,
            data: cast(timeInput.type, times.subarray(from, to)),
          }
        }
        const given = (await session.run(feeds, [output]))[output]
        if (!(given.data instanceof Float32Array) || given.data.length !== to - from) {
          throw new Error(
            `Output "${output}" of "${name}" is ${given.type} [${given.shape.join(', ')}]; expected float32 [${to - from}].`,
          )
        }
        given.data.forEach((energy, i) => void (logs[from + i] = -energy))
      }
      return logs
    },
  }
}

/** An energy that owns its session. */
export interface LoadedEnergy extends SequenceEnergy {
  release(): Promise<void>
}

/**
 * The energy that a card describes: a trained one (type `energy`), or an autoregressive model, which serves as one as it
 * is.
 * @param options.carryOver of an autoregressive model: {@link carryOverEnergy} instead of {@link autoregressiveEnergy}
 * @throws one line where the card is of another kind, or graph and card do not fit
 */
export async function loadEnergy(
  runtime: Runtime,
  model: Uint8Array,
  card: unknown,
  { carryOver = false, ...options }: SessionOptions & { readonly carryOver?: boolean } = {},
): Promise<LoadedEnergy> {
  const parsed = parseTokenCard(card)
  if (parsed.type !== 'energy' && parsed.type !== 'autoregressive') {
    throw new Error(`"${parsed.name}" is of the type "${parsed.type}"; an "energy" or an "autoregressive" is needed`)
  }
  if (carryOver && parsed.type === 'energy') {
    throw new Error(`"${parsed.name}" is a trained energy; only an autoregressive model has a carry-over energy`)
  }
  const session = await runtime.load(model, options)
  try {
    const energy =
      parsed.type === 'energy'
        ? networkEnergy(session, parsed)
        : (carryOver ? carryOverEnergy : autoregressiveEnergy)(networkAutoregressive(session, parsed))
    return { ...energy, release: () => session.release() }
  } catch (error) {
    await session.release()
    throw error
  }
}
