import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  customGrid,
  type Denoiser,
  edm,
  flow,
  karrasGrid,
  logSnrGrid,
  type Process,
  subVp,
  uniformGrid,
  ve,
  viewed,
  vpCosine,
  vpLinear,
  vpTable,
  zeroTerminalSnr,
} from '../../src/process/index.ts'
import { ddim, execute } from '../../src/solve/index.ts'
import { problemG } from './worlds.ts'

const family: Process[] = [vpLinear(), vpCosine(), subVp(), ve(), edm(), flow(), flow({ shift: 3 })]
const pairs = family.flatMap((own) => family.filter((other) => other !== own).map((other) => [own, other] as const))

describe('a view', () => {
  it.each(pairs.map(([own, other]) => [own.name, other.name, own, other] as const))(
    'of a denoiser of %s on %s says the same of the same world',
    async (_own, _other, own, other) => {
      const view = viewed(problemG.denoiser(own), other)
      expect(view.process.name).toBe(other.name)
      // all times between the view's first and last one
      const { from, last } = { from: uniformGrid(view.process, 1)[0], last: logSnrGrid(view.process, 2)[1] }
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true })), {
            minLength: 1,
            maxLength: 5,
          }),
          async (rows) => {
            const t = Float64Array.from(rows, ([share]) => last + share * (from - last))
            const data = Float32Array.from(rows, ([, x], i) => x * (other.a(t[i]) + other.s(t[i])))
            const x = { shape: [rows.length, 1], data }
            for (const target of ['data', 'noise'] as const) {
              const [seen, wanted] = await Promise.all([
                view.predict(x, t, target),
                problemG.denoiser(other).predict(x, t, target),
              ])
              seen.data.forEach((v, i) => {
                // float32 states are rounded once more on the way to the other scale
                const size = 1 + Math.abs(data[i]) / other.s(t[i])
                expect(Math.abs(v - wanted.data[i])).toBeLessThan(1e-6 * size * 30)
              })
            }
          },
        ),
        { numRuns: 30 },
      )
    },
  )

  it('samples alike on every process: DDIM on the same noise levels, from the same noise', async () => {
    const own = problemG.denoiser(vpLinear())
    const rhos = Array.from({ length: 41 }, (_, i) => 40 * (0.011 / 40) ** (i / 40))
    const noise = Float32Array.from({ length: 64 }, (_, i) => 2.5 * Math.sin(1 + 7 * i))
    const ends = await Promise.all(
      family.map(async (process) => {
        const view = viewed(own, process)
        const plan = ddim()(process, customGrid({ rhos })(process, 40))
        const s = process.s(plan.grid[0])
        const { data } = await execute(plan, view, { shape: [64, 1], data: noise.map((v) => s * v) })
        return data.map((v) => v / process.a(plan.grid[40]))
      }),
    )
    for (const end of ends) {
      end.forEach((v, i) => {
        expect(Math.abs(v - ends[0][i])).toBeLessThan(2e-4) // float32 states of size 40 at the start
      })
    }
    // and they have gone somewhere: to the three modes
    expect(new Set(Array.from(ends[0], (v) => Math.round(v))).size).toBeGreaterThan(2)
  })

  it('serves rows without signal where its network does', async () => {
    const own = vpTable(zeroTerminalSnr([0.1, 0.3, 0.5]))
    const view = viewed(problemG.denoiser(own), flow())
    const x = { shape: [1, 1], data: Float32Array.of(0.4) }
    const { data } = await view.predict(x, Float64Array.of(1), 'data')
    const prior = problemG.means.reduce((sum, mean, k) => sum + problemG.weights[k] * mean[0], 0)
    expect(data[0]).toBeCloseTo(prior, 6)
    expect(view.process.start).toBe(1)
  })

  it('refuses noise levels that the network does not have, and starts and jumps within them', async () => {
    const view = viewed(problemG.denoiser(vpLinear()), flow())
    const x = { shape: [1, 1], data: Float32Array.of(0.4) }
    await expect(async () => view.predict(x, Float64Array.of(1), 'data')).rejects.toThrow(
      /^vp-linear\(0\.1,20\) has the noise levels rho = 0 to 152\.\d+, got Infinity/,
    )
    const [first] = uniformGrid(view.process, 4)
    expect(flow().logSnr(first)).toBeCloseTo(vpLinear().logSnr(1), 10)
    await view.predict(x, Float64Array.of(first), 'data')
    // a network without clean levels: the last call is at its least noise
    const exploding = viewed(problemG.denoiser(ve()), vpLinear())
    const times = karrasGrid(exploding.process, 4)
    expect(Math.exp(-vpLinear().logSnr(times[3]))).toBeCloseTo(0.01, 10)
    expect(times[4]).toBe(0)
  })

  it('keeps what it costs and whom it can ask', async () => {
    const asked: number[][] = []
    const own: Denoiser = {
      process: vpLinear(),
      event: [1],
      rowCost: (t) => 1 + t,
      predict: async (x) => x,
      predictEach: async (x, t) => {
        asked.push([...x.data, ...t])
        return x
      },
    }
    const view = viewed(own, edm())
    const t = 0.01
    const at = vpLinear().timeOfLogSnr(edm().logSnr(t))
    const cost = view.rowCost as (t: number) => number
    expect(cost(t)).toBeCloseTo(1 + at, 12)
    await view.predictEach?.({ shape: [1, 1], data: Float32Array.of(2) }, Float64Array.of(t), ['data'])
    expect(asked[0][0]).toBeCloseTo(2 * vpLinear().a(at), 6)
    expect(asked[0][1]).toBeCloseTo(at, 12)
    expect(viewed(own, vpLinear())).toBe(own)
  })
})
