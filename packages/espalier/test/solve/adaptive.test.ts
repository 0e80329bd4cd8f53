import { describe, expect, it } from 'vitest'
import { type Denoiser, flow, vpLinear } from '../../src/process/index.ts'
import { dpmSolverSinglestep, executeAdaptive, interpret } from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'
import { askOf } from './golden.ts'
import { counted, rows } from './helpers.ts'

const process = vpLinear()
const denoiser = problemG.denoiser(process)
const range = { from: 0.9, to: 0.02 }
const starts = [-1, 0.3, 2]
const flowOf = (x: number) => problemG.flow(process, [x], range.from, range.to)[0]

describe.each([2, 3] as const)('executeAdaptive of order %s', (order) => {
  it.each(['data', 'noise'] as const)('meets its tolerance, and a smaller one with more calls (%s)', async (target) => {
    const worst: number[] = []
    const calls: number[] = []
    for (const tolerance of [1e-2, 1e-3, 1e-4]) {
      const options = { ...range, order, target, absolute: tolerance, relative: tolerance }
      const { state, calls: spent } = await executeAdaptive(denoiser, rows(starts), options)
      worst.push(Math.max(...starts.map((x, i) => Math.abs(state.data[i] - flowOf(x)))))
      calls.push(Math.max(...spent))
    }
    worst.forEach((error, i) => {
      expect(error).toBeLessThan(10 ** -(i + 2) * 5)
    })
    expect(calls[0]).toBeLessThan(calls[1])
    expect(calls[1]).toBeLessThan(calls[2])
  })

  it('takes steps of the singlestep solver, each within the tolerance', async () => {
    const tolerance = 0.01
    const options = { ...range, order, absolute: tolerance, relative: 0 }
    const { state, times, calls, rejected } = await executeAdaptive(denoiser, rows([2]), options)
    const solver = (q: number, r1: number) => dpmSolverSinglestep({ order: q, inner: 'ratio', r1 })
    const r1 = order === 2 ? 1 / 2 : 1 / 3
    const grid = times[0]
    let x = [2]
    for (let k = 0; k < grid.length - 1; k++) {
      const [low, high] = [solver(order - 1, r1), solver(order, r1)].map(
        (s) => interpret(s(process, [grid[k], grid[k + 1]]), askOf(process, 'data'), x).states[0][0],
      )
      expect(Math.abs(high - low)).toBeLessThan(tolerance * 1.0001)
      x = [high]
    }
    expect(state.data[0]).toBeCloseTo(x[0], 5)
    expect([grid[0], grid[grid.length - 1]]).toEqual([range.from, range.to])
    expect(calls[0]).toBe((grid.length - 1) * order + rejected[0] * (order - 1))
  })

  it('gives a row the same result alone and in a batch, and counts every row that it asks', async () => {
    const counter = counted(denoiser)
    const batch = await executeAdaptive(counter, rows(starts), { ...range, order })
    expect(counter.rows).toBe(batch.calls.reduce((sum, n) => sum + n, 0))
    for (let i = 0; i < starts.length; i++) {
      const alone = await executeAdaptive(denoiser, rows([starts[i]]), { ...range, order })
      expect(alone.state.data[0]).toBe(batch.state.data[i])
      expect(alone.times[0]).toEqual(batch.times[i])
    }
    expect(new Set(batch.times.map(String)).size).toBe(3)
  })
})

describe('executeAdaptive', () => {
  it('ends at clean data with a jump, on any process', async () => {
    for (const p of [process, flow()]) {
      const { state, times } = await executeAdaptive(problemG.denoiser(p), rows([0.5]), { from: 0.9, last: 0.02 })
      expect(times[0].slice(-2)).toEqual([0.02, 0])
      const last = problemG.flow(p, [0.5], 0.9, 0.02)
      const end = problemG.predict(last, p.a(0.02), p.s(0.02), 'data', new Float64Array(1))
      expect(state.data[0]).toBeCloseTo(end[0], 2)
    }
    const { times } = await executeAdaptive(denoiser, rows([0.5]))
    expect(times[0][0]).toBe(1)
    expect(times[0][times[0].length - 1]).toBe(0)
  })

  it('gives each row its own condition', async () => {
    const shifted: Denoiser = {
      ...denoiser,
      predict: async (x, t, target, condition) => {
        const out = await denoiser.predict(x, t, target)
        return { ...out, data: out.data.map((v, i) => v + 0.1 * condition!.shift.data[i]) }
      },
    }
    const ends = await executeAdaptive(shifted, rows(starts), { ...range, condition: { shift: rows([0, 1, 2]) } })
    for (let i = 0; i < 3; i++) {
      const condition = { shift: rows([i]) }
      const alone = await executeAdaptive(shifted, rows([starts[i]]), { ...range, condition })
      expect(alone.state.data[0]).toBe(ends.state.data[i])
    }
  })

  it('stops on a signal, on what is not finite, and on options that make no sense', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(executeAdaptive(denoiser, rows([1]), { signal })).rejects.toThrow('enough')
    await expect(executeAdaptive(denoiser, rows([1, Number.NaN]))).rejects.toThrow('row 1 is not finite at t = 1')
    await expect(executeAdaptive(denoiser, rows([1]), { order: 4 as 3 })).rejects.toThrow('orders 2 and 3, got 4')
    await expect(executeAdaptive(denoiser, rows([1]), { absolute: 0, relative: 0 })).rejects.toThrow('tolerances')
  })
})
