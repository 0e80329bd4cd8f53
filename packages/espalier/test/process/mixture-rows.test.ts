import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expNegative } from '../../src/process/exponential.ts'
import { assembleMixtureKernel, fits, loadMixtureKernel } from '../../src/process/mixture-kernel.ts'
import { MixtureRows } from '../../src/process/mixture-rows.ts'
import { key, normal, stream } from '../../src/tensor/index.ts'

describe('exp(x) for x <= 0', () => {
  it('is within 2 ulp of Math.exp, and 0 at the end', () => {
    const draws = stream(key(1))
    for (let i = 0; i < 20_000; i++) {
      const x = -(10 ** (6 * draws.uniform() - 3.2))
      const wanted = Math.exp(x)
      if (x >= -708) expect(Math.abs(expNegative(x) - wanted)).toBeLessThanOrEqual(4.5e-16 * wanted)
      else expect(expNegative(x)).toBe(0)
    }
    expect([0, -0, -708.1, -1e300, -Infinity].map(expNegative)).toEqual([1, 1, 0, 0, 0])
    expect(expNegative(Number.NaN)).toBeNaN()
  })
})

describe('the kernel for mixtures', () => {
  it('can be compiled at once on the main thread of a browser', () => {
    expect(assembleMixtureKernel().length).toBeLessThan(4096)
    expect(loadMixtureKernel()).toBeDefined()
  })

  it('gives the bits of the loop over single rows', () => {
    const worlds = fc.record({
      seed: fc.nat(),
      n: fc.integer({ min: 1, max: 7 }),
      d: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(100, 511, 513)),
      rows: fc.integer({ min: 64, max: 700 }),
      from: fc.nat(5),
      s: fc.oneof(fc.double({ min: 1e-9, max: 50, noNaN: true }), fc.constant(0)),
      target: fc.constantFrom('data' as const, 'noise' as const),
      scale: fc.constantFrom(0.1, 1, 30, 1e20),
    })
    fc.assert(
      fc.property(worlds, ({ seed, n, d, rows, from, s, target, scale }) => {
        const draws = stream(key(seed))
        const list = <T>(length: number, make: () => T) => Array.from({ length }, make)
        const means = list(n, () => list(d, () => 3 * draws.normal()))
        const some = Math.ceil((from + rows) / (d > 50 ? 8 : 1))
        const world = new MixtureRows(
          means,
          list(n, () => draws.uniform()),
          list(n, () => draws.uniform()),
        )
        const x = new Float32Array(some * d)
        normal(key(seed), x)
        for (let i = 0; i < x.length; i++) x[i] *= scale
        world.at(0.3 + draws.uniform(), s, target)
        const [out, expected] = [new Float32Array(x.length).fill(9), new Float32Array(x.length).fill(9)]
        world.predictAll(x, from, some, out)
        for (let row = from; row < some; row++) world.predict(x, row * d, expected)
        const [p, q] = [new Int32Array(out.buffer), new Int32Array(expected.buffer)]
        expect(p.findIndex((word, i) => word !== q[i])).toBe(-1)
      }),
    )
  })

  it('carries what is not a number to its own row alone', () => {
    const world = new MixtureRows(
      [
        [-2, 0],
        [2, 1],
      ],
      [0.3, 0.4],
      [0.5, 0.5],
    )
    world.at(0.8, 0.6, 'data')
    const x = new Float32Array(200)
    normal(key(3), x)
    x[20] = Number.NaN
    x[31] = Infinity
    const out = new Float32Array(200)
    world.predictAll(x, 0, 100, out)
    expect([...out.keys()].filter((i) => !Number.isFinite(out[i])).map((i) => i >> 1)).toEqual([10, 10, 15, 15])
  })

  it('leaves worlds that do not fit in its memory to the loop', () => {
    expect([fits(2, 2), fits(256, 2), fits(257, 1), fits(3, 513), fits(4, 512)]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
})
