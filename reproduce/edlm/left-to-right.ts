/** Draws from an autoregressive model: the law that EDLM-AR tends to with many drafts. */

import type { Session } from 'espalier/runtime'
import { categoricalFromLog, fold, key, purpose, stream } from 'espalier/tensor'
import type { AutoregressiveCard } from 'espalier/text'

/** Sequences of a whole context, one token a call. A call reads what is there, so it costs half a row on average. */
export async function leftToRight(
  session: Session,
  { context, vocabulary, start, inputs, output }: AutoregressiveCard,
  count: number,
  seed: number,
): Promise<Int32Array[]> {
  const root = purpose(key(seed), 'left-to-right')
  const draws = Array.from({ length: count }, (_, i) => stream(fold(root, i)))
  const rows = draws.map(() => new Int32Array(context))
  for (let length = 1; length <= context; length++) {
    const before = new BigInt64Array(count * length)
    rows.forEach((row, i) => {
      before[i * length] = BigInt(start)
      for (let p = 1; p < length; p++) before[i * length + p] = BigInt(row[p - 1])
    })
    const feed = { type: 'int64', shape: [count, length], data: before } as const
    const { shape, data } = (await session.run({ [inputs.tokens]: feed }, [output]))[output]
    const columns = shape[2]
    rows.forEach((row, i) => {
      const from = ((i + 1) * length - 1) * columns
      row[length - 1] = categoricalFromLog(draws[i].uniform(), (data as Float32Array).subarray(from, from + vocabulary))
    })
  }
  return rows
}
