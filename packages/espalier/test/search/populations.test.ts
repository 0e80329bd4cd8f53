import {
  effectiveSampleSize,
  fkSteering,
  type IslandOptions,
  type IslandResult,
  importanceResampling,
  resample,
  resamplingSchemes,
  type SavedIslands,
  smc,
  softmax,
  svdd,
} from 'espalier/search'
import { key, stream, uniform } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { type Box, countedChain, finiteWorld } from './finite-chain.ts'

type Run = (options: IslandOptions<number, number>) => Promise<IslandResult<number, number>>

const methods: Record<string, Run> = {
  'smc, one particle': (options) => smc({ ...options, particles: 1 }),
  'smc, 4 particles': (options) => smc({ ...options, particles: 4 }),
  'smc, resampled at every stop': (options) => smc({ ...options, particles: 4, trigger: 1, resampling: 'multinomial' }),
  'smc by ssp': (options) => smc({ ...options, particles: 5, trigger: 0.9, resampling: 'ssp' }),
  'fk, max': (options) => fkSteering({ ...options, particles: 4, potential: 'max', trigger: 0.9 }),
  'fk, sum': (options) => fkSteering({ ...options, particles: 4, potential: 'sum', trigger: 0.9 }),
  'fk, reward': (options) => fkSteering({ ...options, particles: 4, potential: 'reward' }),
  'svdd, weighted': (options) =>
    svdd({ ...options, candidates: 3, samples: 2, selection: 'softmax', weighted: true, selectStart: true }),
}

describe('resampling', () => {
  const P = [0.05, 0.4, 0, 0.25, 0.3]

  it.each(resamplingSchemes)('%s: E[count] = n P, and never a row without probability', (scheme) => {
    const n = 7
    const repeats = 20_000
    const mean = new Float64Array(P.length)
    const draws = stream(key(3))
    for (let r = 0; r < repeats; r++) {
      const ancestors = resample(scheme, P, n, draws)
      expect(ancestors.length).toBe(n)
      for (const k of ancestors) mean[k] += 1 / repeats
    }
    P.forEach((p, k) => {
      // The variance of a count is at most that of the multinomial scheme.
      expect(Math.abs(mean[k] - n * p)).toBeLessThanOrEqual(4.5 * Math.sqrt((n * p * (1 - p)) / repeats))
    })
  })

  it.each(['systematic', 'ssp'] as const)('%s: every count is n P rounded down or up', (scheme) => {
    for (let seed = 0; seed < 300; seed++) {
      const weights = new Float64Array(9)
      uniform(key(seed), weights)
      const total = weights.reduce((a, b) => a + b)
      const shares = weights.map((w) => w / total)
      const counts = new Array(9).fill(0)
      for (const k of resample(scheme, shares, 13, stream(key(seed + 1000)))) counts[k]++
      shares.forEach((p, k) => {
        expect(counts[k]).toBeGreaterThanOrEqual(Math.floor(13 * p - 1e-9))
        expect(counts[k]).toBeLessThanOrEqual(Math.ceil(13 * p + 1e-9))
      })
    }
  })

  it.each(['systematic', 'ssp', 'residual'] as const)('%s: equal weights keep everybody', (scheme) => {
    expect([...resample(scheme, new Array(8).fill(1 / 8), 8, stream(key(1)))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})

describe('population methods on an enumerable chain', () => {
  const world = finiteWorld(4, 3, 3)
  const { chain, reward } = world

  it.each(Object.entries(methods))('%s: the estimate of Z is unbiased', async (_, run) => {
    const exact = Math.exp(world.logZ(1))
    const n = 2000
    let sum = 0
    let squares = 0
    for (let seed = 0; seed < n; seed++) {
      const { logZ } = await run({ chain, reward, seed, budget: 40, lambda: 1 })
      const z = Math.exp(logZ as number)
      sum += z
      squares += z * z
    }
    const error = Math.sqrt((squares / n - (sum / n) ** 2) / n)
    expect(Math.abs(sum / n - exact)).toBeLessThan(4 * error)
    expect(error).toBeLessThan(0.05 * exact)
  })

  it.each(Object.entries(methods))('%s: weighted samples converge to the tilted law', async (_, run) => {
    const target = world.target(1)
    const mass = new Float64Array(target.length)
    // Many small populations, each counted by its own estimate of Z: what one run of many populations does.
    const { candidates } = await run({ chain, reward, seed: 5, budget: 60_000, lambda: 1 })
    for (const { sample, weight } of candidates) mass[sample] += weight
    const distance = target.reduce((total, p, x) => total + Math.abs(p - mass[x]), 0) / 2
    expect(distance).toBeLessThan(0.03)
  })

  it('without resampling SMC is importance resampling: weights are exp(lambda r)', async () => {
    const { candidates } = await smc({ chain, reward, seed: 1, budget: 300, trigger: 0 })
    const total = candidates.reduce((sum, c) => sum + Math.exp(c.reward), 0)
    for (const c of candidates) expect(c.weight).toBeCloseTo(Math.exp(c.reward) / total, 12)
  })

  it('at lambda = 0 nothing is preferred: every weight is 1 / n, and Z is 1', async () => {
    for (const run of Object.values(methods)) {
      const { candidates, logZ } = await run({ chain, reward, seed: 2, budget: 200, lambda: 0 })
      expect(logZ).toBeCloseTo(0, 12)
      for (const { weight } of candidates) expect(weight).toBeCloseTo(1 / candidates.length, 12)
    }
  })

  it('weights accumulate between adaptive resamplings: the weight of a run is its telescoped product', async () => {
    const { islands } = await smc({ chain, reward, seed: 8, budget: 400, particles: 20, trigger: 0.95 })
    for (const island of islands) {
      for (const { logWeights, stop, scores } of island.populations) {
        if (stop === 0) continue
        // Absolute weights of one population always estimate E_p[1] = 1.
        expect(scores.every(Number.isFinite)).toBe(true)
        expect(logWeights.every(Number.isFinite)).toBe(true)
      }
    }
    const resampled = islands.flatMap(({ populations }) =>
      populations.filter((p, i) => p.stop === populations[i - 1]?.stop),
    )
    expect(resampled.length).toBeGreaterThan(0)
    for (const { logWeights, scores } of resampled) {
      // After resampling all rows have the same weight under the intermediate target.
      const standard = Array.from(logWeights, (w, k) => w + scores[k])
      for (const w of standard) expect(w).toBeCloseTo(standard[0], 10)
      expect(effectiveSampleSize(standard.map(() => 1 / standard.length))).toBeCloseTo(standard.length, 8)
    }
  })

  it.each(Object.entries(methods))(
    '%s: stopped anywhere and resumed, it ends as if it had never stopped',
    async (_, run) => {
      const options = { chain, reward, seed: 11, budget: 120 }
      const snapshots: SavedIslands[] = []
      const whole = await run({ ...options, onCheckpoint: (save) => void snapshots.push(structuredClone(save())) })
      expect(snapshots.length).toBeGreaterThan(3)
      for (const resume of snapshots) {
        const again = await run({ ...options, resume })
        expect(again.candidates).toEqual(whole.candidates)
        expect(again.trace).toEqual(whole.trace)
        expect([again.nfe, again.rewardEvaluations]).toEqual([whole.nfe, whole.rewardEvaluations])
        expect(again.save()).toEqual(whole.save())
      }
      await expect(run({ ...options, seed: 12, resume: snapshots[0] })).rejects.toThrow('they must agree')
    },
  )

  it('a budget is never overdrawn, and every row of the network is counted', async () => {
    for (const [name, run] of Object.entries(methods)) {
      let rows = 0
      const counted = {
        ...chain,
        step: (...[states, ...rest]: Parameters<typeof chain.step>) => {
          rows += states.length * chain.cost(rest[0])
          return chain.step(states, ...rest)
        },
        lookahead: (...[states, level]: Parameters<typeof chain.lookahead>) => {
          rows += states.length * chain.lookaheadCost(level)
          return chain.lookahead(states, level)
        },
      }
      const { nfe } = await run({ chain: counted, reward, seed: 3, budget: 97 })
      expect(nfe, name).toBeLessThanOrEqual(97)
      expect(nfe, name).toBe(rows)
    }
  })
})

describe('FK steering', () => {
  const { chain, reward } = finiteWorld(11, 5, 4)

  it.each([
    ['difference', (s: readonly number[]) => s[s.length - 1]],
    ['max', (s: readonly number[]) => sum(s.map((_, i) => Math.max(...s.slice(0, i + 1))))],
    ['sum', (s: readonly number[]) => sum(s.map((_, i) => sum(s.slice(0, i + 1))))],
    ['reward', (s: readonly number[]) => sum(s)],
  ] as const)('prefers rows by the product of the potentials on their path: %s', async (potential, product) => {
    const { islands } = await fkSteering({ chain, reward, potential, seed: 6, budget: 300, trigger: 1, lambda: 0.7 })
    const { populations } = islands[0]
    /** The scores that each row has met. */
    let met: number[][] = Array.from(populations[0].parents, () => [])
    for (let p = 1; p < populations.length - 1; p++) {
      const { stop, scores, logWeights, parents } = populations[p]
      const before = populations[p - 1]
      if (before.stop !== stop) {
        met = met.map((path, k) => [...path, scores[k]])
        continue
      }
      const P = softmax(met.map((path, k) => before.logWeights[k] + product(path)))
      parents.forEach((k, i) => {
        expect(logWeights[i]).toBeCloseTo(before.logWeights[k] - Math.log(parents.length * P[k]), 9)
      })
      met = Array.from(parents, (k) => met[k])
    }
    expect(met[0]).toHaveLength(4)
  })
})

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)

describe('a population that is stopped on its way', () => {
  it('hands over what its rows were expected to end in, and goes on from there', async () => {
    const { chain, reward } = finiteWorld(4, 3, 3)
    for (const method of [smc, svdd]) {
      const abort = new AbortController()
      let saved: SavedIslands | undefined
      const options = { chain, reward, seed: 3, budget: 60 }
      const stopped = await method({
        ...options,
        signal: abort.signal,
        onCheckpoint: (save) => {
          saved = save()
          if (saved.islands[0].populations.some(({ scores }) => !Number.isNaN(scores[0]))) abort.abort()
        },
      })
      expect(stopped.stopped).toBe('signal')
      expect(stopped.candidates.length).toBeGreaterThan(0)
      expect(stopped.logZ).toBeUndefined()
      const values = await reward.evaluate(stopped.candidates.map(({ sample }) => sample))
      expect(stopped.candidates.map((candidate) => candidate.reward)).toEqual(Array.from(values))
      const whole = await method(options)
      expect((await method({ ...options, resume: saved })).candidates).toEqual(whole.candidates)
    }
  })
})

describe('soft value-based decoding', () => {
  const world = finiteWorld(9, 3, 4)
  const { chain, reward } = world
  const mean = (candidates: readonly { reward: number; weight: number }[]) =>
    candidates.reduce((sum, { reward, weight }) => sum + weight * reward, 0)

  it('one candidate is the model itself; more candidates reach higher', async () => {
    const options = { chain, reward, seed: 1, budget: 30_000 }
    const exact = world.prior().reduce((sum, p, x) => sum + p * (reward.evaluate([x]) as never as number[])[0], 0)
    const prior = mean((await importanceResampling({ ...options, lambda: 0 })).candidates)
    const one = mean((await svdd({ ...options, candidates: 1 })).candidates)
    expect(Number.isNaN(exact) ? prior : exact).toBeCloseTo(prior, 1)
    expect(Math.abs(one - prior)).toBeLessThan(0.1)
    const five = mean((await svdd({ ...options, candidates: 5 })).candidates)
    expect(five).toBeGreaterThan(one + 0.3)
  })

  it('many candidates with the exact soft values sample the tilted law', async () => {
    const soft = world.softValues(1)
    const values = {
      ...{ name: 'exact', cost: () => 0, rewardEvaluations: 0, looks: false },
      evaluate: async (states: readonly number[], level: number) => states.map((x) => soft[level][x]),
    }
    const { candidates } = await svdd({
      ...{ chain, reward, values, seed: 2, budget: 600_000 },
      ...{ candidates: 100, selection: 'softmax', selectStart: true },
    })
    const mass = new Float64Array(4)
    for (const { sample, weight } of candidates) mass[sample] += weight
    const target = world.target(1)
    expect(target.reduce((total, p, x) => total + Math.abs(p - mass[x]), 0) / 2).toBeLessThan(0.04)
  })

  it('values that ask no network leave one evaluation to all candidates of a state, and it is counted', async () => {
    const values = {
      ...{ name: 'number', cost: () => 0, rewardEvaluations: 0, looks: false },
      evaluate: async (states: readonly Box[]) => states.map(({ x }) => x),
    }
    for (const [remembers, nfe] of [
      [true, 3 * 2],
      [false, 3 * 2 * 7],
    ] as const) {
      const counted = countedChain(chain, remembers)
      const rule = { candidates: 7, samples: 2, values }
      const found = await svdd({ chain: counted.chain, reward, seed: 4, budget: 3 * 2 * 7, ...rule })
      expect(counted.rows() % nfe).toBe(0)
      expect(found.nfe).toBe(counted.rows())
      expect(found.islands[0].spent.nfe).toBe(nfe)
    }
  })

  it('the worst samples are replaced, and the others stay where they are', async () => {
    const options = { chain, reward, seed: 3, budget: 100, candidates: 1, samples: 8 }
    const { islands } = await svdd({ ...options, replace: 0.25 })
    const { populations } = islands[0]
    let replaced = 0
    for (const [p, { stop, parents }] of populations.entries()) {
      if (p === 0 || populations[p - 1].stop !== stop) continue
      const { scores } = populations[p - 1]
      // Of equals the last are the worst.
      const worst = Array.from(parents, (_, k) => k)
        .sort((i, j) => scores[i] - scores[j] || j - i)
        .slice(0, 2)
      parents.forEach((k, i) => {
        if (worst.includes(i)) replaced += k === i ? 0 : 1
        else expect(k).toBe(i)
      })
    }
    expect(replaced).toBeGreaterThan(0)
  })

  it('replacing the worst samples raises the reward', async () => {
    const options = { chain, reward, seed: 3, budget: 5000, candidates: 2, samples: 40 }
    const plain = mean((await svdd(options)).candidates)
    expect(mean((await svdd({ ...options, replace: 0.3 })).candidates)).toBeGreaterThan(plain)
  })

  it.each([
    [{ candidates: 0 }, 'svdd keeps one of 0 candidates'],
    [{ replace: 1 }, 'replace is 1'],
    [{ weighted: true }, "weighted svdd needs selection 'softmax'"],
    [{ samples: 0.5 }, 'a population of 0.5 rows'],
  ])('%j is refused', async (wrong, message) => {
    await expect(async () => svdd({ chain, reward, seed: 0, budget: 500, ...wrong })).rejects.toThrow(message)
  })
})
