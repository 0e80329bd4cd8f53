import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { type Denoiser, GaussianMixture, logSnrGrid, uniformGrid, vpCosine, vpLinear } from '../../src/process/index.ts'
import {
  advance,
  ddim,
  ddpm,
  deis,
  type ExecuteOptions,
  execute,
  HERE,
  isStochastic,
  type Kept,
  memoryAt,
  nfeOf,
  type Plan,
  parsePlan,
  type Stage,
  start,
  stepsOf,
} from '../../src/solve/index.ts'
import {
  BufferPool,
  concatenate,
  fold,
  gather,
  type Key,
  key,
  normal,
  purpose,
  row,
  type Tensor,
} from '../../src/tensor/index.ts'
import { problemG } from '../process/worlds.ts'
import { counted, order, rowKeys, rows } from './helpers.ts'

const process = vpLinear()
const denoiser = problemG.denoiser(process)
const stochastic = ddpm()(process, uniformGrid(process, 6))

const make = (grid: readonly number[], target: 'data' | 'noise', stages: readonly Stage[]): Plan =>
  parsePlan({ type: 'plan', name: 'test', process: process.name, target, grid, stages })

/** Noise-prediction coefficients of the exponential integrator: `x_to = psi x + sum c_j e_j`. */
const rho = (t: number) => Math.exp(-process.logSnr(t))
const psi = (from: number, to: number) => process.a(to) / process.a(from)

/** Variable-step Adams-Bashforth 2 in rho (DEIS rhoAB, r = 1): a plan that remembers one prediction. */
function adamsBashforth(grid: readonly number[]): Plan {
  const stages = grid.slice(0, -1).map((from, step) => {
    const to = grid[step + 1]
    const d = rho(to) - rho(from)
    const before = step > 0 ? rho(from) - rho(grid[step - 1]) : Infinity
    const old = (d * d) / (2 * before)
    const predictions = [process.a(to) * (d + old), -process.a(to) * old].slice(0, step > 0 ? 2 : 1)
    return { step, time: from, ask: HERE, states: [psi(from, to)], predictions, noise: 0 }
  })
  return make(grid, 'noise', stages)
}

/** Heun in rho (rhoRK Heun2): the second stage of a step reads the state before the first, and both predictions. */
function heun(grid: readonly number[]): Plan {
  const stages = grid.slice(0, -1).flatMap((from, step): Stage[] => {
    const to = grid[step + 1]
    const c = process.a(to) * (rho(to) - rho(from))
    return [
      { step, time: from, ask: HERE, states: [psi(from, to)], predictions: [c], noise: 0 },
      { step, time: to, ask: HERE, states: [0, psi(from, to)], predictions: [c / 2, c / 2], noise: 0 },
    ]
  })
  return make(grid, 'noise', stages)
}

/**
 * Adams-Bashforth 2 predictor with trapezoidal corrector in rho, one call per step: the network is asked at the
 * predicted point (a combination of the corrected state and two old predictions), and corrects the state.
 */
function predictorCorrector(grid: readonly number[]): Plan {
  const n = grid.length - 1
  const stages: Stage[] = []
  const weights = (i: number) => {
    // From grid[i] to grid[i + 1]: [newest, older] of the predictor.
    const d = rho(grid[i + 1]) - rho(grid[i])
    const old = i > 0 ? (d * d) / (2 * (rho(grid[i]) - rho(grid[i - 1]))) : 0
    return [process.a(grid[i + 1]) * (d + old), -process.a(grid[i + 1]) * old].slice(0, i > 0 ? 2 : 1)
  }
  for (let i = 0; i < n; i++) {
    // Stage i asks at grid[i] and leaves the corrected state at grid[i]; the last one goes on to grid[n].
    const p = i > 0 ? psi(grid[i - 1], grid[i]) : 1
    const half = i > 0 ? (process.a(grid[i]) * (rho(grid[i]) - rho(grid[i - 1]))) / 2 : 0
    const ask = i > 0 ? { states: [p], predictions: weights(i - 1) } : HERE
    let states = [p]
    let predictions = i > 0 ? [half, half] : []
    if (i === n - 1) {
      const q = psi(grid[i], grid[n])
      const w = weights(i)
      states = [p * q]
      predictions = [0, 1].map((j) => q * (predictions[j] ?? 0) + (w[j] ?? 0))
    }
    stages.push({ step: i, time: grid[i], ask, states, predictions, noise: 0 })
  }
  return make(grid, 'noise', stages)
}

describe('execute', () => {
  it('asks the network once per step at the times of the grid, and counts it', async () => {
    const model = counted(denoiser)
    const x = rows([0.1, 0.2, 0.3])
    await execute(stochastic, model, x, { keys: rowKeys(1, 3) })
    expect(model.times).toEqual(stochastic.grid.slice(0, -1))
    expect(model.rows).toBe(3 * nfeOf(stochastic))
    expect([...x.data]).toEqual([...rows([0.1, 0.2, 0.3]).data])
  })

  it('gives a row the same bits in any batch, at any place', async () => {
    const keys = rowKeys(2, 12)
    const x = start(stochastic, denoiser, keys)
    const all = await execute(stochastic, denoiser, x, { keys })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(11), { minLength: 1, maxLength: 9 }), async (chosen) => {
        const some = await execute(stochastic, denoiser, gather(x, chosen), { keys: chosen.map((i) => keys[i]) })
        expect(some).toEqual(gather(all, chosen))
      }),
      { numRuns: 20 },
    )
  })

  it.each<[string, (grid: readonly number[]) => Plan]>([
    ['ancestral', (grid) => ddpm()(process, grid)],
    ['ddim', (grid) => ddim({ eta: 0.3 })(process, grid)],
    ['multistep', adamsBashforth],
    ['multi-stage', heun],
    ['predictor-corrector', predictorCorrector],
  ])('gives the same bits in one run and in blocks of steps (%s)', async (_, solver) => {
    const plan = solver(uniformGrid(process, 6, { to: 0.01 }))
    const keys = rowKeys(3, 4)
    const x = start(plan, denoiser, keys)
    const whole = await execute(plan, denoiser, x, { keys })
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 5 })), async (cuts) => {
        let kept: Kept = { states: [x], predictions: [] }
        const marks = [0, ...cuts.sort(), 6]
        for (let i = 1; i < marks.length; i++) {
          kept = await advance(plan, denoiser, kept, { keys, from: marks[i - 1], to: marks[i] })
          expect(kept.states.length - 1).toBe(memoryAt(plan, marks[i]).states)
          expect(kept.predictions.length).toBe(memoryAt(plan, marks[i]).predictions)
        }
        expect(kept.states[0]).toEqual(whole)
      }),
      { numRuns: 12 },
    )
  })

  it('draws the noise of stage i from fold(key, i)', async () => {
    const k = key(77)
    const x = rows([0.4])
    const z = new Float32Array(1)
    const point = await execute(stochastic, denoiser, x, { keys: [k], from: 2, to: 3 })
    const { states, predictions, noise, time } = stochastic.stages[2]
    normal(fold(k, 2), z)
    const m = (await denoiser.predict(x, Float64Array.of(time!), 'data')).data[0]
    expect(point.data[0]).toBe(Math.fround(states[0] * x.data[0] + predictions[0] * m + noise * z[0]))
  })

  it('starts from the keys alone', () => {
    const keys = rowKeys(4, 3)
    const x = start(stochastic, denoiser, keys)
    const z = new Float32Array(1)
    normal(purpose(keys[2], 'start'), z)
    expect(x.shape).toEqual([3, 1])
    expect(x.data[2]).toBe(Math.fround(z[0] * process.s(1)))
  })

  it('reports every step, and leaves an empty range alone', async () => {
    const seen: [number, number][] = []
    const x = rows([0.3])
    await execute(heun(uniformGrid(process, 3, { to: 0.1 })), denoiser, x, {
      onStep: ({ step, time, steps, state, prediction }) => {
        seen.push([step, time])
        expect([steps, state.shape, prediction?.shape]).toEqual([3, [1, 1], [1, 1]])
      },
    })
    expect(seen.map(([step]) => step)).toEqual([0, 1, 2])
    expect(seen[2][1]).toBe(0.1)
    const same = await execute(stochastic, denoiser, x, { from: 3, to: 3 })
    expect(same).toEqual(x)
    expect(same.data).not.toBe(x.data)
  })

  it('passes conditions through, and events of any shape and batch of none', async () => {
    const world = new GaussianMixture({ means: [[0, 1, 2, 3]], stds: [0.1], event: [1, 2, 2] })
    let given: unknown
    const inner = world.denoiser(process)
    const model: Denoiser = {
      ...inner,
      predict: (x, t, target, condition) => {
        given = condition
        return inner.predict(x, t, target)
      },
    }
    const plan = ddim()(process, logSnrGrid(process, 30))
    const condition = { label: rows([3]) }
    const end = await execute(plan, model, start(plan, model, rowKeys(1, 1)), { condition })
    expect(given).toBe(condition)
    expect(end.shape).toEqual([1, 1, 2, 2])
    end.data.forEach((v, i) => {
      expect(Math.abs(v - i)).toBeLessThan(0.6)
    })
    expect((await execute(plan, model, start(plan, model, []))).shape).toEqual([0, 1, 2, 2])
  })

  it('stops at an abort before the next call', async () => {
    const controller = new AbortController()
    const model = counted(denoiser)
    const run = execute(stochastic, model, rows([1]), {
      keys: rowKeys(1, 1),
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === 1) controller.abort(new Error('enough'))
      },
    })
    await expect(run).rejects.toThrow('enough')
    expect(model.calls).toBe(2)
  })
})

describe('the buffers of a run', () => {
  it('are those of the caller where it gives its states away', async () => {
    const keys = rowKeys(1, 9)
    const x = start(stochastic, denoiser, keys)
    const fresh = await execute(stochastic, denoiser, x, { keys })
    expect(fresh.data).not.toBe(x.data)
    expect(x).toEqual(start(stochastic, denoiser, keys))
    const own = await execute(stochastic, denoiser, x, { keys, inPlace: true })
    expect(own).toEqual(fresh)
    expect(own.data).toBe(x.data)
  })

  it('are few, and given back to the denoiser only when no stage needs them', async () => {
    const grid = uniformGrid(process, 12, { to: 1e-3 })
    const plan = deis({ order: 3 })(process, grid)
    const seen = new Set<Tensor>()
    const given: (Tensor | undefined)[] = []
    const writing: Denoiser = {
      ...denoiser,
      async predict(x, t, target, condition, into) {
        given.push(into)
        // What the executor gives away is worth nothing to it.
        into?.data.fill(Number.NaN)
        const result = await denoiser.predict(x, t, target, condition, into)
        seen.add(result)
        return result
      },
    }
    const fresh: Denoiser = { ...denoiser, predict: (x, t, target) => denoiser.predict(x, t, target) }
    const x = rows([-1, 0.3, 2])
    const once = await execute(plan, writing, x)
    expect(once).toEqual(await execute(plan, fresh, x))
    expect(given.map((tensor) => tensor !== undefined)).toEqual([...Array(3).fill(false), ...Array(9).fill(true)])
    expect(seen.size).toBe(3)
    // Predictions that the caller kept are the caller's.
    const first = await advance(plan, fresh, { states: [x], predictions: [] }, { to: 5 })
    const before = first.predictions.map(({ data }) => [...data])
    expect((await advance(plan, writing, first, { from: 5 })).states[0]).toEqual(once)
    expect(first.predictions.map(({ data }) => [...data])).toEqual(before)
  })

  it('are lent from run to run, but for what was returned', async () => {
    const grid = uniformGrid(process, 12, { to: 1e-3 })
    const pool = new BufferPool()
    const taken = vi.spyOn(pool, 'take')
    const x = rows([-1, 0.3, 2])
    for (const plan of [stochastic, deis({ order: 3 })(process, grid)]) {
      const keys = rowKeys(1, 3)
      const blocks = async (own: ExecuteOptions) => {
        const first = await advance(plan, denoiser, { states: [x], predictions: [] }, { keys, to: 4, ...own })
        return { first, last: await advance(plan, denoiser, first, { keys, from: 4, ...own }) }
      }
      const fresh = await blocks({})
      const all = [await blocks({ pool }), await blocks({ pool }), await blocks({ pool })]
      // Runs that came later have not touched what the first ones gave.
      for (const one of all) expect(one).toEqual(fresh)
    }
    taken.mockClear()
    for (let run = 0; run < 9; run++) await execute(stochastic, denoiser, x, { keys: rowKeys(run, 3), pool })
    const lent = taken.mock.results.map(({ value }) => value as ArrayBuffer)
    expect(lent.length).toBe(18)
    expect(new Set(lent).size).toBe(2)
  })
})

describe('errors of execute', () => {
  const broken = (badRow: number, badCall: number, value = Number.NaN): Denoiser => {
    let calls = 0
    return {
      ...denoiser,
      predict: async (x, t, target) => {
        const y = await denoiser.predict(x, t, target)
        if (++calls === badCall) y.data[badRow] = value
        return y
      },
    }
  }

  it('name step, time and row where the network returns NaN or infinity', async () => {
    const plan = ddim()(process, [1, 0.75, 0.5, 0])
    const x = rows([1, 2, 3])
    await expect(execute(plan, broken(1, 2), x)).rejects.toThrow(
      'ddim(eta=0), step 2 of 3 (t = 0.75 to 0.5): the data prediction of row 1 is not finite, network asked at t = 0.75',
    )
    await expect(execute(plan, broken(2, 3, Infinity), x)).rejects.toThrow('step 3 of 3')
  })

  it('name the step where the network itself fails', async () => {
    const failing: Denoiser = { ...denoiser, predict: async () => Promise.reject(new Error('row 0 is NaN')) }
    const run = execute(ddim()(process, [1, 0.5, 0]), failing, rows([1]))
    await expect(run).rejects.toThrow('ddim(eta=0), step 1 of 2 (t = 1 to 0.5): row 0 is NaN')
  })

  it('tell a state that overflows from a prediction that is broken', async () => {
    const grid = [1, 0.5]
    const stage = { step: 0, time: 1, ask: HERE, states: [1e30], predictions: [1e30], noise: 0 }
    await expect(execute(make(grid, 'data', [stage]), denoiser, rows([1e20]))).rejects.toThrow('the state of row 0')
  })

  it('say what does not fit', async () => {
    const x = rows([1, 2])
    const keys = rowKeys(1, 2)
    await expect(execute(stochastic, denoiser, x)).rejects.toThrow('got 0 keys for 2 rows')
    await expect(execute(stochastic, denoiser, x, { keys: rowKeys(1, 3) })).rejects.toThrow('got 3 keys for 2 rows')
    await expect(execute(stochastic, denoiser, x, { keys, from: 4, to: 3 })).rejects.toThrow('from step 4 to step 3')
    await expect(execute(stochastic, denoiser, x, { keys, to: 7 })).rejects.toThrow('a plan of 6 steps')
    await expect(execute(stochastic, problemG.denoiser(vpCosine()), x, { keys })).rejects.toThrow(
      'the plan is for the process vp-linear(0.1,20), got vp-cosine(0.008)',
    )
    const wide: Tensor = { shape: [1, 2], data: Float32Array.of(1, 2) }
    await expect(execute(stochastic, denoiser, wide, { keys: rowKeys(1, 1) })).rejects.toThrow('got [1,2]')
    const remembers = adamsBashforth(uniformGrid(process, 4, { to: 0.1 }))
    await expect(execute(remembers, denoiser, x, { from: 2 })).rejects.toThrow('continue it with advance()')
  })
})

/** Plans of any shape: stages that call or do not, and read as far back as has been kept. */
const anyPlan = fc
  .array(fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 })
  .chain((steps) => {
    const calls = steps.flatMap((stages, step) => stages.map((call) => ({ step, call })))
    const list = (kept: number, minLength = 0) =>
      fc.array(fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: -1, max: 1, noNaN: true })), {
        minLength,
        maxLength: Math.min(4, kept),
      })
    return fc.tuple(
      ...calls.map(({ step, call }, i) => {
        const asked = calls.slice(0, i).filter((before) => before.call).length
        return fc.record({
          step: fc.constant(step),
          time: call ? fc.double({ min: 0.05, max: 1, noNaN: true }) : fc.constant(null),
          ask: call ? fc.record({ states: list(i + 1, 1), predictions: list(asked) }) : fc.constant(HERE),
          states: list(i + 1),
          predictions: list(asked + (call ? 1 : 0)),
          noise: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
        })
      }),
    )
  })
  .map((stages: Stage[]) =>
    make(
      Array.from({ length: stages.at(-1)!.step + 2 }, (_, i) => 1 - i / 8),
      'data',
      stages,
    ),
  )

/** The definition of a plan, keeping everything, one row of one number at a time. */
async function interpret(plan: Plan, x: number, k: Key): Promise<number> {
  const states = [Math.fround(x)]
  const predictions: number[] = []
  const dot = (c: readonly number[], v: readonly number[], sum: number) =>
    c.reduce((total, value, j) => total + (value === 0 ? 0 : value * v[j]), sum)
  for (const [i, stage] of plan.stages.entries()) {
    if (stage.time !== null) {
      const at = Math.fround(dot(stage.ask.predictions, predictions, dot(stage.ask.states, states, 0)))
      predictions.unshift((await denoiser.predict(rows([at]), Float64Array.of(stage.time), plan.target)).data[0])
    }
    const z = new Float32Array(1)
    normal(fold(k, i), z)
    states.unshift(
      Math.fround(dot([stage.noise], [...z], dot(stage.predictions, predictions, dot(stage.states, states, 0)))),
    )
  }
  return states[0]
}

describe('any plan', () => {
  it('does what its table says, in one run and in two blocks', async () => {
    await fc.assert(
      fc.asyncProperty(anyPlan, fc.nat(4), async (plan, cut) => {
        const keys = rowKeys(8, 2)
        const x = rows([0.6, -1.1])
        const expected = await Promise.all([...x.data].map((v, i) => interpret(plan, v, keys[i])))
        const whole = await execute(plan, denoiser, x, { keys })
        expect([...whole.data].map((v) => v + 0)).toEqual(expected.map((v) => v + 0))
        const middle = Math.min(cut, stepsOf(plan))
        const first = await advance(plan, denoiser, { states: [x], predictions: [] }, { keys, to: middle })
        const second = await advance(plan, denoiser, first, { keys, from: middle })
        expect(second.states[0]).toEqual(whole)
      }),
      { numRuns: 300 },
    )
  })
})

describe('one table carries every kind of solver', () => {
  const grid = (n: number) =>
    Array.from({ length: n + 1 }, (_, i) => process.timeOfLogSnr(-Math.log(1.2 - (0.7 * i) / n)))
  const x = [-1, 0.3, 0.9]
  const [from, to] = [grid(1)[0], grid(1)[1]]
  const exact = x.map((v) => problemG.flow(process, [v], from, to)[0])

  it.each<[string, (grid: readonly number[]) => Plan, number]>([
    ['a multistep method', adamsBashforth, 2],
    ['a method with two stages', heun, 2],
    ['a predictor-corrector', predictorCorrector, 2],
  ])('%s has its order', async (_, solver, expected) => {
    const ns = [6, 12, 24]
    const errors: number[] = []
    for (const n of ns) {
      const end = await execute(solver(grid(n)), denoiser, rows(x))
      errors.push(Math.hypot(...exact.map((v, i) => end.data[i] - v)))
    }
    expect(order(ns, errors)).toBeGreaterThan(expected - 0.25)
    expect(order(ns, errors)).toBeLessThan(expected + 0.6)
  })

  it('Heun in rho has its golden values on problem G', async () => {
    const times = Array.from({ length: 9 }, (_, i) => 1 + ((1e-3 - 1) * i) / 8)
    const plan = heun(times)
    expect(nfeOf(plan)).toBe(16)
    expect([nfeOf(plan, 2, 5), memoryAt(plan, 3)]).toEqual([6, { states: 0, predictions: 0 }])
    const end = await execute(plan, denoiser, rows([-1, 0.3, 2]))
    const golden = [-1.39280702, 0.33621337, 1.90423608]
    end.data.forEach((v, i) => {
      expect(Math.abs(v - golden[i])).toBeLessThan(2e-5)
    })
  })

  it('a stage without a call adds noise that two stages share', async () => {
    // z is a state of its own; the step then reads x and z: x + 0.5 z, and from that again x + 0.5 z - 0.5 z = x.
    const none = { states: [], predictions: [] }
    const plan = make([1, 0.5], 'data', [
      { step: 0, time: null, ask: none, states: [], predictions: [], noise: 1 },
      { step: 0, time: null, ask: none, states: [0.5, 1], predictions: [], noise: 0 },
      { step: 0, time: null, ask: none, states: [1, -0.5], predictions: [], noise: 0 },
    ])
    const keys = rowKeys(5, 2)
    const z = new Float32Array(1)
    normal(fold(keys[1], 0), z)
    const seen: number[] = []
    const model = counted(denoiser)
    const end = await execute(plan, model, rows([1, 2]), { keys, onStep: ({ state }) => void seen.push(state.data[1]) })
    expect(end.data[1]).toBeCloseTo(2, 6)
    expect([model.calls, nfeOf(plan), isStochastic(plan, 0), seen.length]).toEqual([0, 0, true, 1])
    expect(Math.abs(z[0])).toBeGreaterThan(0)
  })

  it('batches joined of different blocks equal their parts', async () => {
    const keys = rowKeys(6, 4)
    const a = start(stochastic, denoiser, keys)
    const joined = await execute(stochastic, denoiser, concatenate([a, a]), { keys: [...keys, ...keys] })
    expect(row(joined, 1)).toEqual(row(joined, 5))
  })
})
