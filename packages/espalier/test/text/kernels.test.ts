import {
  ancestral,
  concreteScore,
  cosine,
  evenTimes,
  geometric,
  type KernelFamily,
  logLinear,
  maskedProcess,
  maskOf,
  polynomial,
  remasking,
  type TokenSchedule,
  tauLeaping,
  thetaRk2,
  thetaTrapezoidal,
  tokenEuler,
  transition,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { distance, firstHittingLaw, kernelLaw, kernelStates, noisedLaw, randomLaw, statesOf } from './worlds.ts'

// Laws of whole samplers, by enumeration of every state of sequences of 3 tokens from 3.
const law = randomLaw(1)
const masked = maskedProcess(3)

const errors = (family: KernelFamily, steps: readonly number[], process = masked, of = law) =>
  steps.map((n) => of.distance(kernelLaw(of, process, family, evenTimes(n))))
/** Slope of log error against log steps between the last two. */
const order = (values: readonly number[]) => Math.log2(values.at(-2)! / values.at(-1)!)

describe('one step', () => {
  test('of the ancestral kernel is Bayes, on both processes', () => {
    for (const process of [maskedProcess(3, cosine()), uniformProcess(3, cosine())]) {
      const kernel = ancestral(process)
      const mu = [0.2, 0.5, 0.3]
      const [t, s] = [0.7, 0.4]
      for (const x of process.kind === 'masked' ? [0, 3] : [0, 1, 2]) {
        const clean = process.kind === 'masked' && x !== 3 ? [0, 1, 2].map((v) => (v === x ? 1 : 0)) : mu
        const out = new Float64Array(4)
        kernel.stages[0].law([x], [clean], t, s, out)
        const [at, as] = [t, s].map((time) => 1 - process.schedule.noised(time))
        // Forward from s to t: keeps its value with alpha_t / alpha_s.
        const forward = (y: number) => {
          if (process.kind === 'uniform') return (y === x ? at / as : 0) + (1 - at / as) / 3
          return y === 3 ? (x === 3 ? 1 : 0) : y === x ? at / as : x === 3 ? 1 - at / as : 0
        }
        for (const y of [0, 1, 2, 3]) {
          const exact = clean.reduce((sum, p, v) => {
            const from = transition(process, v, x, t)
            return p === 0 ? sum : sum + (p * transition(process, v, y, s) * forward(y)) / from
          }, 0)
          expect(out[y]).toBeCloseTo(exact, 13)
        }
      }
    }
  })

  test("of SEDD's analytic sampler is the ancestral one, score form against mean form", () => {
    const process = uniformProcess(6, geometric(0.05, 6))
    const mu = [0.1, 0.05, 0.4, 0.2, 0.15, 0.1]
    const [t, s, V] = [0.8, 0.6, 6]
    const sbar = (time: number) => -Math.log1p(-process.schedule.noised(time))
    const e = Math.exp(-(sbar(t) - sbar(s)))
    for (let x = 0; x < V; x++) {
      const score = concreteScore(process, x, mu, t).subarray(0, V)
      const total = score.reduce((a, b) => a + b)
      const weights = score.map(
        (sy, y) => (sy / e + ((e - 1) / (V * e)) * total) * (y === x ? 1 - ((V - 1) * (1 - e)) / V : (1 - e) / V),
      )
      const norm = weights.reduce((a, b) => a + b)
      const out = new Float64Array(V + 1)
      ancestral(process).stages[0].law([x], [mu], t, s, out)
      for (let y = 0; y < V; y++) expect(out[y]).toBeCloseTo(weights[y] / norm, 12)
    }
  })

  test.each([ancestral, tokenEuler, tauLeaping, thetaTrapezoidal(), thetaRk2(), remasking()])(
    'is a law at every stage, and agrees with what it says of staying (%#)',
    (family) => {
      for (const process of [maskedProcess(3), maskedProcess(3, cosine()), maskedProcess(3, polynomial(2))]) {
        for (const [t, s] of [
          [1, 0.5],
          [0.5, 0.1],
          [0.1, 0],
        ]) {
          for (const stage of family(process).stages) {
            for (const token of [0, 2, maskOf(process)]) {
              const out = new Float64Array(4).fill(9)
              const clean = [
                [0.2, 0.5, 0.3],
                [0.6, 0.1, 0.3],
              ]
              stage.law([token, token], clean, t, s, out)
              expect(out.reduce((a, b) => a + b)).toBeCloseTo(1, 13)
              expect(Math.min(...out)).toBeGreaterThanOrEqual(0)
              const stays = stage.stay(token, t, s)
              if (stays !== undefined) expect(out[token]).toBeCloseTo(stays, 13)
            }
          }
        }
      }
    },
  )

  test('Euler is the ancestral step on a linear schedule, and not on another', () => {
    const times = evenTimes(4)
    const [a, b] = [ancestral, tokenEuler].map((family) => kernelLaw(law, masked, family, times))
    expect(distance(a, b)).toBeLessThan(1e-14)
    const bent = maskedProcess(3, cosine())
    const [c, d] = [ancestral, tokenEuler].map((family) => kernelLaw(law, bent, family, times))
    expect(distance(c, d)).toBeGreaterThan(0.01)
  })

  test('of two stages is refused on a uniform process', () => {
    expect(() => thetaTrapezoidal()(uniformProcess(3))).toThrow('is for masked processes, this one is uniform')
    expect(() => thetaRk2(1)).toThrow('theta is 1')
    expect(() => remasking({ eta: 2 })).toThrow('expected numbers in [0, 1]')
  })
})

describe('laws of samplers', () => {
  test('first hitting with one position a call is the law itself; groups are not, and one group is the product of marginals', () => {
    expect(law.distance(firstHittingLaw(law, masked, [1, 1, 1]))).toBeLessThan(1e-15)
    const [two, all] = [[2, 1], [3]].map((groups) => firstHittingLaw(law, masked, groups))
    expect(law.distance(two)).toBeGreaterThan(0.1)
    const one = kernelLaw(law, masked, ancestral, [1, 0])
    expect(distance(all, one)).toBeLessThan(1e-15)
    const marginals = law.posterior(masked, [3, 3, 3], 1)
    one.forEach((p, i) => {
      const product = law.tokens(i).reduce((q, token, l) => q * marginals[3 * l + token], 1)
      expect(p).toBeCloseTo(product, 14)
    })
  })

  test('ancestral, Euler and tau-leaping tend to the law at order 1: to first hitting, that is', () => {
    for (const schedule of [logLinear(), cosine()]) {
      const process = maskedProcess(3, schedule)
      for (const family of [ancestral, tokenEuler, tauLeaping]) {
        const e = errors(family, [16, 32, 64], process)
        expect(order(e)).toBeGreaterThan(0.9)
        expect(order(e)).toBeLessThan(1.1)
        expect(e[2]).toBeLessThan(0.02)
      }
    }
  })

  test('on a uniform process too, with the time discretised as well', () => {
    const small = randomLaw(2, 3, 2)
    const process = uniformProcess(3, logLinear(1e-2))
    for (const family of [ancestral, tokenEuler, tauLeaping]) {
      const e = errors(family, [32, 64, 128], process, small)
      expect(order(e)).toBeGreaterThan(0.85)
      expect(order(e)).toBeLessThan(1.2)
      expect(e[2]).toBeLessThan(0.03)
    }
  })

  describe('of one token with uniform rates', () => {
    const one = randomLaw(6, 5, 1)
    /** From the exact law at 0.9 to that at 0.1: a step is a matrix. */
    const from = (family: KernelFamily, n: number, schedule: TokenSchedule) => {
      const process = uniformProcess(5, schedule)
      let here = noisedLaw(one, process, 0.9)
      const out = new Float64Array(6)
      for (let i = 0; i < n; i++) {
        const [t, s] = [0.9 - (0.8 * i) / n, 0.9 - (0.8 * (i + 1)) / n]
        const next = new Float64Array(5)
        here.forEach((weight, x) => {
          family(process).stages[0].law([x], [one.posterior(process, [x], t)], t, s, out)
          next.forEach((_, y) => void (next[y] += weight * out[y]))
        })
        here = next
      }
      return distance(here, noisedLaw(one, process, 0.1))
    }
    const along = (family: KernelFamily, schedule: TokenSchedule) => [32, 64, 128].map((n) => from(family, n, schedule))

    test('the ancestral kernel is exact, Euler and tau-leaping of order 1', () => {
      for (const schedule of [cosine(), geometric(0.01, 8)]) {
        expect(from(ancestral, 3, schedule)).toBeLessThan(1e-14)
        for (const family of [tokenEuler, tauLeaping]) {
          const e = along(family, schedule)
          expect(order(e)).toBeGreaterThan(0.9)
          expect(order(e)).toBeLessThan(1.1)
          expect(e[2]).toBeGreaterThan(1e-4)
        }
      }
    })

    test('Euler is exact too on a linear schedule, where the law moves along a line; tau-leaping is not', () => {
      expect(from(tokenEuler, 16, logLinear())).toBeLessThan(1e-15)
      expect(from(tauLeaping, 16, logLinear())).toBeGreaterThan(0.01)
    })
  })

  // Of the exact law at t = 0.2, so that the rates stay bounded.
  const early = (family: KernelFamily, of: typeof law, steps: readonly number[]) => {
    const exact = noisedLaw(of, masked, 0.2)
    return steps.map((n) => distance(exact, kernelStates(of, masked, family, evenTimes(n, 0.2)).here))
  }

  test('theta-trapezoidal is of order 2 where predictions change little, and of order 1 where its rates are clamped at 0', () => {
    const weak = randomLaw(1, 3, 3, 0.3)
    expect(order(early(thetaTrapezoidal(0.5), weak, [16, 32]))).toBeGreaterThan(1.9)
    expect(order(early(ancestral, weak, [16, 32]))).toBeLessThan(1.05)
    const strong = early(thetaTrapezoidal(0.5), law, [16, 32])
    expect(order(strong)).toBeLessThan(1.1)
    // Still the smaller error, at equal NFE too (it asks twice a step).
    expect(strong[0]).toBeLessThan(early(ancestral, law, [32])[0])
  })

  test('theta-RK-2 is of order 1: two tokens that fall in one step do so by rates of the start', () => {
    const weak = randomLaw(1, 3, 3, 0.3)
    const e = early(thetaRk2(0.5), weak, [16, 32])
    expect(order(e)).toBeLessThan(1.1)
    expect(e[1]).toBeGreaterThan(10 * early(thetaTrapezoidal(0.5), weak, [32])[0])
  })

  test('remasking keeps the share of masks at every time, whatever it is', () => {
    for (const family of [remasking({ eta: 1 }), remasking({ eta: 0.4 }), remasking({ cap: 0.2 })]) {
      for (const end of [0.7, 0.4]) {
        const { here } = kernelStates(law, masked, family, evenTimes(3, end))
        const states = statesOf(4, 3)
        const masks = here.reduce((sum, p, i) => sum + p * states.tokens(i).filter((x) => x === 3).length, 0)
        expect(masks / 3).toBeCloseTo(masked.schedule.noised(end), 13)
      }
    }
  })

  test('remasking of nothing is ancestral; remasking all it can is worse in law at equal steps, where the model is exact', () => {
    const times = evenTimes(8)
    expect(
      distance(kernelLaw(law, masked, remasking({ eta: 0 }), times), kernelLaw(law, masked, ancestral, times)),
    ).toBeLessThan(1e-14)
    const e = errors(remasking({ eta: 1 }), [8, 16, 32])
    expect(e[2]).toBeGreaterThan(2 * errors(ancestral, [32])[0])
    // It falls as N^(-1/2): every step draws afresh about sqrt(N) times as many tokens side by side.
    expect(order(e)).toBeGreaterThan(0.35)
    expect(order(e)).toBeLessThan(0.65)
  })

  test('a loop of remasking at one time repairs what few steps got wrong', () => {
    const window = { high: 0.5, low: 0.5 }
    const few = [1, 0.5, 0]
    const loop = [1, ...new Array(30).fill(0.5), 0]
    const family = remasking({ eta: 0.1, window })
    const noised = noisedLaw(law, masked, 0.5)
    const [before, after] = [few, loop].map((times) =>
      distance(noised, kernelStates(law, masked, family, times.slice(0, -1)).here),
    )
    expect(after).toBeLessThan(0.5 * before)
  })
})
