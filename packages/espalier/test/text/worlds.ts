import { fold, key, purpose, stream } from 'espalier/tensor'
import {
  type KernelFamily,
  maskOf,
  type TokenKernel,
  TokenLaw,
  type TokenProcess,
  type TokenState,
  transition,
} from 'espalier/text'

/** A random law of sequences whose tokens depend on one another strongly: exponents of normals. */
export function randomLaw(seed: number, vocabulary = 3, length = 3, spread = 1.5): TokenLaw {
  const draws = stream(purpose(key(seed), 'law'))
  return new TokenLaw(
    vocabulary,
    length,
    Float64Array.from({ length: vocabulary ** length }, () => Math.exp(spread * draws.normal())),
  )
}

/** Sequences of `base` symbols, as numbers and back: states of a process, the mask among them. */
export function statesOf(base: number, length: number) {
  const count = base ** length
  const tokens = (index: number) => {
    const out = new Int32Array(length)
    for (let p = length - 1, rest = index; p >= 0; p--, rest = Math.floor(rest / base)) out[p] = rest % base
    return out
  }
  const index = (row: ArrayLike<number>) => {
    let out = 0
    for (let p = 0; p < length; p++) out = out * base + row[p]
    return out
  }
  return { count, tokens, index }
}

/**
 * The law over clean sequences of a kernel's run down the times, with the law's own posteriors for a network: by
 * enumeration of every state, in float64. Where the last step can leave masks they are drawn from their clean law.
 */
export function kernelLaw(law: TokenLaw, process: TokenProcess, family: KernelFamily, times: readonly number[]) {
  const masked = process.kind === 'masked'
  const { states, here } = kernelStates(law, process, family, times)
  const clean = new Float64Array(law.probabilities.length)
  const last = times.at(-1) as number
  here.forEach((p, i) => {
    if (p === 0) return
    const tokens = states.tokens(i)
    const posterior = law.posterior(process, tokens, last)
    const exact = masked ? undefined : process.schedule.noised(last) === 0
    spread(
      law.length,
      law.vocabulary,
      (position, out) => {
        const own = tokens[position]
        for (let v = 0; v < law.vocabulary; v++) {
          const known = masked ? own !== maskOf(process) : exact
          out[v] = known ? (v === own ? 1 : 0) : posterior[position * law.vocabulary + v]
        }
      },
      (row, q) => void (clean[law.index(row)] += p * q),
    )
  })
  return clean
}

/** The law of a kernel's run over the states of the process at the last time. */
export function kernelStates(law: TokenLaw, process: TokenProcess, family: KernelFamily, times: readonly number[]) {
  const masked = process.kind === 'masked'
  const states = statesOf(law.vocabulary + (masked ? 1 : 0), law.length)
  const kernel = family(process)
  let here = new Float64Array(states.count)
  if (masked) here[states.index(new Int32Array(law.length).fill(maskOf(process)))] = 1
  else here.fill(1 / states.count)
  const known = new Map<number, Float64Array>()
  const posterior = (tokens: Int32Array, t: number) => {
    if (!masked) return law.posterior(process, tokens, t)
    const index = states.index(tokens)
    const found = known.get(index) ?? law.posterior(process, tokens, t)
    known.set(index, found)
    return found
  }
  for (let i = 0; i + 1 < times.length; i++) {
    here = stepLaw(law, kernel, states, here, times[i], times[i + 1], posterior)
  }
  return { states, here }
}

/** The law over noised states at a time, exactly: `sum_x0 p(x0) p(x_t | x0)`. */
export function noisedLaw(law: TokenLaw, process: TokenProcess, t: number): Float64Array {
  const states = statesOf(law.vocabulary + (process.kind === 'masked' ? 1 : 0), law.length)
  return Float64Array.from({ length: states.count }, (_, i) => {
    const tokens = states.tokens(i)
    return law.probabilities.reduce((sum, p, k) => {
      const clean = law.tokens(k)
      return sum + tokens.reduce((product, token, l) => product * transition(process, clean[l], token, t), p)
    }, 0)
  })
}

export const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, p, i) => sum + Math.abs(p - b[i]) / 2, 0)

/** Every row that positions drawn on their own can give, with its probability. */
export function spread(
  length: number,
  symbols: number,
  lawAt: (position: number, out: Float64Array) => void,
  give: (row: Int32Array, probability: number) => void,
) {
  const laws = Array.from({ length }, (_, p) => {
    const out = new Float64Array(symbols)
    lawAt(p, out)
    return out
  })
  const row = new Int32Array(length)
  const fill = (position: number, probability: number) => {
    if (probability === 0) return
    if (position === length) return give(row, probability)
    for (let v = 0; v < symbols; v++) {
      row[position] = v
      fill(position + 1, probability * laws[position][v])
    }
  }
  fill(0, 1)
}

function stepLaw(
  law: TokenLaw,
  { process, stages }: TokenKernel,
  states: ReturnType<typeof statesOf>,
  here: Float64Array,
  t: number,
  s: number,
  posteriorAt: (tokens: Int32Array, t: number) => Float64Array,
): Float64Array<ArrayBuffer> {
  const { vocabulary, length } = law
  const next = new Float64Array(here.length)
  const symbols = vocabulary + (process.kind === 'masked' ? 1 : 0)
  const out = new Float64Array(vocabulary + 1)
  const walk = (stage: number, start: Int32Array, asked: Int32Array[], clean: Float64Array[], weight: number) => {
    if (stage === stages.length) return void (next[states.index(asked[0])] += weight)
    const posterior = posteriorAt(asked[0], stages[stage].asks(t, s))
    const all = [posterior, ...clean]
    const positions = asked.map((row) => row.slice())
    spread(
      length,
      symbols,
      (p, to) => {
        const at = all.map((of) => of.subarray(p * vocabulary, (p + 1) * vocabulary))
        stages[stage].law(
          positions.map((row) => row[p]),
          at,
          t,
          s,
          out,
        )
        for (let v = 0; v < symbols; v++) to[v] = out[v]
      },
      (row, q) => walk(stage + 1, start, [row.slice(), ...positions], all, weight * q),
    )
  }
  here.forEach((weight, i) => {
    if (weight > 0) {
      const tokens = states.tokens(i)
      walk(0, tokens, [tokens], [], weight)
    }
  })
  return next
}

/** The law of first hitting with so many positions a call, by enumeration. */
export function firstHittingLaw(law: TokenLaw, process: TokenProcess, groups: readonly number[]): Float64Array {
  const states = statesOf(law.vocabulary + 1, law.length)
  const mask = maskOf(process)
  let here = new Float64Array(states.count)
  here[states.index(new Int32Array(law.length).fill(mask))] = 1
  for (const group of groups) {
    const next = new Float64Array(states.count)
    here.forEach((weight, i) => {
      if (weight === 0) return
      const tokens = states.tokens(i)
      const open = Array.from(tokens.keys()).filter((p) => tokens[p] === mask)
      const posterior = law.posterior(process, tokens, 0)
      const sets = subsets(open, group)
      for (const chosen of sets) {
        spread(
          law.length,
          law.vocabulary + 1,
          (p, out) => {
            if (chosen.includes(p)) for (let v = 0; v < law.vocabulary; v++) out[v] = posterior[p * law.vocabulary + v]
            else out[tokens[p]] = 1
          },
          (row, q) => void (next[states.index(row)] += (weight * q) / sets.length),
        )
      }
    })
    here = next
  }
  return law.probabilities.map((_, i) => here[states.index(law.tokens(i))])
}

function subsets(items: readonly number[], size: number): number[][] {
  if (size === 0) return [[]]
  return items.flatMap((item, i) => subsets(items.slice(i + 1), size - 1).map((rest) => [item, ...rest]))
}

/** Shares of the sequences in a table. */
export function histogram(law: TokenLaw, rows: readonly Int32Array[]): Float64Array {
  const out = new Float64Array(law.probabilities.length)
  for (const row of rows) out[law.index(row)] += 1 / rows.length
  return out
}

/** `sum (observed - n p)^2 / (n p)`, about as large as the table minus one where the rows are draws from p. */
export function chiSquare(expected: ArrayLike<number>, observed: ArrayLike<number>, n: number): number {
  let sum = 0
  for (let i = 0; i < expected.length; i++) {
    if (expected[i] > 0) sum += (n * (observed[i] - expected[i]) ** 2) / expected[i]
    else if (observed[i] > 0) return Infinity
  }
  return sum
}

/** 5 standard deviations above the mean of chi-square. */
export const chiSquareBound = (cells: number) => cells - 1 + 5 * Math.sqrt(2 * (cells - 1))

export const allMasked = (process: TokenProcess, length: number): TokenState => ({
  tokens: new Int32Array(length).fill(maskOf(process)),
  time: 1,
})

export const keysOf = (seed: number, n: number) => Array.from({ length: n }, (_, i) => fold(key(seed), i))
