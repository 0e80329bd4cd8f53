import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { conditioned, stitch, switchTimes } from '../../src/guide/index.ts'
import { energyDistance } from '../../src/measure/index.ts'
import {
  type Denoiser,
  flow,
  GaussianMixture,
  logSnrGrid,
  rowCostAt,
  uniformGrid,
  vpLinear,
} from '../../src/process/index.ts'
import { counted } from '../../src/runtime/meter.ts'
import { ddim, ddpm, dpmSolverPlusPlus, execute, heun, nfeOf, start } from '../../src/solve/index.ts'
import { fold, key, row, type Tensor } from '../../src/tensor/index.ts'
import { answers, draw, recorder } from './helpers.ts'

const process = vpLinear()

// Three modes in the plane; the small model knows only their mean and covariance (isotropic here).
const modes = [0, 1, 2].map((k) => [2 * Math.cos((2 * Math.PI * k) / 3), 2 * Math.sin((2 * Math.PI * k) / 3)])
const world = new GaussianMixture({ means: modes, stds: [0.2, 0.2, 0.2] })
const blob = new GaussianMixture({ means: [[0, 0]], stds: [Math.sqrt(0.04 + 2)] })
const large = world.denoiser(process)
const small = blob.denoiser(process)
const keys = Array.from({ length: 400 }, (_, i) => fold(key(5), i))

const firstThen = (fraction: number, grid: readonly number[], first: Denoiser, then: Denoiser) =>
  stitch([{ denoiser: first, until: switchTimes(grid, [fraction, 1 - fraction])[0] }, { denoiser: then }])

describe('stitching', () => {
  test.each([
    ['ddim', ddim()],
    ['ddpm', ddpm()],
    ['dpm-solver++', dpmSolverPlusPlus()],
    ['heun', heun()],
  ])('%s: all of the steps by one model is that model, to the last bit', async (_, solver) => {
    const plan = solver(process, logSnrGrid(process, 7))
    const own = keys.slice(0, 5)
    const x = start(plan, large, own)
    const run = (denoiser: Denoiser) => execute(plan, denoiser, x, { keys: own })
    expect((await run(firstThen(1, plan.grid, small, large))).data).toEqual((await run(small)).data)
    expect((await run(firstThen(0, plan.grid, small, large))).data).toEqual((await run(large)).data)
    for (const fraction of [0.2, 0.5]) {
      expect((await run(firstThen(fraction, plan.grid, large, large))).data).toEqual((await run(large)).data)
    }
  })

  test('each model makes its fraction of the steps, on every grid', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        async (n, fraction, uniform) => {
          const grid = (uniform ? uniformGrid : logSnrGrid)(process, n)
          const plan = ddim()(process, grid)
          const [few, many] = [{ nfe: 0 }, { nfe: 0 }]
          const both = firstThen(fraction, grid, counted(small, few), counted(large, many))
          await execute(plan, both, start(plan, both, keys.slice(0, 2)))
          expect(few.nfe).toBe(2 * Math.round(fraction * n))
          expect(few.nfe + many.nfe).toBe(2 * nfeOf(plan, 0, n, both))
        },
      ),
      { numRuns: 50 },
    ))

  test('three models: milestones of the steps, and a middle model with none', async () => {
    const grid = uniformGrid(process, 10)
    expect(switchTimes(grid, [0.3, 0.3, 0.4])).toEqual([grid[3], grid[6]])
    expect(switchTimes(grid, [0.1, 0.2, 0.7])).toEqual([grid[1], grid[3]])
    expect(switchTimes(grid, [1])).toEqual([])
    const [first, second] = switchTimes(grid, [0.4, 0, 0.6])
    const none = recorder(large)
    const three = stitch([{ denoiser: small, until: first }, { denoiser: none, until: second }, { denoiser: large }])
    const plan = ddim()(process, grid)
    const x = start(plan, large, keys.slice(0, 3))
    expect((await execute(plan, three, x)).data).toEqual(
      (await execute(plan, firstThen(0.4, grid, small, large), x)).data,
    )
    expect(none.calls).toEqual([])
  })

  test('rows of one call go to the model of their time, with their conditions, and come back in place', async () => {
    const a = recorder(answers(process, [2], [1, 2]))
    const b = recorder(answers(process, [2], [3, 4]))
    const both = stitch([{ denoiser: a, until: 0.5 }, { denoiser: b }])
    const condition = { label: { shape: [4], data: Float32Array.of(10, 11, 12, 13) } }
    const result = await both.predict(draw(4, [2], 1), Float64Array.of(0.4, 0.6, 0.5, 0.51), 'data', condition)
    expect(Array.from(result.data)).toEqual([3, 4, 1, 2, 3, 4, 1, 2])
    expect([a.calls, b.calls].map(([call]) => call.times)).toEqual([
      [0.6, 0.51],
      [0.4, 0.5],
    ])
    expect([a.calls, b.calls].map(([call]) => [...call.condition!.label.data])).toEqual([
      [11, 13],
      [10, 12],
    ])
    const own = conditioned(a, { style: { shape: [1], data: Float32Array.of(7) } })
    const bound = stitch([{ denoiser: own, until: 0.5 }, { denoiser: b }])
    await bound.predict(draw(2, [2], 1), Float64Array.of(0.4, 0.6), 'data')
    expect([a.calls[1].condition?.style.data[0], b.calls[1].condition]).toEqual([7, undefined])
  })

  test('costs are those of the model that serves', () => {
    const cheap = { ...small, rowCost: 0.1 }
    const guided = { ...large, rowCost: (t: number) => (t > 0.2 ? 2 : 1) }
    const both = stitch([{ denoiser: cheap, until: 0.5 }, { denoiser: guided }])
    expect([0.7, 0.4, 0.1].map((t) => rowCostAt(both, t))).toEqual([0.1, 2, 1])
    expect(stitch([{ denoiser: cheap, until: 0.5 }, { denoiser: cheap }]).rowCost).toBe(0.1)
    const grid = uniformGrid(process, 10)
    expect(nfeOf(ddim()(process, grid), 0, 10, both)).toBeCloseTo(5 * 0.1 + 3 * 2 + 2, 10)
  })

  test('small first costs nothing until a knee, large first is useless; the small model is right in the noise', async () => {
    const plan = ddim()(process, uniformGrid(process, 50))
    const fine = ddim()(process, uniformGrid(process, 1000))
    const x = start(plan, large, keys)
    const target = await execute(fine, large, x)
    const data: Tensor = {
      shape: [400, 2],
      data: Float32Array.from(keys.flatMap((own) => [...world.sample(fold(own, 9))])),
    }
    const distance = (y: Tensor) =>
      Math.sqrt(y.data.reduce((sum, v, i) => sum + (v - target.data[i]) ** 2, 0) / y.data.length)
    const measure = async (fraction: number, first: Denoiser, then: Denoiser) => {
      const y = await execute(plan, firstThen(fraction, plan.grid, first, then), x)
      return { rms: distance(y), energy: energyDistance(y, data) }
    }
    const none = await measure(0, small, large)
    for (const fraction of [0.3, 0.5]) {
      const { rms, energy } = await measure(fraction, small, large)
      expect(rms).toBeLessThan(1.2 * none.rms)
      expect(energy).toBeLessThan(none.energy + 0.005)
      const reversed = await measure(fraction, large, small)
      expect(reversed.rms).toBeGreaterThan(4 * rms)
      expect(reversed.energy).toBeGreaterThan(0.05)
    }
    const late = await measure(0.8, small, large)
    const all = await measure(1, small, large)
    expect(late.rms).toBeGreaterThan(4 * none.rms)
    expect(all.rms).toBeGreaterThan(late.rms)

    const apart = [0.9, 0.6, 0.3].map((t) => {
      const at = (mixture: GaussianMixture, i: number) =>
        mixture.predict(row(x, i), process.a(t), process.s(t), 'noise', new Float64Array(2))
      let [difference, size] = [0, 0]
      for (let i = 0; i < 100; i++) {
        const [e, f] = [at(blob, i), at(world, i)]
        difference += (e[0] - f[0]) ** 2 + (e[1] - f[1]) ** 2
        size += f[0] ** 2 + f[1] ** 2
      }
      return Math.sqrt(difference / size)
    })
    expect(apart[0]).toBeLessThan(1e-4)
    expect(apart[1]).toBeGreaterThan(apart[0])
    expect(apart[2]).toBeGreaterThan(apart[1])
  })

  test('refuses what does not fit together', () => {
    expect(() => stitch([])).toThrow('at least one model')
    expect(() => stitch([{ denoiser: small, until: 0.5 }, { denoiser: blob.denoiser(flow()) }])).toThrow(
      'of different processes, vp-linear',
    )
    expect(() => stitch([{ denoiser: small, until: 0.5 }, { denoiser: answers(process, [3], [0]) }])).toThrow(
      'make [2] and [3]',
    )
    expect(() => stitch([{ denoiser: small, until: 0.5 }])).toThrow('leave out its until')
    expect(() => stitch([{ denoiser: small }, { denoiser: large }])).toThrow('Model 0 of a stitch of 2 needs an until')
    const parts = [{ denoiser: small, until: 0.3 }, { denoiser: small, until: 0.4 }, { denoiser: large }]
    expect(() => stitch(parts)).toThrow('Model 1 of a stitch of 3 needs an until, not above')
    expect(() => switchTimes([1, 0], [0.5, 0.6])).toThrow('add up to 1, got 0.5 + 0.6')
  })
})
