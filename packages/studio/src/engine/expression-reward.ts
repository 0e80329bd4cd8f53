import type { Reward } from 'espalier/reward'
import type { Tensor } from 'espalier/tensor'
import { messageOf } from '../format.ts'
import type { FromWorker } from './protocol.ts'

/** Milliseconds that an expression may take for one batch of samples, and that its sandbox may take to open. */
const LIMIT = 5000
const PATIENCE = 15_000

/** What comes out of a sandbox; whatever else comes is not listened to. */
export type FromSandbox =
  | { readonly type: 'ready' }
  /** It begins with this row. */
  | { readonly type: 'row'; readonly row: number }
  | { readonly type: 'rewards'; readonly rewards: Float64Array }
  | { readonly type: 'threw'; readonly row: number; readonly error: string }

export type ToSandbox =
  | { readonly type: 'open'; readonly source: string; readonly shape: readonly number[] }
  | { readonly type: 'score'; readonly rows: number; readonly values: Float32Array }

let opened = 0

/**
 * The reward `js:<expression>`, in a sandbox of its own that the page opens: it sees `x` (a Float32Array, one sample),
 * `shape` (of it) and `i` (its place in the batch), and nothing of the page, its storage or the network.
 *
 * @throws one line where the expression is no JavaScript; when it is asked, naming the row, where it throws, gives no
 *   number, or does not come to an end in {@link LIMIT}
 */
export async function expressionReward(
  source: string,
  shape: readonly number[],
  post: (message: FromWorker, transfer: Transferable[]) => void,
): Promise<Reward<Tensor> & { release(): Promise<void> }> {
  checkSyntax(source)
  const sandbox = opened++
  const { port1: port, port2 } = new MessageChannel()
  /** Why nothing can be asked any more. */
  let ended: string | undefined
  const end = (why: string) => {
    if (ended !== undefined) return
    ended = why
    port.close()
    post({ type: 'unsandbox', sandbox }, [])
  }
  /** The first message that `take` has an answer for. */
  const answer = <T>(limit: number, late: () => string, take: (message: FromSandbox) => T | undefined) =>
    new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        end(late())
        reject(new Error(ended))
      }, limit)
      port.onmessage = ({ data }: MessageEvent<FromSandbox>) => {
        try {
          const found = take(data)
          if (found === undefined) return
          clearTimeout(timer)
          resolve(found)
        } catch (error) {
          clearTimeout(timer)
          end(messageOf(error))
          reject(error)
        }
      }
    })

  post({ type: 'sandbox', sandbox, port: port2 }, [port2])
  const ready = answer(
    PATIENCE,
    () => 'the sandbox of the expression could not be opened',
    ({ type }) => (type === 'ready' ? true : undefined),
  )
  port.postMessage({ type: 'open', source, shape } satisfies ToSandbox)
  await ready

  const score = async (samples: readonly Tensor[]): Promise<Float64Array> => {
    if (ended !== undefined) throw new Error(ended)
    const rows = samples.length
    const of = (row: number) => `sample ${row} of ${rows}`
    let row = 0
    const late = () => `the expression was not done with ${of(row)} after ${LIMIT / 1000} seconds, and was ended`
    const rewards = answer(LIMIT, late, (message) => {
      if (message.type === 'row') row = message.row
      if (message.type === 'threw') throw new Error(`the expression failed at ${of(message.row)}: ${message.error}`)
      if (message.type !== 'rewards') return undefined
      const wrong = message.rewards.findIndex(Number.isNaN)
      if (wrong >= 0 || message.rewards.length !== rows) throw new Error(`the expression gave NaN for ${of(wrong)}`)
      return message.rewards
    })
    const size = samples[0].data.length
    const values = new Float32Array(rows * size)
    samples.forEach(({ data }, i) => {
      values.set(data, i * size)
    })
    port.postMessage({ type: 'score', rows, values } satisfies ToSandbox, [values.buffer])
    return rewards
  }
  // One batch at a time: answers carry no number.
  let tail: Promise<unknown> = Promise.resolve()
  return {
    name: `js:${source}`,
    evaluate(samples) {
      const scored = tail.then(() => (samples.length === 0 ? new Float64Array(0) : score(samples)))
      tail = scored.catch(() => {})
      return scored
    },
    release: async () => end('the expression has been released'),
  }
}

/** Reads, and runs nothing. @throws one line where it is no expression */
function checkSyntax(source: string): void {
  try {
    new Function(`return (${source}\n)`)
  } catch (error) {
    throw new Error(`the expression cannot be read: ${messageOf(error)}`)
  }
}
