import { fold, key } from 'espalier/tensor'
import {
  autoregressiveEnergy,
  autoregressiveTable,
  carryOverEnergy,
  energyBound,
  enumeratedBounds,
  evenTimes,
  factorisedEnergy,
  likelihoodBound,
  logLinear,
  logPartition,
  maskedProcess,
  paperObjective,
  polynomial,
  type SequenceEnergy,
  TokenLaw,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { randomLaw } from './worlds.ts'

const law = randomLaw(11, 2, 3, 1.2)
const process = maskedProcess(2)
const denoiser = law.denoiser(process)
const table = autoregressiveTable(law)
const data = (n: number, of = law) => Array.from({ length: n }, (_, i) => of.sample(fold(key(2), i)))
const stats = (values: ArrayLike<number>) => {
  const all = Array.from(values)
  const mean = all.reduce((a, b) => a + b) / all.length
  return { mean, error: Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0)) / all.length }
}

describe('log Z from drafts', () => {
  // Drafts of four kinds, with chances and log-weights of their own.
  const chances = [0.4, 0.3, 0.2, 0.1]
  const logs = [-1.2, 0.3, 1.4, 2.5]
  const exact = Math.log(chances.reduce((sum, p, i) => sum + p * Math.exp(logs[i]), 0))

  /** Means of the estimates over all draws of n drafts, exactly: a sum over how often each kind is drawn. */
  function expected(n: number) {
    const out = { below: 0, jackknife: 0, above: 0 }
    const walk = (kind: number, left: number, chance: number, drawn: number[]) => {
      if (kind === 3) {
        const { below, jackknife, above } = logPartition([...drawn, ...new Array<number>(left).fill(logs[3])])
        const p = chance * chances[3] ** left
        out.below += p * below
        out.jackknife += p * jackknife
        out.above += p * above
        return
      }
      let ways = 1
      for (let count = 0; count <= left; count++) {
        walk(kind + 1, left - count, chance * ways * chances[kind] ** count, [
          ...drawn,
          ...new Array<number>(count).fill(logs[kind]),
        ])
        ways = (ways * (left - count)) / (count + 1)
      }
    }
    walk(0, n, 1, [])
    return out
  }

  test('the mean is too small on average, the other too large, the jackknife the best', () => {
    const errors: number[][] = []
    for (const n of [4, 8, 16]) {
      const { below, jackknife, above } = expected(n)
      expect(below).toBeLessThan(exact)
      expect(above).toBeGreaterThan(exact)
      errors.push([exact - below, Math.abs(jackknife - exact), above - exact])
    }
    for (const [below, jackknife, above] of errors) {
      expect(jackknife).toBeLessThan(0.3 * Math.min(below, above))
    }
    // The mean is off by order 1/n.
    expect(errors[1][0] / errors[2][0]).toBeGreaterThan(1.8)
  })

  test('is the formula with one left out, and safe where weights are far apart', () => {
    const weights = [0.3, -2, 1.1, 0]
    const mean = (of: number[]) => Math.log(of.reduce((sum, w) => sum + Math.exp(w), 0) / of.length)
    const whole = mean(weights)
    const without = weights.reduce((sum, _, i) => sum + mean(weights.filter((_, j) => j !== i)) / 4, 0)
    const { below, jackknife, above, effective } = logPartition(weights)
    expect(below).toBeCloseTo(whole, 13)
    expect(jackknife).toBeCloseTo(4 * whole - 3 * without, 13)
    expect(above).toBeCloseTo(7 * whole - 6 * without, 13)
    const masses = weights.map(Math.exp)
    const total = masses.reduce((a, b) => a + b)
    expect(effective).toBeCloseTo(1 / masses.reduce((sum, w) => sum + (w / total) ** 2, 0), 12)
    const far = logPartition([800, -800])
    expect(far.below).toBeCloseTo(800 - Math.LN2, 10)
    expect(far.jackknife).toBeCloseTo(2 * (800 - Math.LN2) - (800 + -800) / 2, 9)
    expect(logPartition([0, 0, 0]).effective).toBeCloseTo(3, 14)
    expect(logPartition([2.5])).toEqual({ below: 2.5, jackknife: 2.5, above: 2.5, effective: 1 })
    expect(() => logPartition([])).toThrow('log Z of no drafts')
    expect(() => logPartition([0, Number.NaN])).toThrow('log-weight 1 of 2 is NaN')
  })
})

describe('bounds of steps, by enumeration', () => {
  test('two equal fair bits: the formula of the paper gives half of their entropy', () => {
    const bits = new TokenLaw(2, 2, [0.5, 0, 0, 0.5])
    const far = enumeratedBounds(bits, logLinear(), evenTimes(1))
    expect(far.joint).toBeCloseTo(Math.LN2, 12)
    expect(far.factorised).toBeCloseTo(2 * Math.LN2, 12)
    // In continuous time; one step of all masks is counted right.
    expect(far.paper).toBeCloseTo(Math.LN2, 12)
    expect(enumeratedBounds(bits, logLinear(), evenTimes(2000)).paper).toBeCloseTo(Math.LN2 / 2, 3)
  })

  test('a joint law costs its entropy in any number of steps; the formula says less, a factorised one more', () => {
    const world = randomLaw(3, 3, 4, 1.2)
    const entropy = world.entropy()
    for (const schedule of [logLinear(), polynomial(2)]) {
      const at = [1, 2, 4].map((steps) => enumeratedBounds(world, schedule, evenTimes(steps)))
      for (const { joint } of at) expect(joint).toBeCloseTo(entropy, 12)
      expect(at[0].paper).toBeCloseTo(entropy, 12)
      expect(at[1].paper).toBeLessThan(entropy - 0.05)
      expect(at[2].paper).toBeLessThan(at[1].paper)
      expect(at[0].factorised).toBeGreaterThan(at[1].factorised)
      expect(at[1].factorised).toBeGreaterThan(at[2].factorised)
      expect(at[2].factorised).toBeGreaterThan(entropy + 0.01)
    }
    // In continuous time nothing is lost by drawing positions on their own.
    expect(enumeratedBounds(world, logLinear(), evenTimes(800)).factorised).toBeCloseTo(entropy, 2)
    // Independent tokens: nothing to be gained or lost.
    const free = enumeratedBounds(new TokenLaw(2, 2, [0.12, 0.28, 0.18, 0.42]), logLinear(), evenTimes(3))
    expect(free.paper).toBeCloseTo(free.joint, 12)
    expect(free.factorised).toBeCloseTo(free.joint, 12)
    expect(() => enumeratedBounds(world, logLinear(), [1, 0.5])).toThrow('falls from 1 to 0.5')
  })
})

describe('the bound of a denoiser with an energy', () => {
  test('with E = 0 is that of the denoiser and a little more, less with more drafts', async () => {
    const rows = data(250)
    const plain = stats(await likelihoodBound(denoiser, rows, { seed: 1, draws: 6 }))
    const bounds: number[] = []
    for (const drafts of [1, 8, 64]) {
      bounds.push(
        stats(await energyBound(denoiser, rows, { energy: factorisedEnergy, drafts, seed: 1, draws: 6 })).mean,
      )
    }
    expect(bounds[0]).toBeGreaterThan(bounds[1])
    expect(bounds[1]).toBeGreaterThan(bounds[2])
    expect(bounds[2]).toBeGreaterThan(plain.mean)
    expect(bounds[2]).toBeLessThan(plain.mean + 0.03)
  })

  test('mends a denoiser whose marginals are wrong: down to the entropy, never below', async () => {
    // Every token a fair coin, whatever is known.
    const coin = {
      ...denoiser,
      predict: async ({ shape: [n, length] }: { shape: readonly [number, number] }) => ({
        shape: [n, length, 2],
        data: new Float32Array(2 * n * length),
      }),
    }
    const rows = data(300)
    const of = async (energy: SequenceEnergy, drafts: number) =>
      stats(await energyBound(coin, rows, { energy, drafts, seed: 1, draws: 6 }))
    const entropy = law.entropy()
    expect((await of(factorisedEnergy, 64)).mean).toBeCloseTo(3 * Math.LN2, 1)
    const [few, many] = [await of(autoregressiveEnergy(table), 8), await of(autoregressiveEnergy(table), 128)]
    expect(many.mean).toBeLessThan(few.mean)
    expect(many.mean).toBeLessThan(entropy + 0.03 + 4 * many.error)
    expect(many.mean).toBeGreaterThan(entropy - 4 * many.error)
    expect(entropy).toBeLessThan(3 * Math.LN2 - 0.3)
  })
})

describe('the objective of the paper', () => {
  test('of the carry-over energy is the -log p of the autoregressive model, whatever the denoiser', async () => {
    // Draws of all numbers of masks, and sums over which tokens: exact on average over the sets, close on 300 of them.
    const rows = data(300)
    const exact = stats(rows.map((row) => -Math.log(law.probabilities[law.index(row)])))
    const given = await paperObjective(denoiser, rows, { energy: carryOverEnergy(table), draws: 60, seed: 1 })
    const gaps = stats(given.map((value, i) => value + Math.log(law.probabilities[law.index(rows[i])])))
    expect(Math.abs(gaps.mean)).toBeLessThan(4 * gaps.error)
    expect(gaps.error).toBeLessThan(0.02 * exact.mean)
  })

  test('exactly so, set by set of masks', async () => {
    // sum over sets of (length / n) / (length choose n) / length times -log p_coAR, by hand.
    const energy = carryOverEnergy(table)
    for (let i = 0; i < 8; i++) {
      const clean = law.tokens(i)
      let sum = 0
      for (let set = 1; set < 8; set++) {
        const state = clean.map((token, l) => ((set >> l) & 1 ? 2 : token))
        const n = state.filter((token) => token === 2).length
        const batch = { shape: [1, 3] as const, data: clean }
        const [log] = await energy.logWeights(batch, { shape: [1, 3], data: state }, 2, new Float64Array(1))
        sum -= log / (n * [1, 3, 3, 1][n])
      }
      expect(sum).toBeCloseTo(-Math.log(law.probabilities[i]), 12)
    }
  })

  test('of the exact energy lies below the entropy, as the enumeration says, and one draft makes it worse', async () => {
    const rows = data(800)
    const of = async (estimate: 'jackknife' | 'one') =>
      stats(
        await paperObjective(denoiser, rows, {
          energy: autoregressiveEnergy(table),
          drafts: 32,
          estimate,
          seed: 1,
          draws: 8,
        }),
      )
    const [given, released] = [await of('jackknife'), await of('one')]
    const foretold = enumeratedBounds(law, logLinear(), evenTimes(1000)).paper
    expect(foretold).toBeLessThan(law.entropy() - 0.1)
    expect(Math.abs(given.mean - foretold)).toBeLessThan(4 * given.error + 0.005)
    expect(released.mean).toBeLessThan(given.mean - 0.05)
  })

  test('of E = 0 is the bound itself; what does not fit is refused', async () => {
    const rows = data(20)
    const plain = await likelihoodBound(denoiser, rows, { seed: 1 })
    const same = await paperObjective(denoiser, rows, { energy: factorisedEnergy, seed: 1 })
    same.forEach((value, i) => void expect(value).toBeCloseTo(plain[i], 10))
    const uniform = law.denoiser(uniformProcess(2))
    const energy = factorisedEnergy
    await expect(paperObjective(uniform, rows, { energy, seed: 1 })).rejects.toThrow('this one is uniform')
    await expect(energyBound(denoiser, rows, { energy, drafts: 0, seed: 1 })).rejects.toThrow('0 drafts')
    await expect(energyBound(denoiser, rows, { energy, smoothing: 0, seed: 1 })).rejects.toThrow('the smoothing is 0')
  })
})
