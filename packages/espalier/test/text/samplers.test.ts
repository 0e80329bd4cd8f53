import {
  ancestral,
  confidenceOrdered,
  cosine,
  evenTimes,
  firstHitting,
  type KernelFamily,
  kernelSampler,
  logLinear,
  maskedProcess,
  polynomial,
  remasking,
  sampleTokens,
  type TokenDenoiser,
  TokenLaw,
  type TokenSolver,
  type TokenState,
  tauLeaping,
  thetaTrapezoidal,
  tokenEuler,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { chiSquare, chiSquareBound, firstHittingLaw, histogram, kernelLaw, keysOf, randomLaw } from './worlds.ts'

const law = randomLaw(1)
const masked = maskedProcess(3)
const denoiser = law.denoiser(masked)
const draw = async (sampler: TokenSolver, count = 4000, model = denoiser, seed = 1) =>
  sampleTokens({ denoiser: model, sampler, count, seed })

describe('draws follow the enumerated law', () => {
  const cases: readonly [string, KernelFamily, number][] = [
    ['ancestral', ancestral, 3],
    ['euler on a cosine', tokenEuler, 4],
    ['tau-leaping', tauLeaping, 2],
    ['theta-trapezoidal', thetaTrapezoidal(0.4), 2],
    ['remasking', remasking({ eta: 0.7 }), 4],
  ]
  test.each(cases)('%s', async (name, family, steps) => {
    const process = name.includes('cosine') ? maskedProcess(3, cosine()) : masked
    const expected = kernelLaw(law, process, family, evenTimes(steps))
    const { tokens } = await draw(kernelSampler(family, { steps }), 4000, law.denoiser(process))
    expect(chiSquare(expected, histogram(law, tokens), 4000)).toBeLessThan(chiSquareBound(27))
    // The test tells it from the exact law.
    expect(chiSquare(law.probabilities, histogram(law, tokens), 4000)).toBeGreaterThan(3 * chiSquareBound(27))
  })

  test('uniform rates', async () => {
    const small = randomLaw(2, 3, 2)
    const process = uniformProcess(3, logLinear(1e-2))
    for (const family of [ancestral, tokenEuler]) {
      const expected = kernelLaw(small, process, family, evenTimes(3))
      const { tokens, nfe } = await draw(kernelSampler(family, { steps: 3 }), 4000, small.denoiser(process))
      expect(chiSquare(expected, histogram(small, tokens), 4000)).toBeLessThan(chiSquareBound(9))
      expect(nfe).toBe(12_000)
    }
  })

  test('first hitting: exactly the law of the model, in as many calls as there are tokens', async () => {
    const { tokens, nfe } = await draw(firstHitting())
    expect(chiSquare(law.probabilities, histogram(law, tokens), 4000)).toBeLessThan(chiSquareBound(27))
    // The first call is one row: all sequences begin as the same one.
    expect(nfe).toBe(1 + 2 * 4000)
    const groups = await draw(firstHitting({ calls: 2 }))
    const expected = firstHittingLaw(law, masked, [2, 1])
    expect(chiSquare(expected, histogram(law, groups.tokens), 4000)).toBeLessThan(chiSquareBound(27))
  })

  test('a model that is told the time gets the time of the hit', async () => {
    // Its clean law is exact at the time of the hit alone: p(token 1) = t at a mask, so the mean over hits is E[tau].
    const process = maskedProcess(2, polynomial(2))
    const clock: TokenDenoiser = {
      process,
      context: 1,
      timeFree: false,
      predict: async ({ shape: [n] }, t) => ({
        shape: [n, 1, 2],
        data: Float32Array.from({ length: 2 * n }, (_, i) => Math.log(i % 2 === 0 ? 1 - t[i >> 1] : t[i >> 1])),
      }),
    }
    const { tokens } = await draw(firstHitting(), 6000, clock)
    const ones = tokens.filter(([token]) => token === 1).length / 6000
    // noised(tau) is uniform, tau = sqrt(u): 2/3 on average.
    expect(Math.abs(ones - 2 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / 6000))
  })
})

describe('first hitting', () => {
  test('the share that is known after k hops is Beta(k, L - k + 1)', async () => {
    const L = 6
    const process = maskedProcess(2, cosine())
    const prompt = new Int32Array(L).fill(2)
    const sampler = firstHitting()({ process, timeFree: true, prompt })
    const n = 3000
    const keys = keysOf(5, n)
    const logits = new Float32Array(2 * L)
    let states: TokenState[] = sampler.start(keys)
    for (let k = 1; k <= L; k++) {
      states = await sampler.step(states, k - 1, keys, async (rows) => rows.map(() => logits))
      const known = states.map(({ time }) => 1 - process.schedule.noised(time))
      const mean = known.reduce((a, b) => a + b) / n
      const variance = known.reduce((sum, a) => sum + (a - mean) ** 2, 0) / n
      const exact = (k * (L - k + 1)) / ((L + 1) ** 2 * (L + 2))
      expect(Math.abs(mean - k / (L + 1))).toBeLessThan(5 * Math.sqrt(exact / n))
      expect(variance / exact).toBeGreaterThan(0.85)
      expect(variance / exact).toBeLessThan(1.15)
      expect(states[0].tokens.filter((token) => token === 2).length).toBe(L - k)
    }
  })

  /** A chain whose tokens mostly repeat the last one. */
  const sticky = (stay: number) =>
    new TokenLaw(
      2,
      6,
      Float64Array.from({ length: 64 }, (_, i) => {
        const turns = (i ^ (i >> 1)) & 31
        return [0, 1, 2, 3, 4].reduce((p, bit) => p * ((turns >> bit) & 1 ? 1 - stay : stay), 0.5)
      }),
    )

  test.each([
    // In groups of one position there is nothing to extrapolate: hence two calls alone for four tokens.
    ['of repeats', sticky(0.75)],
    ['at random', randomLaw(1, 2, 6, 1.2)],
    ['of three values', randomLaw(2, 3, 4, 1.2)],
  ])('order 2 comes closer to a law %s than order 1, in as many calls', async (_, world) => {
    const model = world.denoiser(maskedProcess(world.vocabulary))
    for (const calls of world.length === 6 ? [2, 3] : [2]) {
      const one = await draw(firstHitting({ calls }), 6000, model)
      const two = await draw(firstHitting({ calls, order: 2 }), 6000, model)
      expect(two.nfe).toBe(one.nfe)
      const [a, b] = [one, two].map(({ tokens }) => world.distance(histogram(world, tokens)))
      expect(b).toBeLessThan(0.9 * a)
    }
  })

  describe('corrected', () => {
    /** The exact law of every token given all others, of known tokens too. */
    const leaveOneOut = (world: TokenLaw): TokenDenoiser => {
      const { vocabulary: V, length: L } = world
      const process = maskedProcess(V)
      const known = new Map<string, Float64Array>()
      const answer = (tokens: Int32Array) => {
        const name = tokens.join()
        const found = known.get(name)
        if (found) return found
        const out = new Float64Array(L * V)
        for (let l = 0; l < L; l++) {
          const others = tokens.map((token, p) => (p === l ? V : token))
          out.set(world.posterior(process, others, 0).subarray(l * V, (l + 1) * V), l * V)
        }
        known.set(name, out)
        return out
      }
      return {
        ...world.denoiser(process),
        predict: async ({ shape: [n], data }) => ({
          shape: [n, L, V],
          data: Float32Array.from(
            Array.from({ length: n }, (_, i) => [...answer(data.subarray(i * L, (i + 1) * L))]).flat(),
            Math.log,
          ),
        }),
      }
    }
    const run = async (world: TokenLaw, options: Parameters<typeof firstHitting>[0]) => {
      const { tokens, nfe } = await draw(firstHitting(options), 6000, leaveOneOut(world))
      return {
        gap: world.distance(histogram(world, tokens)),
        chi: chiSquare(world.probabilities, histogram(world, tokens), 6000),
        nfe,
      }
    }

    test('with one position a call changes nothing: the first hit of a group is never drawn again', async () => {
      const world = randomLaw(1, 2, 4, 1.2)
      const { chi, nfe } = await run(world, { correct: true })
      expect(chi).toBeLessThan(chiSquareBound(16))
      expect(nfe).toBe(1 + 3 * 6000)
    })

    test('helps where tokens nearly copy one another, harms elsewhere, and order 2 is better', async () => {
      const near = { calls: 3 }
      const copies = sticky(0.95)
      const [plain, corrected] = [await run(copies, near), await run(copies, { ...near, correct: true })]
      expect(corrected.nfe).toBe(plain.nfe)
      expect(corrected.gap).toBeLessThan(plain.gap)
      const random = randomLaw(1, 2, 6, 1.2)
      const [one, two, other] = [
        await run(random, near),
        await run(random, { ...near, order: 2 }),
        await run(random, { ...near, correct: true }),
      ]
      expect(other.gap).toBeGreaterThan(1.2 * one.gap)
      expect(two.gap).toBeLessThan(one.gap)
    })

    test('does not go with order 2 or drafts, and cannot be branched', async () => {
      await expect(draw(firstHitting({ correct: true, order: 2 }))).rejects.toThrow(
        'corrects at order 1, without drafts',
      )
      const task = { process: masked, timeFree: true, prompt: new Int32Array(3).fill(3) }
      expect(firstHitting({ correct: true })(task).remembers).toBe(true)
    })
  })

  test('refuses groups that do not fit, and a uniform process', async () => {
    await expect(draw(firstHitting({ groups: [2, 2] }))).rejects.toThrow(
      'groups [2, 2] of 4 positions, the sequence has 3 free ones',
    )
    await expect(draw(firstHitting({ calls: 0 }))).rejects.toThrow('0 calls for 3 free positions')
    const model = law.denoiser(uniformProcess(3))
    await expect(draw(firstHitting(), 2, model)).rejects.toThrow('is for masked processes')
    await expect(draw(confidenceOrdered(), 2, model)).rejects.toThrow('is for masked processes')
  })
})

describe('network evaluations', () => {
  test('ancestral rows ask where something moves alone: N (1 - (1 - 1/N)^L) on average', async () => {
    const count = 3000
    for (const steps of [4, 20]) {
      const { nfe } = await draw(kernelSampler(ancestral, { steps }), count)
      const each = 1 - (1 - 1 / steps) ** 3
      // All rows share the first state, so what is asked of it is one row: steps of rows in which nothing has moved
      // yet.
      const shared = 1
      const beyond = steps * each - 1
      expect(Math.abs((nfe - shared) / count - beyond)).toBeLessThan(0.05)
    }
  })

  test('as the closed form says: 13.81 of 50 steps over 16 tokens', async () => {
    const flat: TokenDenoiser = {
      process: maskedProcess(2),
      context: 16,
      timeFree: true,
      predict: async ({ shape: [n, length] }) => ({ shape: [n, length, 2], data: new Float32Array(2 * n * length) }),
    }
    // All rows begin as one state, which is asked of once.
    const count = 1500
    const { nfe } = await draw(kernelSampler(ancestral, { steps: 50 }), count, flat)
    const expected = 50 * (1 - (1 - 1 / 50) ** 16)
    expect(expected).toBeCloseTo(13.81, 2)
    expect(Math.abs((nfe - 1) / count + 1 - expected)).toBeLessThan(0.15)
  })

  test('Gumbel draws ask of every state, and once of the same', async () => {
    const sampler = kernelSampler(ancestral, { steps: 40, gumbels: { bits: 52 } })
    const { nfe, tokens } = await draw(sampler, 500)
    // Three tokens fall in three or fewer changes: the states between, less the first, which is one row for all.
    expect(nfe).toBeLessThan(1 + 2 * 500)
    expect(tokens.every((row) => row.every((token) => token < 3))).toBe(true)
  })

  test('two-stage kernels ask of a state once, and of finished rows never', async () => {
    const few = await draw(kernelSampler(thetaTrapezoidal(), { steps: 60 }), 300)
    // The states of a row: none known (one for all), one, two.
    expect(few.nfe).toBeLessThanOrEqual(1 + 2 * 300)
  })

  test('kernels that leave masks at the end are charged a last call; others are not', () => {
    const task = { process: masked, timeFree: true, prompt: new Int32Array(3).fill(3) }
    expect(kernelSampler(ancestral, { steps: 5 })(task).steps).toBe(5)
    expect(kernelSampler(tauLeaping, { steps: 5 })(task).steps).toBe(6)
    expect(kernelSampler(thetaTrapezoidal(), { steps: 5 })(task).cost(0)).toBe(2)
    expect(kernelSampler(ancestral, { times: [1, 0.5, 0.1] })(task).steps).toBe(3)
    expect(kernelSampler(ancestral, { times: [1, 0.5, 0.1], removal: 'none' })(task).steps).toBe(2)
    expect(() => kernelSampler(ancestral, { times: [0, 1] })(task)).toThrow('times that fall from 1 to 0')
    expect(() => kernelSampler(ancestral, {})(task)).toThrow('NaN steps')
  })
})

describe('prompts', () => {
  test('an infill is drawn from the law given its fixed tokens', async () => {
    const { tokens } = await sampleTokens({
      denoiser,
      sampler: firstHitting(),
      count: 4000,
      seed: 2,
      prompt: [3, 1, 3],
    })
    expect(tokens.every((row) => row[1] === 1)).toBe(true)
    const given = new TokenLaw(
      3,
      3,
      law.probabilities.map((p, i) => (law.tokens(i)[1] === 1 ? p : 0)),
    )
    expect(chiSquare(given.probabilities, histogram(law, tokens), 4000)).toBeLessThan(chiSquareBound(9))
  })

  test('a prefix is kept by every sampler, remasking included', async () => {
    const samplers = [
      kernelSampler(remasking(), { steps: 6 }),
      kernelSampler(thetaTrapezoidal(), { steps: 3 }),
      confidenceOrdered({ calls: 2 }),
      firstHitting({ calls: 2, order: 2 }),
    ]
    for (const sampler of samplers) {
      const { tokens } = await sampleTokens({ denoiser, sampler, count: 40, seed: 3, prompt: [2, 0], length: 3 })
      expect(tokens.every(([a, b, c]) => a === 2 && b === 0 && c >= 0 && c < 3)).toBe(true)
    }
  })

  test('that do not fit are refused, and nothing to fill costs nothing', async () => {
    const ask = (options: object) => sampleTokens({ denoiser, sampler: firstHitting(), count: 1, seed: 1, ...options })
    await expect(ask({ prompt: [7] })).rejects.toThrow('token 0 of the prompt is 7, expected 0 to 3 (the mask)')
    await expect(ask({ prompt: [0.5] })).rejects.toThrow('token 0 of the prompt is 0.5, expected a whole number')
    await expect(ask({ prompt: [0, 0, 0, 3] })).rejects.toThrow('a sequence of 4 tokens, the model takes 1 to 3')
    await expect(ask({ prompt: [0, 1], length: 1 })).rejects.toThrow(
      'a prompt of 2 tokens does not fit a sequence of 1',
    )
    await expect(ask({ count: 0 })).rejects.toThrow('0 sequences')
    await expect(ask({ denoiser: law.denoiser(uniformProcess(3)), prompt: [1, 3, 3] })).rejects.toThrow(
      'a uniform process cannot keep prompt tokens',
    )
    expect(await ask({ prompt: [0, 1, 2] })).toEqual({ tokens: [Int32Array.of(0, 1, 2)], nfe: 0, stopped: 'done' })
  })
})

describe('runs', () => {
  test('a row is a function of seed and number alone, whatever the batch', async () => {
    for (const sampler of [
      firstHitting({ calls: 2, order: 2 }),
      kernelSampler(remasking(), { steps: 5 }),
      kernelSampler(thetaTrapezoidal(), { steps: 3 }),
    ]) {
      const [few, many] = [await draw(sampler, 3), await draw(sampler, 20)]
      few.tokens.forEach((row, i) => void expect(row).toEqual(many.tokens[i]))
      const other = await draw(sampler, 20, denoiser, 2)
      expect(other.tokens).not.toEqual(many.tokens)
    }
  })

  test('report every step, stop when told to, and stop at NaN with step, row, time and position', async () => {
    const seen: number[] = []
    const stop = new AbortController()
    const result = await sampleTokens({
      ...{ denoiser, sampler: firstHitting(), count: 2, seed: 1, signal: stop.signal },
      onStep: ({ step, steps, nfe, tokens }) => {
        expect(steps).toBe(3)
        expect(tokens[0].filter((token) => token === 3).length).toBe(3 - step)
        seen.push(nfe)
        if (step === 2) stop.abort()
      },
    })
    expect(result.stopped).toBe('signal')
    expect(seen).toEqual([1, 3])
    const broken: TokenDenoiser = {
      ...denoiser,
      async predict(tokens, t) {
        const logits = await denoiser.predict(tokens, t)
        if (tokens.data.some((token) => token < 3)) logits.data[9 + 4] = Number.NaN
        return logits
      },
    }
    await expect(draw(firstHitting(), 2, broken)).rejects.toThrow(
      /^step 1 of 3: the network gave NaN.* in row 1 at time t = 0\.\d+, position 1$/,
    )
  })

  test('confidence-ordered decoding prefers what is certain: its entropy is below that of the law', async () => {
    const { tokens, nfe } = await draw(confidenceOrdered())
    expect(nfe).toBe(1 + 2 * 4000)
    const greedy = histogram(law, tokens)
    const entropy = (p: ArrayLike<number>) => Array.from(p).reduce((sum, q) => (q > 0 ? sum - q * Math.log(q) : sum), 0)
    expect(entropy(greedy)).toBeLessThan(law.entropy() - 0.1)
    const likeliest = await draw(confidenceOrdered({ token: 'argmax' }), 10)
    expect(new Set(likeliest.tokens.map(String)).size).toBe(1)
  })

  test('confidence-ordered decoding with a noisy choice goes in other orders', async () => {
    // From the left 1 then 1 is the likeliest, from the right 0 then 0.
    const model = new TokenLaw(2, 2, [0.4, 0.05, 0.25, 0.3]).denoiser(maskedProcess(2))
    const certain = await draw(confidenceOrdered({ token: 'argmax' }), 20, model)
    expect(new Set(certain.tokens.map(String))).toEqual(new Set(['0,0']))
    const noisy = await draw(confidenceOrdered({ token: 'argmax', choice: 3 }), 100, model)
    expect(new Set(noisy.tokens.map(String))).toEqual(new Set(['0,0', '1,1']))
  })
})
