import { key } from 'espalier/tensor'
import {
  cleanFromScore,
  concreteScore,
  cosine,
  freePrompt,
  geometric,
  logLinear,
  maskedProcess,
  maskOf,
  noiseTokens,
  parseTokenSchedule,
  polynomial,
  shaped,
  stackTokens,
  TokenLaw,
  transition,
  uniformProcess,
} from 'espalier/text'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noisedLaw, randomLaw, statesOf } from './worlds.ts'

const schedules = [logLinear(), logLinear(1e-3), cosine(), polynomial(2), polynomial(0.5), geometric()]

describe('schedules', () => {
  test.each(schedules)('$name: rate is the derivative, timeOf the inverse, and noise grows', (schedule) => {
    let before = schedule.noised(0)
    for (const t of [0.001, 0.1, 0.37, 0.5, 0.8, 0.99]) {
      const slope = (schedule.noised(t + 1e-6) - schedule.noised(t - 1e-6)) / 2e-6
      expect(schedule.rate(t)).toBeCloseTo(slope, 5)
      const noised = schedule.noised(t)
      // A geometric schedule is all noise in float64 near 1: no time is to be found there.
      if (noised < 1 - 1e-9) expect(schedule.timeOf(noised)).toBeCloseTo(t, 6)
      expect(noised).toBeGreaterThanOrEqual(before)
      before = noised
    }
    expect(schedule.noised(1)).toBeLessThanOrEqual(1)
    expect(schedule.noised(1)).toBeGreaterThan(0.998)
  })

  test('are exact near the clean end', () => {
    expect(geometric(1e-12, 20).noised(0)).toBeCloseTo(1e-12, 23)
    expect(cosine().noised(1e-9)).toBeCloseTo((Math.PI / 2) * 1e-9, 22)
  })

  test('come from JSON, or fail in one line', () => {
    expect(parseTokenSchedule({ type: 'log-linear' }).name).toBe('log-linear(0)')
    expect(parseTokenSchedule({ type: 'geometric', smax: 10 }).name).toBe('geometric(0.001,10)')
    expect(() => parseTokenSchedule({ type: 'linear' })).toThrow(/^schedule/)
    expect(() => parseTokenSchedule({ type: 'polynomial', power: -1 })).toThrow('the power is -1')
  })
})

describe('processes', () => {
  test.each([maskedProcess(3, cosine()), uniformProcess(3, cosine())])(
    '$kind: transitions sum to one, and noising follows them',
    (process) => {
      for (const t of [0, 0.3, 1]) {
        const sum = [0, 1, 2, 3].reduce((total, y) => total + transition(process, 1, y, t), 0)
        expect(sum).toBeCloseTo(1, 14)
      }
      const n = 20_000
      const noisy = noiseTokens(process, new Int32Array(n).fill(1), 0.4, key(3))
      for (const y of [0, 1, 2, 3]) {
        const p = transition(process, 1, y, 0.4)
        const share = noisy.filter((token) => token === y).length / n
        expect(Math.abs(share - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / n))
      }
    },
  )
})

describe('laws of sequences', () => {
  const law = randomLaw(1)

  test('indices and tokens are one another', () => {
    for (let i = 0; i < 27; i++) expect(law.index(law.tokens(i))).toBe(i)
    expect(() => new TokenLaw(2, 2, [1, 2, 3])).toThrow('3 probabilities for 2^2 = 4 sequences')
    expect(() => new TokenLaw(2, 1, [1, -1])).toThrow('expected numbers >= 0')
  })

  test.each([maskedProcess(3, cosine()), uniformProcess(3, cosine())])(
    'posteriors are those of Bayes, by the whole joint law ($kind)',
    (process) => {
      const t = 0.6
      const states = statesOf(process.kind === 'masked' ? 4 : 3, 3)
      const noised = noisedLaw(law, process, t)
      for (let i = 0; i < states.count; i++) {
        const tokens = states.tokens(i)
        const posterior = law.posterior(process, tokens, t)
        for (let p = 0; p < 3; p++) {
          for (let v = 0; v < 3; v++) {
            const joint = law.probabilities.reduce((sum, q, k) => {
              const clean = law.tokens(k)
              if (clean[p] !== v) return sum
              return sum + tokens.reduce((product, y, l) => product * transition(process, clean[l], y, t), q)
            }, 0)
            expect(posterior[3 * p + v]).toBeCloseTo(joint / noised[i], 12)
          }
        }
      }
    },
  )

  test('as a model, gives the same in float32, row by row', async () => {
    const process = maskedProcess(3)
    const rows = [Int32Array.of(3, 3, 3), Int32Array.of(2, 3, 0)]
    const { shape, data } = await law.denoiser(process).predict(stackTokens(rows), Float64Array.of(1, 0.3))
    expect(shape).toEqual([2, 3, 3])
    rows.forEach((row, i) => {
      law.posterior(process, row, 0.3).forEach((p, j) => void expect(Math.exp(data[9 * i + j])).toBeCloseTo(p, 6))
    })
  })

  test('answers what cannot be by the uniform law', () => {
    const point = new TokenLaw(2, 2, [1, 0, 0, 0])
    expect(Array.from(point.posterior(maskedProcess(2), [1, 2], 0.5))).toEqual([0.5, 0.5, 0.5, 0.5])
  })

  test('tilts', () => {
    const { law: tilted, logZ } = law.tilt((tokens) => tokens[0], 0.7)
    const z = law.probabilities.reduce((sum, p, i) => sum + p * Math.exp(0.7 * law.tokens(i)[0]), 0)
    expect(logZ).toBeCloseTo(Math.log(z), 12)
    expect(tilted.probabilities[20]).toBeCloseTo((law.probabilities[20] * Math.exp(0.7 * 2)) / z, 12)
    expect(law.tilt(() => -Infinity, 0).law.distance(law)).toBeCloseTo(0, 14)
  })
})

describe('concrete scores', () => {
  const law = randomLaw(4)

  test.each([maskedProcess(3, cosine()), uniformProcess(3, geometric(0.1, 5))])(
    'are ratios of the noised law, and give the clean law back ($kind)',
    (process) => {
      const t = 0.55
      const masked = process.kind === 'masked'
      const states = statesOf(masked ? 4 : 3, 3)
      const noised = noisedLaw(law, process, t)
      for (let i = 0; i < states.count; i++) {
        const tokens = states.tokens(i)
        const posterior = law.posterior(process, tokens, t)
        for (let p = 0; p < 3; p++) {
          const clean = posterior.slice(3 * p, 3 * p + 3)
          const score = concreteScore(process, tokens[p], clean, t)
          // A known token of a masked process has one neighbour alone, the mask.
          const reached = masked ? (tokens[p] === maskOf(process) ? [0, 1, 2] : [maskOf(process)]) : [0, 1, 2]
          for (const y of reached) {
            const ratio = noised[states.index(tokens.with(p, y))] / noised[i]
            // Masked: p_t(mask, rest) / p_t(x, rest) is (1 - alpha) / (alpha mu) in full; SEDD leaves 1 / mu out.
            if (masked && y === maskOf(process) && tokens[p] !== y) continue
            expect(score[y]).toBeCloseTo(ratio, 11)
          }
          const back = cleanFromScore(process, tokens[p], score, t)
          back.forEach((q, v) => void expect(q).toBeCloseTo(clean[v], 11))
        }
      }
    },
  )

  test('round trip at any token and law', () => {
    const weight = fc.double({ min: 1e-3, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(weight, { minLength: 4, maxLength: 4 }),
        fc.nat(3),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        (w, token, t) => {
          const process = uniformProcess(4)
          const sum = w.reduce((a, b) => a + b)
          const clean = w.map((x) => x / sum)
          const back = cleanFromScore(process, token, concreteScore(process, token, clean, t), t)
          return back.every((q, v) => Math.abs(q - clean[v]) < 1e-9)
        },
      ),
    )
  })
})

describe('sharpened predictions', () => {
  const fixed = (logits: number[]) => ({
    process: maskedProcess(logits.length),
    context: 1,
    timeFree: true,
    predict: async () => ({ shape: [1, 1, logits.length], data: Float32Array.from(logits) }),
  })
  const ask = async (model: ReturnType<typeof shaped>) => {
    const { data } = await model.predict(stackTokens([freePrompt(model, 1)]), Float64Array.of(1))
    return Array.from(data)
  }

  test('temperature divides, and the nucleus keeps the fewest tokens that reach the share', async () => {
    const logits = [0.1, 0.5, 0.25, 0.15].map(Math.log)
    expect(await ask(shaped(fixed(logits), { temperature: 0.5 }))).toEqual(
      Array.from(Float32Array.from(logits, (l) => l * 2)),
    )
    const kept = async (nucleus: number) => (await ask(shaped(fixed(logits), { nucleus }))).map((l) => l > -Infinity)
    expect(await kept(0.49)).toEqual([false, true, false, false])
    expect(await kept(0.6)).toEqual([false, true, true, false])
    expect(await kept(0.8)).toEqual([false, true, true, true])
    expect(await kept(1)).toEqual([true, true, true, true])
    expect(() => shaped(fixed(logits), { nucleus: 0 })).toThrow('expected a share in (0, 1]')
    expect(() => shaped(fixed(logits), { temperature: 0 })).toThrow('expected a number above 0')
  })
})
