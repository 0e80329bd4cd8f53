/** What a sampler asks of its network: in theory, by counting, and by the clock. */

import { maskedProcess, sampleTokens, type TokenDenoiser, type TokenSolver } from 'espalier/text'

/**
 * Calls of a batch of ancestral rows on N even steps of the linear schedule, with a cache for the whole batch: a step asks
 * where any of the `free` masks of the batch falls (Zheng et al. 2024, section 3.3). Of one row it is the NFE of that row.
 */
export function expectedCalls(steps: number, free: number): number {
  return steps * -Math.expm1(free * Math.log1p(-1 / steps))
}

/** A network that knows nothing: when masks fall does not depend on what the network says, so counts need no other. */
export function blankDenoiser(length: number): TokenDenoiser {
  return {
    process: maskedProcess(2),
    context: length,
    timeFree: true,
    predict: async ({ shape: [n] }) => ({ shape: [n, length, 2], data: new Float32Array(n * length * 2) }),
  }
}

/** NFE a sequence of a batch, and the steps in which any of its sequences changes. */
export async function counted(sampler: TokenSolver, length: number, batch: number, seed = 1) {
  let before: readonly Int32Array[] = []
  let changes = 0
  const { nfe } = await sampleTokens({
    ...{ denoiser: blankDenoiser(length), sampler, count: batch, seed },
    onStep({ tokens }) {
      const known = (row: Int32Array) => row.some((token) => token < 2)
      if (tokens.some((row, i) => (before.length > 0 ? row !== before[i] : known(row)))) changes++
      before = tokens
    },
  })
  return { nfe: nfe / batch, changes }
}

/** Steps at which a sampler spends as many NFE as `nfe`, or as near as whole steps come; at most `most`. */
export async function stepsFor(
  nfe: number,
  sampler: (steps: number) => TokenSolver,
  { length, batch, most }: { readonly length: number; readonly batch: number; readonly most: number },
): Promise<number> {
  const spent = async (steps: number) => (await counted(sampler(steps), length, batch)).nfe
  let [low, high] = [1, most]
  if ((await spent(most)) <= nfe) return most
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((await spent(middle)) <= nfe) low = middle
    else high = middle
  }
  return nfe - (await spent(low)) <= (await spent(high)) - nfe ? low : high
}

/** Every call asks all rows of a batch again, as samplers do that keep one cache for the batch. */
export function wholeBatches(denoiser: TokenDenoiser, batch: number): TokenDenoiser {
  return {
    ...denoiser,
    async predict(tokens, t, condition) {
      const [n, length] = tokens.shape
      if (n >= batch) return denoiser.predict(tokens, t, condition)
      const data = new Int32Array(batch * length)
      for (let row = 0; row < batch; row++) {
        data.set(tokens.data.subarray((row % n) * length, ((row % n) + 1) * length), row * length)
      }
      const times = Float64Array.from({ length: batch }, (_, row) => t[row % n])
      const logits = await denoiser.predict({ shape: [batch, length], data }, times, condition)
      const { vocabulary } = denoiser.process
      return { shape: [n, length, vocabulary], data: logits.data.subarray(0, n * length * vocabulary) }
    },
  }
}

/** The same network as one that is told the time: nothing that it said is remembered for the next step. */
export const uncached = (denoiser: TokenDenoiser): TokenDenoiser => ({ ...denoiser, timeFree: false })
