import { forestBranches, mixtureChain } from 'espalier/chain'
import { GaussianMixture, linearBetas, quadraticReward, rewardOf, tilt, vpTable } from 'espalier/process'
import type { Reward } from 'espalier/reward'
import {
  dts,
  effectiveSampleSize,
  type ForestOptions,
  forest,
  importanceResampling,
  nodeValues,
  posteriorMean,
  resample,
  type SavedIslands,
  type ValueFunction,
} from 'espalier/search'
import { key, stream, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { branching } from '../../src/search/forest.ts'
import { rankCorrelation } from '../../src/search/rank-correlation.ts'
import { finiteScores, temper, temperedSize } from '../../src/search/tempering.ts'
import { finiteWorld } from './finite-chain.ts'

type State = Float32Array
type Options = ForestOptions<State, Tensor>

// Data N(0, 1), 20 steps of the exact kernel; the reward is a parabola, so the target is a Gaussian.
const steps = 20
const process = vpTable(linearBetas(steps, 0.01, 0.5))
const grid = Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps)
const mixture = new GaussianMixture({ means: [[0]], stds: [1] })
const chain = mixtureChain({ mixture, process, grid, branchAt: forestBranches(steps) })
const parabola = (center: number, scale: number): Reward<Tensor> & { logZ: number } => {
  const solvable = quadraticReward([center], scale)
  return {
    name: 'parabola',
    evaluate: async (samples) => samples.map(({ data }) => rewardOf(solvable, data)),
    logZ: tilt(mixture, solvable).logZ,
  }
}
/** The same with little noise, so that every look-ahead says something. */
const clearProcess = vpTable(linearBetas(steps, 0.01, 0.1))
const clear = mixtureChain({ mixture, process: clearProcess, grid, branchAt: forestBranches(steps) })
const constant = (value: number): Reward<Tensor> => ({ name: 'constant', evaluate: async (x) => x.map(() => value) })
const inverted = (reward: Reward<Tensor>, of = chain): ValueFunction<State> =>
  posteriorMean(of, { name: 'inverted', evaluate: async (x) => Array.from(await reward.evaluate(x), (r) => -r) })
/** Numbers that have nothing to do with the reward. */
const chaos: ValueFunction<State> = {
  ...{ name: 'chaos', cost: () => 0, rewardEvaluations: 0, looks: false },
  evaluate: async (states) => states.map(([x]) => 10 * Math.sin(1e5 * x)),
}

/** Mean of `Z / Z exact` over so many runs, and its standard error. */
async function relativeZ(runs: number, logZ: number, options: Omit<Options, 'seed' | 'chain'>) {
  let [sum, squares] = [0, 0]
  for (let seed = 0; seed < runs; seed++) {
    const result = await forest({ chain, ...options, seed })
    const z = Math.exp((result.logZ as number) - logZ)
    sum += z
    squares += z * z
  }
  return { mean: sum / runs, error: Math.sqrt((squares / runs - (sum / runs) ** 2) / runs) }
}

describe('tempered forest: the estimate of Z', () => {
  const sharp = parabola(1.5, 0.5)
  const mild = parabola(0.5, 2)
  const one = { particles: 8, budget: 8 * steps }
  const two = { particles: 8, budget: 16 * steps, guard: true }

  it.each([
    ['look-aheads', sharp, { ...one, guard: false }],
    ['look-aheads, behind a pilot', sharp, two],
    ['random values', sharp, { ...one, guard: false, values: chaos }],
    ['random values, behind a pilot', sharp, { ...two, values: chaos }],
    ['inverted values', mild, { ...one, guard: false, values: inverted(mild) }],
    ['inverted values, behind a pilot', mild, { ...two, values: inverted(mild) }],
    ['one greedy member, at every stop', mild, { ...one, guard: false, mixture: [{ share: 1, ess: 0.2 }], trigger: 1 }],
  ])('%s: unbiased with islands of 8 rows', async (_, reward, options) => {
    const { mean, error } = await relativeZ(1200, reward.logZ, { reward, ...options })
    expect(error).toBeLessThan(0.06)
    expect(Math.abs(mean - 1)).toBeLessThan(4 * error)
  })

  it('without anything to choose by, every leaf weighs the same and Z is exact', async () => {
    const options = { chain, seed: 3, budget: 200 * steps }
    const untilted = await forest({ ...options, reward: sharp, lambda: 0 })
    expect(untilted.logZ).toBe(0)
    const flat = await forest({ ...options, reward: constant(2.5) })
    expect(flat.logZ).toBeCloseTo(2.5, 12)
    for (const { weight } of flat.candidates) expect(weight).toBeCloseTo(1 / flat.candidates.length, 12)
    expect(flat.familyEss).toBeCloseTo(flat.candidates.length, 6)
    expect(flat.logZError).toBeCloseTo(0, 6)
  })

  it('branching for no reason changes the weights and not their mean', async () => {
    const options = { reward: constant(-1), values: chaos, guard: false, particles: 16, budget: 16 * steps }
    const { mean, error } = await relativeZ(500, -1, options)
    expect(error).toBeGreaterThan(0.001)
    expect(Math.abs(mean - 1)).toBeLessThan(4 * error)
  })

  it('its error is the one that the families tell', async () => {
    const runs = 120
    const [errors, logs]: number[][] = [[], []]
    for (let seed = 0; seed < runs; seed++) {
      const { logZ, logZError } = await forest({ chain, reward: sharp, seed, budget: 200 * steps, guard: false })
      logs.push(Math.exp((logZ as number) - sharp.logZ))
      errors.push(logZError)
    }
    const mean = logs.reduce((a, b) => a + b) / runs
    const actual = Math.sqrt(logs.reduce((sum, z) => sum + (z - mean) ** 2, 0) / (runs - 1)) / mean
    const told = errors.reduce((a, b) => a + b) / runs
    expect(told / actual).toBeGreaterThan(0.7)
    expect(told / actual).toBeLessThan(1.4)
  })
})

describe('tempered forest: samples', () => {
  it('converge to the tilted law of an enumerable chain', async () => {
    const world = finiteWorld(4, 4, 3)
    const target = world.target(1)
    const mass = new Float64Array(target.length)
    const { candidates } = await forest({ chain: world.chain, reward: world.reward, seed: 6, budget: 40_000 })
    for (const { sample, weight } of candidates) mass[sample] += weight
    expect(target.reduce((total, p, x) => total + Math.abs(p - mass[x]), 0) / 2).toBeLessThan(0.02)
  })

  it('reach a rare peak that plain rollouts and trees miss', async () => {
    const peak = parabola(2.5, 0.02)
    const options = { chain, reward: peak, budget: 300 * steps }
    const error = { forest: 0, resampling: 0, tree: 0 }
    const runs = 12
    for (let seed = 0; seed < runs; seed++) {
      const all = {
        forest: await forest({ ...options, seed, guard: false }),
        resampling: await importanceResampling({ ...options, seed }),
        tree: await dts({ ...options, seed }),
      }
      for (const name of ['forest', 'resampling', 'tree'] as const) {
        error[name] += Math.abs((all[name].logZ as number) - peak.logZ) / runs
      }
    }
    expect(error.forest).toBeLessThan(error.resampling / 4)
    expect(error.forest).toBeLessThan(error.tree / 4)
  })

  it('node values: their exponentials average to the soft value of the state', async () => {
    const world = finiteWorld(7, 3, 3)
    const soft = world.softValues(1)
    const options = { chain: world.chain, reward: world.reward, seed: 2, budget: 60_000, guard: false }
    const { islands } = await forest(options)
    // At stop 1 of 3, rows in one state average to its value; each counts by the weight that it stands for.
    const sums = soft[1].map(() => ({ weight: 0, value: 0 }))
    for (const island of islands) {
      const values = nodeValues(island)
      const p = island.populations.findIndex(({ stop }) => stop === 1)
      island.populations[p].states.forEach((state, k) => {
        sums[state].weight += 1
        sums[state].value += Math.exp(values[p][k])
      })
    }
    sums.forEach(({ weight, value }, state) => {
      expect(value / weight / Math.exp(soft[1][state])).toBeCloseTo(1, 1)
    })
    expect(() => nodeValues(islands[0], 0)).toThrow('lambda > 0')
    // The value of a final state is its reward, in units of the reward.
    const { islands: tilted } = await forest({ ...options, lambda: 2.5, budget: 600 })
    const rewards = tilted[0].leaves?.map(({ reward }) => reward) ?? []
    expect(rewards.length).toBeGreaterThan(10)
    const ends = nodeValues(tilted[0], 2.5).at(-1) as Float64Array
    ends.forEach((value, k) => {
      expect(value).toBeCloseTo(rewards[k], 10)
    })
  })
})

describe('tempered forest: branching', () => {
  const logWeights = [0, 0.4, -1, 0.2, -0.3, 0.1, 0, -2].map((w) => w)
  const scores = [3, -Infinity, 8, 1, 2, 400, 7, -5]
  const population = { logWeights: Float64Array.from(logWeights), scores: Float64Array.from(scores) }
  const mixture = [
    { share: 0.8, ess: 0.8 },
    { share: 0.2, ess: 0.3 },
  ]

  it.each([population, { ...population, scores: population.scores.map((s) => s * 1e6) }])(
    'conserves mass: summed over all draws, the copies carry what the rows had',
    ({ logWeights, scores }) => {
      const P = branching({ logWeights, scores }, mixture, 1)
      const n = P.length
      expect(P.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
      for (const p of P) expect(p).toBeGreaterThan(0)
      // Every value of the one uniform that matters: a grid far finer than the smallest probability that is not a millionth.
      const points = 200_000
      const mass = new Float64Array(n)
      for (let i = 0; i < points; i++) {
        const u = (i + 0.5) / points
        const counts = new Float64Array(n)
        for (const k of resample('systematic', P, n, { uniform: () => u } as never)) {
          counts[k]++
          mass[k] += Math.exp(logWeights[k]) / (n * P[k]) / points
        }
        if (i % 1000 > 0) continue
        counts.forEach((count, k) => {
          expect(count).toBeGreaterThanOrEqual(Math.floor(n * P[k] - 1e-9))
          expect(count).toBeLessThanOrEqual(Math.ceil(n * P[k] + 1e-9))
        })
      }
      mass.forEach((m, k) => {
        // A grid of u resolves a probability to 1 / points.
        expect(Math.abs(m / Math.exp(logWeights[k]) - 1)).toBeLessThan(1e-3 + 1 / (points * n * P[k]))
      })
    },
  )

  it('tempers to the size that was asked for, or to the cap', () => {
    const even = new Float64Array(64)
    const draws = stream(key(5))
    const s = even.map(() => 30 * draws.normal())
    const beta = temper(even, s, 20, 1)
    expect(temperedSize(even, s, beta)).toBeCloseTo(20, 5)
    expect(beta).toBeLessThan(1)
    expect(temper(even, s, 20, beta / 2)).toBe(beta / 2)
    const unbounded = temper(
      even,
      s.map((v) => v / 1e4),
      20,
      Infinity,
    )
    expect(unbounded / beta).toBeCloseTo(1e4, 0)
    // Two rows that tie for the best: the size never falls below 2.
    expect(temper([0, 0, 0], [0, 0, -1], 1.5, Infinity)).toBeGreaterThan(1e9)
  })

  it('a score of never is far below all others, but a number', () => {
    expect(finiteScores(Float64Array.of(2, -Infinity, -3))).toEqual(Float64Array.of(2, -53, -3))
    expect(finiteScores(Float64Array.of(-Infinity, -Infinity))).toEqual(new Float64Array(2))
  })

  it('a row of too small a weight for any copy keeps a millionth of them', () => {
    const P = branching({ logWeights: Float64Array.of(0, -1000, 0), scores: new Float64Array(3) }, mixture, 1)
    expect(P[1]).toBeCloseTo(1e-6 / 3, 15)
    expect(P[0] + P[1] + P[2]).toBeCloseTo(1, 12)
    const dead = branching({ logWeights: Float64Array.of(0, -Infinity, 0), scores: new Float64Array(3) }, mixture, 1)
    expect(dead).toEqual(Float64Array.of(0.5, 0, 0.5))
  })

  it('a member that is sure of itself narrows the population to its size', () => {
    const even = { logWeights: new Float64Array(40), scores: Float64Array.from({ length: 40 }, (_, i) => i * i) }
    expect(effectiveSampleSize(branching(even, [{ share: 1, ess: 0.3 }], 1))).toBeCloseTo(12, 4)
  })

  it('ranks: ties share theirs, and what never changes goes with nothing', () => {
    expect(rankCorrelation([1, 2, 3, 4], [10, 200, 3000, 4e9])).toBeCloseTo(1, 12)
    expect(rankCorrelation([1, 2, 3], [-Infinity, -5, -7])).toBeCloseTo(0.5, 12)
    // scipy.stats.spearmanr([1, 2, 2, 5], [3, 1, 4, 4])
    expect(rankCorrelation([1, 2, 2, 5], [3, 1, 4, 4])).toBeCloseTo(0.5, 12)
    expect(rankCorrelation([2, 2, 2], [1, 2, 3])).toBe(0)
  })

  it('branch points: 100 steps give the table, other numbers its shape', () => {
    expect(forestBranches(100)).toEqual([100, 90, 80, 70, 60, 50, 40, 35, 30, 25, 20, 16, 12, 9, 6, 4, 2])
    expect(forestBranches(1)).toEqual([1])
    for (const steps of [3, 7, 20, 50, 64, 250, 1000]) {
      const points = forestBranches(steps)
      expect(points[0]).toBe(steps)
      points.slice(1).forEach((left, i) => {
        expect(left).toBeLessThan(points[i])
      })
      expect(points.at(-1)).toBe(Math.max(1, Math.round(0.02 * steps)))
    }
  })
})

describe('tempered forest: islands', () => {
  const reward = parabola(1.5, 0.5)
  const options = { chain, reward, seed: 4, budget: 300 * steps, particles: 16 }

  it('grow with what was done, by counts alone; the last takes the rest', async () => {
    const { islands, nfe } = await forest({ ...options, guard: false })
    const sizes = islands.map(({ leaves }) => leaves?.length)
    expect(sizes).toEqual([16, 16, 16, 16, 19, 24, 32, 41, 54, 66])
    expect(nfe).toBe(300 * steps)
    // What would be left for an island of too few rows joins the last.
    const odd = await forest({ ...options, guard: false, budget: 45 * steps })
    expect(odd.islands.map(({ leaves }) => leaves?.length)).toEqual([16, 29])
  })

  it('the pilot does not branch, and a contrary look-ahead is switched off: what is left is importance resampling', async () => {
    const near = { ...options, chain: clear, particles: 64 }
    const contrary = await forest({ ...near, guard: true, values: inverted(reward, clear) })
    const plain = await forest({ ...near, guard: false, trigger: 0 })
    expect(contrary.caps.every((cap) => cap === 0)).toBe(true)
    expect(contrary.candidates).toEqual(plain.candidates)
    expect(contrary.logZ).toBe(plain.logZ)
    // Where nothing is looked at no reward is asked.
    expect(contrary.rewardEvaluations).toBe(300 + 64 * (forestBranches(steps).length - 1))
    const trusted = await forest({ ...near, guard: true })
    expect(trusted.caps.every((cap) => cap === 1)).toBe(true)
    expect(trusted.islands[0].populations.every(({ logWeights }) => logWeights.every((w) => w === 0))).toBe(true)
  })

  it('is the same at every width', async () => {
    const whole = await forest({ ...options, width: 1 })
    for (const width of [7, 64, 1000]) {
      const again = await forest({ ...options, width })
      expect(again.candidates).toEqual(whole.candidates)
      expect(again.trace).toEqual(whole.trace)
    }
  })

  it('stopped anywhere and resumed at another width, it ends as if it had never stopped', async () => {
    const small = { ...options, budget: 130 * steps, guard: true }
    const snapshots: SavedIslands[] = []
    const whole = await forest({ ...small, onCheckpoint: (save) => void snapshots.push(structuredClone(save())) })
    expect(snapshots.length).toBeGreaterThan(20)
    for (const resume of snapshots.filter((_, i) => i % 5 === 2)) {
      const again = await forest({ ...small, resume, width: 200 })
      expect(again.candidates).toEqual(whole.candidates)
      expect(again.trace).toEqual(whole.trace)
      expect([again.familyEss, again.caps]).toEqual([whole.familyEss, whole.caps])
    }
    await expect(forest({ ...small, grow: 0, resume: snapshots[0] })).rejects.toThrow('grow')
  })

  it('a finished forest grows on under a larger budget, and keeps its trees', async () => {
    const small = await forest({ ...options, budget: 90 * steps, guard: true })
    const grown = await forest({ ...options, budget: 300 * steps, guard: true, resume: small.save() })
    expect(grown.nfe).toBe(300 * steps)
    grown.candidates.slice(0, 90).forEach(({ sample }, i) => {
      expect(sample).toEqual(small.candidates[i].sample)
    })
  })

  it('says how far it can be trusted, and draws without any model', async () => {
    const few = await forest({ chain, reward: parabola(3, 0.02), seed: 1, budget: 8 * steps })
    expect(few.warning).toContain('independent ones')
    const many = await forest({ ...options, budget: 1000 * steps })
    expect(many.warning).toBeUndefined()
    const drawn = many.draw(200, 9)
    expect(new Set(drawn).size).toBeLessThan(200)
    expect(many.repeats(200)).toBeGreaterThan(0)
    expect(Math.abs(200 - new Set(drawn).size - many.repeats(200))).toBeLessThan(15)
    expect(many.repeats(1)).toBeCloseTo(0, 12)
  })

  it.each([
    [{ particles: 1 }, 'an island of 1 rows'],
    [{ grow: -1 }, 'grow is -1'],
    [{ trigger: 2 }, 'the trigger is 2'],
    [{ mixture: [{ share: 0.5, ess: 0.5 }] }, 'sum to 0.5'],
    [{ mixture: [{ share: 1, ess: 0 }] }, 'expected share and ess in (0, 1]'],
    [{ budget: 19 }, 'less than one rollout'],
  ])('%j is refused', async (wrong, message) => {
    await expect(async () => forest({ ...options, ...wrong })).rejects.toThrow(message)
  })
})
