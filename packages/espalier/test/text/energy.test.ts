import { importanceResampling } from 'espalier/search'
import {
  ancestral,
  autoregressiveEnergy,
  autoregressiveTable,
  carryOverEnergy,
  countedEnergy,
  type DraftOptions,
  energySampler,
  evenTimes,
  factorisedEnergy,
  firstHitting,
  kernelSampler,
  maskedChain,
  maskedProcess,
  type SequenceEnergy,
  sampleTokens,
  stackTokens,
  type TokenSample,
  tiltedEnergy,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { chiSquare, chiSquareBound, distance, histogram, kernelLaw, randomLaw, spread, statesOf } from './worlds.ts'

// The model's clean laws are exact, position by position; the energy is the exact autoregressive model.
const law = randomLaw(11, 2, 3, 1.2)
const process = maskedProcess(2)
const denoiser = law.denoiser(process)
const table = autoregressiveTable(law)
const exact = autoregressiveEnergy(table)
const states = statesOf(3, 3)

const draw = async (options: Partial<Parameters<typeof energySampler>[0]>, count: number, seed = 1) =>
  sampleTokens({ denoiser, sampler: energySampler({ energy: exact, ...options }), count, seed })

/** All drafts of a state: probability under the factorised law, and `-E`. */
async function draftsOf(tokens: Int32Array, energy: SequenceEnergy) {
  const posterior = law.posterior(process, tokens, 0)
  const rows: Int32Array[] = []
  const proposals: number[] = []
  spread(
    3,
    2,
    (p, out) => {
      if (tokens[p] < 2) out[tokens[p]] = 1
      else for (let v = 0; v < 2; v++) out[v] = posterior[2 * p + v]
    },
    (row, q) => {
      rows.push(row.slice())
      proposals.push(q)
    },
  )
  const repeated = rows.map(() => tokens)
  const logs = await energy.logWeights(
    stackTokens(rows),
    stackTokens(repeated),
    2,
    Float64Array.from(proposals, Math.log),
  )
  return { rows, proposals, logs }
}

/** The law of the draft that is kept, exactly: a sum over how often each draft is drawn. */
function keptLaw(proposals: readonly number[], logs: ArrayLike<number>, k: number): number[] {
  const out = proposals.map(() => 0)
  const counts = proposals.map(() => 0)
  const walk = (index: number, left: number, probability: number) => {
    if (index === proposals.length - 1) {
      counts[index] = left
      const p = probability * proposals[index] ** left
      const weights = counts.map((count, i) => (count > 0 ? count * Math.exp(logs[i]) : 0))
      const total = weights.reduce((a, b) => a + b)
      weights.forEach((w, i) => void (out[i] += (p * w) / total))
      return
    }
    let ways = 1
    for (let count = 0; count <= left; count++) {
      counts[index] = count
      walk(index + 1, left - count, probability * ways * proposals[index] ** count)
      ways = (ways * (left - count)) / (count + 1)
    }
  }
  walk(0, k, 1)
  return out
}

/** The law of the energy sampler over sequences, exactly, by enumeration of states. */
async function energyLaw(k: number, times: readonly number[], sign = 1, energy = exact) {
  let here = new Float64Array(states.count)
  here[states.index([2, 2, 2])] = 1
  for (let step = 0; step + 1 < times.length; step++) {
    const lift = 1 - times[step + 1] / times[step]
    const next = new Float64Array(states.count)
    for (let i = 0; i < states.count; i++) {
      if (here[i] === 0) continue
      const tokens = states.tokens(i)
      const { rows, proposals, logs } = await draftsOf(tokens, energy)
      const kept = keptLaw(
        proposals,
        logs.map((log) => sign * log),
        k,
      )
      rows.forEach((draft, j) => {
        spread(
          3,
          3,
          (p, out) => {
            out[draft[p]] += tokens[p] === 2 ? lift : 1
            if (tokens[p] === 2) out[2] = 1 - lift
          },
          (row, q) => void (next[states.index(row)] += here[i] * kept[j] * q),
        )
      })
    }
    here = next
  }
  return law.probabilities.map((_, i) => here[states.index(law.tokens(i))])
}

describe('autoregressive models', () => {
  test('as energies read at most 64 rows at once', async () => {
    const sizes: number[] = []
    const spied = {
      ...table,
      logProbabilities: async (rows: Parameters<typeof table.logProbabilities>[0]) => {
        sizes.push(rows.shape[0])
        return table.logProbabilities(rows)
      },
    }
    const rows = stackTokens(Array.from({ length: 150 }, (_, i) => law.tokens(i % 8)))
    const logs = await autoregressiveEnergy(spied).logWeights(rows, rows, 2, new Float64Array(150))
    expect(sizes).toEqual([64, 64, 22])
    logs.forEach((log, i) => void expect(log).toBeCloseTo(Math.log(law.probabilities[i % 8]), 12))
  })

  test('of a table factorise it', async () => {
    const all = law.probabilities.map((_, i) => i)
    const logs = await table.logProbabilities(stackTokens(Array.from(all, (i) => law.tokens(i))))
    law.probabilities.forEach((p, i) => {
      expect(Math.exp(logs[3 * i] + logs[3 * i + 1] + logs[3 * i + 2])).toBeCloseTo(p, 14)
    })
  })
})

describe('energies', () => {
  test('AR: the weights make the target the posterior given known tokens, wherever they stand', async () => {
    for (const tokens of [Int32Array.of(2, 2, 2), Int32Array.of(2, 1, 2), Int32Array.of(2, 2, 0)]) {
      const { rows, proposals, logs } = await draftsOf(tokens, exact)
      const joint = law.joint(process, tokens, 0) as Float64Array
      const masses = proposals.map((q, j) => q * Math.exp(logs[j]))
      const z = masses.reduce((a, b) => a + b)
      rows.forEach((row, j) => void expect(masses[j] / z).toBeCloseTo(joint[law.index(row)], 12))
    }
  })

  test('coAR: normalised at every state, and the posterior only where nothing is known to the right of a mask', async () => {
    const energy = carryOverEnergy(table)
    for (let i = 0; i < states.count; i++) {
      const tokens = states.tokens(i)
      const { rows, proposals, logs } = await draftsOf(tokens, energy)
      const masses = proposals.map((q, j) => q * Math.exp(logs[j]))
      expect(masses.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
      const joint = law.joint(process, tokens, 0) as Float64Array
      const gap = Math.max(...rows.map((row, j) => Math.abs(masses[j] - joint[law.index(row)])))
      const blind = tokens.some((token, p) => token === 2 && tokens.some((later, q) => q > p && later < 2))
      if (blind) expect(gap).toBeGreaterThan(1e-3)
      else expect(gap).toBeLessThan(1e-12)
    }
  })

  test('importance sampling is unbiased: the mean weight of drafts is Z, of any energy', async () => {
    // E = 0.7 (number of ones) - 0.2 (first token): Z is a finite sum.
    const energy: SequenceEnergy = {
      name: 'ones',
      logWeights: async ({ shape: [n], data }) =>
        Float64Array.from(
          { length: n },
          (_, i) => 0.2 * data[3 * i] - 0.7 * (data[3 * i] + data[3 * i + 1] + data[3 * i + 2]),
        ),
    }
    const { proposals, logs } = await draftsOf(Int32Array.of(2, 2, 2), energy)
    const z = proposals.reduce((sum, q, j) => sum + q * Math.exp(logs[j]), 0)
    const seen: number[] = []
    const spy: SequenceEnergy = {
      ...energy,
      async logWeights(...args) {
        const own = await energy.logWeights(...args)
        for (const log of own) seen.push(Math.exp(log))
        return own
      },
    }
    await draw({ energy: spy, steps: 1, drafts: 4 }, 2000)
    expect(seen.length).toBe(8000)
    const mean = seen.reduce((a, b) => a + b) / 8000
    const error = Math.sqrt(seen.reduce((sum, w) => sum + (w - mean) ** 2, 0)) / 8000
    expect(Math.abs(mean - z)).toBeLessThan(4 * error)
    expect(error).toBeLessThan(0.01)
  })
})

describe('the law of the energy sampler', () => {
  test('with one draft, or without a window, is that of the ancestral sampler', async () => {
    const times = evenTimes(3)
    const plain = kernelLaw(law, process, ancestral, times)
    expect(distance(await energyLaw(1, times), plain)).toBeLessThan(1e-14)
    for (const options of [{ drafts: 1 }, { drafts: 8, window: 0 }]) {
      const { tokens } = await draw({ ...options, times }, 4000)
      expect(chiSquare(plain, histogram(law, tokens), 4000)).toBeLessThan(chiSquareBound(8))
    }
    expect(distance(await energyLaw(4, times, 1, factorisedEnergy), plain)).toBeLessThan(1e-13)
  })

  test('tends to the joint law as 1/k, in one step as in several; the released sign leads away from it', async () => {
    const ks = [1, 2, 4, 8, 16]
    for (const steps of [1, 2]) {
      const right: number[] = []
      const released: number[] = []
      for (const k of ks) {
        right.push(law.distance(await energyLaw(k, evenTimes(steps))))
        released.push(law.distance(await energyLaw(k, evenTimes(steps), -1)))
      }
      // With one draft both are the factorised sampler.
      expect(right[0]).toBeCloseTo(released[0], 14)
      expect(right[4]).toBeLessThan(0.12 * right[0])
      expect(right[3] / right[4]).toBeGreaterThan(1.7)
      for (let i = 1; i < 5; i++) {
        expect(right[i]).toBeLessThan(right[i - 1])
        expect(released[i]).toBeGreaterThan(released[i - 1])
      }
      expect(released[4]).toBeGreaterThan(1.5 * released[0])
    }
  })

  test('is what the sampler draws, in both signs', async () => {
    for (const [variant, sign] of [
      ['paper', 1],
      ['released', -1],
    ] as const) {
      const { tokens } = await draw({ steps: 2, drafts: 3, variant }, 5000)
      const expected = await energyLaw(3, evenTimes(2), sign)
      expect(chiSquare(expected, histogram(law, tokens), 5000)).toBeLessThan(chiSquareBound(8))
    }
  })

  test('by first hitting in blocks: the joint law of a block, in as many calls', async () => {
    const groups = [2, 1]
    const run = async (draft?: DraftOptions) => {
      const { tokens, nfe } = await sampleTokens({
        denoiser,
        sampler: firstHitting({ groups, draft }),
        count: 3000,
        seed: 3,
      })
      expect(nfe).toBe(3001)
      return tokens
    }
    const sharp = await run({ energy: exact, drafts: 32 })
    const plain = await run()
    expect(chiSquare(law.probabilities, histogram(law, sharp), 3000)).toBeLessThan(1.5 * chiSquareBound(8))
    expect(chiSquare(law.probabilities, histogram(law, plain), 3000)).toBeGreaterThan(3 * chiSquareBound(8))
  })
})

describe('an energy and a reward', () => {
  const reward = {
    name: 'ones',
    evaluate: async (samples: readonly TokenSample[]) => samples.map(({ tokens: [a, b, c] }) => a + 0.5 * b * c),
  }

  test('have the posterior of the tilted law as their target', async () => {
    const energy = tiltedEnergy(exact, reward, 1.5)
    const tilted = law.tilt(([a, b, c]) => a + 0.5 * b * c, 1.5).law
    for (const tokens of [Int32Array.of(2, 2, 2), Int32Array.of(2, 1, 2), Int32Array.of(2, 2, 0)]) {
      const { rows, proposals, logs } = await draftsOf(tokens, energy)
      const masses = proposals.map((q, j) => q * Math.exp(logs[j]))
      const z = masses.reduce((a, b) => a + b)
      const joint = tilted.joint(process, tokens, 0) as Float64Array
      rows.forEach((row, j) => void expect(masses[j] / z).toBeCloseTo(joint[law.index(row)], 12))
    }
  })

  test('draw the tilted law with many drafts, without a search; the reward alone does not', async () => {
    const tilted = law.tilt(([a, b, c]) => a + 0.5 * b * c, 1.5).law
    const gaps: number[] = []
    for (const k of [1, 4, 16]) {
      gaps.push(tilted.distance(await energyLaw(k, evenTimes(2), 1, tiltedEnergy(exact, reward, 1.5))))
    }
    expect(gaps[1]).toBeLessThan(0.6 * gaps[0])
    expect(gaps[2]).toBeLessThan(0.35 * gaps[1])
    const alone = await energyLaw(16, evenTimes(2), 1, tiltedEnergy(factorisedEnergy, reward, 1.5))
    expect(tilted.distance(alone)).toBeGreaterThan(3 * gaps[2])
    const never = tiltedEnergy(exact, { name: 'never', evaluate: async (rows) => rows.map(() => -Infinity) }, 0)
    const [row] = [stackTokens([Int32Array.of(0, 1, 1)])]
    expect(Number.isFinite((await never.logWeights(row, row, 2, new Float64Array(1)))[0])).toBe(true)
    expect(() => tiltedEnergy(exact, reward, Number.NaN)).toThrow('lambda is NaN')
  })
})

describe('costs and options', () => {
  test('energies are asked in the window alone, for rows in which something moves', async () => {
    const meter = { evaluations: 0 }
    const energy = countedEnergy(exact, meter)
    const all = await draw({ energy, drafts: 4, steps: 30 }, 200)
    // At most one change a token.
    expect(meter.evaluations).toBeLessThanOrEqual(4 * 3 * 200)
    expect(meter.evaluations).toBeGreaterThan(4 * 2 * 200)
    meter.evaluations = 0
    const late = await draw({ energy, drafts: 4, steps: 30, window: 0.2 }, 200)
    expect(meter.evaluations).toBeLessThan(0.35 * 4 * 3 * 200)
    expect(Math.abs(late.nfe - all.nfe)).toBeLessThan(60)
    const plain = await sampleTokens({
      denoiser,
      sampler: kernelSampler(ancestral, { steps: 30 }),
      count: 200,
      seed: 1,
    })
    expect(Math.abs(plain.nfe - all.nfe)).toBeLessThan(60)
  })

  test('tell the weights: k of them where the energy is flat', async () => {
    const sizes: number[] = []
    const onWeights = (w: Float64Array) => void sizes.push(1 / w.reduce((sum, x) => sum + x * x, 0))
    await draw({ energy: factorisedEnergy, drafts: 5, steps: 2, onWeights }, 20)
    expect(Math.min(...sizes)).toBeCloseTo(5, 12)
    sizes.length = 0
    await draw({ drafts: 5, steps: 2, onWeights }, 20)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5 + 1e-9)
    expect(Math.min(...sizes)).toBeLessThan(4.9)
  })

  test('bad ones and bad energies stop in one line', async () => {
    await expect(draw({ steps: 2, drafts: 0 }, 1)).rejects.toThrow('0 drafts')
    await expect(draw({ steps: 2, window: 2 }, 1)).rejects.toThrow('the window is 2')
    await expect(draw({ steps: 2, temperature: 0 }, 1)).rejects.toThrow('the temperature is 0')
    await expect(draw({ times: [1, 0.1] }, 1)).rejects.toThrow('let them end at 0')
    const model = law.denoiser(uniformProcess(2))
    const sampler = energySampler({ energy: exact, steps: 2 })
    await expect(sampleTokens({ denoiser: model, sampler, count: 1, seed: 1 })).rejects.toThrow('for masked processes')
    const broken: SequenceEnergy = {
      name: 'broken',
      logWeights: async ({ shape: [n] }) => new Float64Array(n).fill(Number.NaN),
    }
    await expect(draw({ steps: 1, energy: broken }, 1)).rejects.toThrow('the energy broken gave NaN for draft 0 of 2')
    const both = firstHitting({ order: 2, draft: { energy: exact } })
    await expect(sampleTokens({ denoiser, sampler: both, count: 1, seed: 1 })).rejects.toThrow('order 2 without drafts')
  })

  test('a search walks a chain of drafts: the tilted law, as the joint law is drawn', async () => {
    const score = (tokens: ArrayLike<number>) => tokens[0] + 0.5 * tokens[1] * tokens[2]
    const reward = {
      name: 'ones',
      evaluate: async (samples: readonly { tokens: Int32Array }[]) => samples.map(({ tokens }) => score(tokens)),
    }
    const far = async (drafts: number) => {
      const sampler = firstHitting({ groups: [2, 1], draft: { energy: exact, drafts } })
      const chain = maskedChain({ denoiser, sampler })
      const { candidates } = await importanceResampling({ chain, reward, seed: 1, budget: 2 * 3000 })
      const mass = new Float64Array(8)
      for (const { sample, weight } of candidates) mass[law.index(sample.tokens)] += weight
      return law.tilt(score).law.distance(mass)
    }
    const [one, many] = [await far(1), await far(24)]
    expect(many).toBeLessThan(0.04)
    expect(one).toBeGreaterThan(2 * many)
  })
})
