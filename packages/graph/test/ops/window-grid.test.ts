import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkCase, failures, type OpCase, x } from './harness.ts'

const axis = fc.record({
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  begin: fc.integer({ min: 0, max: 2 }),
  end: fc.integer({ min: 0, max: 2 }),
  size: fc.integer({ min: 1, max: 8 }),
  extra: fc.integer({ min: 0, max: 2 }),
})

const geometry = fc.record({
  axes: fc.array(axis, { minLength: 1, maxLength: 3 }).map((axes) =>
    // Three axes of full size would take a second each.
    axes.map((a) => (axes.length === 3 ? { ...a, size: Math.min(a.size, 4), kernel: Math.min(a.kernel, 3) } : a)),
  ),
  group: fc.integer({ min: 1, max: 3 }),
  into: fc.integer({ min: 1, max: 2 }),
  out: fc.integer({ min: 1, max: 2 }),
  bias: fc.boolean(),
})

type Geometry = typeof geometry extends fc.Arbitrary<infer T> ? T : never

const attributesOf = ({ axes, group }: Geometry) => ({
  group,
  strides: axes.map((a) => a.stride),
  dilations: axes.map((a) => a.dilation),
  pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
})

const check = async (c: OpCase): Promise<void> => {
  expect(failures(c, await checkCase(c))).toEqual([])
}

// Linear in x and in the weights apart: the finite differences of a bilinear map are exact up to rounding.
const firstOnly = 'second derivatives are in the table of cases'
const extent = (a: Geometry['axes'][number]): number => (a.kernel - 1) * a.dilation + 1

describe('any geometry', () => {
  it('Conv', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, fc.nat(), async (g, seed) => {
        fc.pre(g.axes.every((a) => a.size + a.begin + a.end >= extent(a)))
        const [c, o] = [g.group * g.into, g.group * g.out]
        await check({
          op: 'Conv',
          note: `seed ${seed}`,
          inputs: [
            x(['N', c, ...g.axes.map((a) => a.size)]),
            x([o, g.into, ...g.axes.map((a) => a.kernel)]),
            g.bias ? x([o]) : undefined,
          ],
          attributes: attributesOf(g),
          free: [2],
          firstOnly,
        })
      }),
      { numRuns: 120, seed: 1 },
    )
  })

  it('ConvTranspose, with output padding', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, fc.nat(), async (g, seed) => {
        const output_padding = g.axes.map((a) => Math.min(a.extra, a.stride - 1))
        fc.pre(g.axes.every((a, i) => (a.size - 1) * a.stride + extent(a) + output_padding[i] - a.begin - a.end >= 1))
        const [c, o] = [g.group * g.into, g.group * g.out]
        await check({
          op: 'ConvTranspose',
          note: `seed ${seed}`,
          inputs: [
            x(['N', c, ...g.axes.map((a) => a.size)]),
            x([c, g.out, ...g.axes.map((a) => a.kernel)]),
            g.bias ? x([o]) : undefined,
          ],
          attributes: { ...attributesOf(g), output_padding },
          free: [2],
          firstOnly,
        })
      }),
      { numRuns: 120, seed: 1 },
    )
  })

  it.each(['MaxPool', 'AveragePool', 'LpPool'])('%s', async (op) => {
    const pool = fc.record({ geometry, ceil: fc.boolean(), include: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(pool, fc.nat(), async ({ geometry: { axes: given, into }, ceil, include }, seed) => {
        // A pool's padding is smaller than its kernel.
        const axes = given.map((a) => ({
          ...a,
          begin: Math.min(a.begin, a.kernel - 1),
          end: Math.min(a.end, a.kernel - 1),
        }))
        fc.pre(axes.every((a) => a.size + a.begin + a.end >= extent(a)))
        const { group: _, ...attributes } = attributesOf({ axes, group: 1, into, out: 1, bias: false })
        await check({
          op,
          note: `seed ${seed}`,
          opset: 19,
          inputs: [x(['N', into, ...axes.map((a) => a.size)])],
          attributes: {
            ...attributes,
            kernel_shape: axes.map((a) => a.kernel),
            ceil_mode: Number(ceil),
            count_include_pad: op === 'AveragePool' ? Number(include) : undefined,
          },
          free: [2],
          firstOnly,
          linear: op === 'AveragePool',
        })
      }),
      { numRuns: 80, seed: 1 },
    )
  })
})
