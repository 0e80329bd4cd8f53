import {
  ancestral,
  concreteScore,
  cosine,
  evenTimes,
  geometric,
  kernelSampler,
  logLinear,
  maskedProcess,
  profiledSampler,
  sampleTokens,
  scaledKernel,
  type TokenProcess,
  tokenEuler,
  uniformProcess,
} from 'espalier/text'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chain } from './lsd-world.ts'

const processes = [
  maskedProcess(3),
  maskedProcess(3, cosine()),
  uniformProcess(3, geometric(1e-3, 20)),
  uniformProcess(3, cosine()),
  uniformProcess(3, logLinear(1e-2)),
]
const kernels = ['euler', 'tweedie'] as const
const variants = ['lsd-score', 'lsd-log'] as const
const cases = processes.flatMap((process) =>
  kernels.flatMap((kernel) => variants.map((variant) => ({ process, kernel, variant }))),
)
const named = cases.map(
  (one) => [`${one.process.kind} ${one.process.schedule.name} ${one.kernel} ${one.variant}`, one] as const,
)

describe('a step with a factor', () => {
  test.each(named)(
    'of 1 is the plain step bit for bit, in as many calls: %s',
    async (_, { process, kernel, variant }) => {
      const times = evenTimes(4)
      const denoiser = chain(4).denoiser(process)
      const run = (sampler: ReturnType<typeof profiledSampler>) =>
        sampleTokens({ denoiser, sampler, count: 40, seed: 2 })
      const plain = kernelSampler(kernel === 'euler' ? tokenEuler : ancestral, { times })
      const profile = { times, factors: [1, 1, 1, 1], kernel, variant }
      expect(await run(profiledSampler(profile))).toEqual(await run(plain))
      // A factor that is not 1 is another sampler.
      const other = await run(profiledSampler({ ...profile, factors: [1, 0.3, 0.3, 0.3] }))
      expect(other.tokens).not.toEqual((await run(plain)).tokens)
    },
  )

  test.each(named)(
    'in [0, 3] is a law, and agrees with what it says of staying: %s',
    (_, { process, kernel, variant }) => {
      const mask = process.kind === 'masked' ? 3 : 2
      const unit = fc.double({ min: 0, max: 1, noNaN: true })
      const time = fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000)
      fc.assert(
        fc.property(
          fc.double({ min: 0, max: 3, noNaN: true }),
          fc.tuple(time, time).filter(([a, b]) => a !== b),
          fc.tuple(unit, unit, unit).filter((mu) => Math.max(...mu) > 1e-3),
          fc.constantFrom(0, mask),
          (factor, pair, weights, token) => {
            const [s, t] = [...pair].sort((a, b) => a - b)
            const total = weights.reduce((a, b) => a + b)
            const out = new Float64Array(4).fill(9)
            const [stage] = scaledKernel({ kernel, variant, factor: () => factor })(process).stages
            stage.law([token], [weights.map((w) => w / total)], t, s, out)
            expect(out.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
            expect(Math.min(...out)).toBeGreaterThanOrEqual(0)
            const stays = stage.stay(token, t, s)
            if (stays !== undefined) expect(out[token]).toBeCloseTo(stays, 12)
          },
        ),
      )
    },
  )

  // Both by exp(-c Q) s and exp(c Q), or h sigma Q s, as matrices over V + 1 symbols.
  test.each(named)('is that of the bent score, in matrices: %s', (_, { process, kernel, variant }) => {
    const mu = [0.2, 0.7, 0.1]
    for (const [t, s] of [
      [0.8, 0.55],
      [0.4, 0.35],
    ]) {
      for (const factor of [0.6, 1, 1.2]) {
        const token = process.kind === 'masked' ? 3 : 1
        const out = new Float64Array(4)
        scaledKernel({ kernel, variant, factor: () => factor })(process).stages[0].law([token], [mu], t, s, out)
        const expected = byMatrices(process, kernel, variant, token, mu, factor, t, s)
        expected.forEach((p, y) => void expect(out[y]).toBeCloseTo(p, 11))
      }
    }
  })
})

function byMatrices(
  process: TokenProcess,
  kernel: (typeof kernels)[number],
  variant: (typeof variants)[number],
  x: number,
  mu: number[],
  factor: number,
  t: number,
  s: number,
): number[] {
  const { kind, schedule } = process
  const n = kind === 'masked' ? 4 : 3
  const each = Array.from({ length: n }, (_, i) => i)
  const score = each.map((y) => {
    const plain = concreteScore(process, x, mu, t)[y]
    return y === x ? 1 : variant === 'lsd-score' ? factor * plain : plain ** factor
  })
  // Q^2 = -Q for both processes, so exp(c Q) = I + (1 - exp(-c)) Q.
  const Q = each.map((i) => each.map((j) => (kind === 'masked' ? Number(j === 3) : 1 / 3) - Number(i === j)))
  const alpha = (time: number) => 1 - schedule.noised(time)
  let law: number[]
  if (kernel === 'euler') {
    law = each.map((y) => ((y === x ? 0 : 1) * (t - s) * schedule.rate(t) * Q[y][x] * score[y]) / alpha(t))
    const total = law.reduce((a, b) => a + b)
    law = law.map((p) => p * (total > 1 ? 1 / total : 1))
    law[x] = Math.max(0, 1 - total)
  } else {
    const c = Math.log(alpha(s) / alpha(t))
    const exp = (c: number) => each.map((i) => each.map((j) => Number(i === j) - Math.expm1(-c) * Q[i][j]))
    const [back, forth] = [exp(-c), exp(c)]
    law = each.map((y) => Math.max(0, each.reduce((sum, z) => sum + back[z][y] * score[z], 0) * forth[y][x]))
    const total = law.reduce((a, b) => a + b)
    law = law.map((p) => p / total)
  }
  return Array.from({ length: 4 }, (_, y) => law[y] ?? 0)
}
