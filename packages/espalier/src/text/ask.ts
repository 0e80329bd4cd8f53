import type { Condition } from '../process/denoiser.ts'
import { stackTokens, type TokenDenoiser } from './denoiser.ts'
import type { TokenState } from './sampler.ts'

/** Logits `[length * vocabulary]` of the clean tokens of each state at its time. */
export type Ask = (states: readonly TokenState[], times: ArrayLike<number>) => Promise<Float32Array[]>

/**
 * Asks a network about states, and never twice about one. Rows that are the same state at the same time are one row;
 * what is remembered of a state (at its time, or at any where the network is blind to time) costs nothing again. States
 * are values, so a copy is the same object, and a step that changed nothing gave the same object back.
 *
 * Every NaN stops the run with row, time and position.
 */
export class Asker {
  /** What `#seen` may hold, oldest first; states that are gone hold nothing. */
  readonly #kept: WeakRef<TokenState>[] = []
  readonly #seen = new WeakMap<TokenState, { readonly t: number; readonly logits: Float32Array }>()
  readonly #denoiser: TokenDenoiser
  readonly #condition: Condition | undefined

  readonly #most: number | undefined

  /**
   * @param condition of one row: the same for all
   * @param most states whose answers are kept, the oldest go first. Default: as many as fit in 1 GiB
   */
  constructor(denoiser: TokenDenoiser, condition?: Condition, most?: number) {
    this.#denoiser = denoiser
    this.#condition = condition
    this.#most = most
  }

  recall(state: TokenState, t: number): Float32Array | undefined {
    const seen = this.#seen.get(state)
    return seen && (this.#denoiser.timeFree || seen.t === t) ? seen.logits : undefined
  }

  /** @param keep whether answers are remembered for as long as their states live */
  async ask(states: readonly TokenState[], times: ArrayLike<number>, keep: boolean): Promise<Float32Array[]> {
    const rows: { readonly state: TokenState; readonly t: number }[] = []
    const known: Float32Array[] = []
    const newest = new Map<TokenState, number>()
    const rowOf = states.map((state, i) => {
      const recalled = this.recall(state, times[i])
      if (recalled) {
        known[i] = recalled
        return -1
      }
      const same = newest.get(state)
      if (same !== undefined && (this.#denoiser.timeFree || rows[same].t === times[i])) return same
      newest.set(state, rows.length)
      return rows.push({ state, t: times[i] }) - 1
    })
    if (rows.length === 0) return known
    const answers = await this.#predict(rows)
    if (keep) rows.forEach(({ state, t }, k) => void this.#remember(state, t, answers[k].slice()))
    return states.map((_, i) => known[i] ?? answers[rowOf[i]])
  }

  #remember(state: TokenState, t: number, logits: Float32Array): void {
    this.#seen.set(state, { t, logits })
    this.#kept.push(new WeakRef(state))
    const most = this.#most ?? Math.max(1, Math.floor(2 ** 28 / logits.length))
    while (this.#kept.length > most) {
      const oldest = this.#kept.shift()?.deref()
      if (oldest) this.#seen.delete(oldest)
    }
  }

  async #predict(rows: readonly { readonly state: TokenState; readonly t: number }[]): Promise<Float32Array[]> {
    const { vocabulary } = this.#denoiser.process
    const tokens = stackTokens(rows.map(({ state }) => state.tokens))
    const [n, length] = tokens.shape
    const t = Float64Array.from(rows, (row) => row.t)
    const { data } = await this.#denoiser.predict(tokens, t, repeated(this.#condition, n))
    const size = length * vocabulary
    if (data.length !== n * size) {
      throw new Error(`the network gave ${data.length} logits, expected [${n}, ${length}, ${vocabulary}]`)
    }
    if (!allFinite(data)) {
      for (let i = 0; i < data.length; i += vocabulary)
        checkLogits(data, i, vocabulary, t[Math.floor(i / size)], length)
    }
    return rows.map((_, k) => data.subarray(k * size, (k + 1) * size))
  }
}

/** One product and sum a number: of an infinite one or a NaN the product with 0 is NaN. */
function allFinite(data: Float32Array): boolean {
  let zero = 0
  for (let i = 0; i < data.length; i++) zero += 0 * data[i]
  return zero === 0
}

function checkLogits(data: Float32Array, from: number, n: number, t: number, length: number): void {
  let max = -Infinity
  for (let v = 0; v < n; v++) {
    if (!(data[from + v] < Infinity)) max = Number.NaN
    else if (data[from + v] > max) max = data[from + v]
  }
  if (max > -Infinity) return
  const position = from / n
  throw new Error(
    `the network gave NaN, Infinity or nothing but -Infinity in row ${Math.floor(position / length)} at time t = ${t}, ` +
      `position ${position % length}`,
  )
}

function repeated(condition: Condition | undefined, n: number): Condition | undefined {
  if (!condition) return undefined
  return Object.fromEntries(
    Object.entries(condition).map(([name, { shape, data }]) => {
      const all = new Float32Array(n * data.length)
      for (let i = 0; i < n; i++) all.set(data, i * data.length)
      return [name, { shape: [n, ...shape.slice(1)], data: all }]
    }),
  )
}
