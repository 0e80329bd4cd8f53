import { type Expr, GraphBuilder, type Model, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { key, normal, type Tensor } from 'espalier/tensor'
import { depthToSpace, Layers, spaceToDepth } from 'espalier/train'
import { describe, expect, it } from 'vitest'

const runtime = nodeRuntime({ workers: 0 })

async function evaluate(model: Model, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await runtime.load(writeModel(model))
  const outputs = await session.run(feeds)
  await session.release()
  return outputs as unknown as Record<string, Tensor>
}

const random = (seed: number, shape: number[]): Tensor => {
  const data = new Float32Array(shape.reduce((a, d) => a * d, 1))
  normal(key(seed), data)
  return { shape, data }
}

const layer = (shape: number[], write: (layers: Layers, x: Expr) => Expr): Model => {
  const b = new GraphBuilder()
  const layers = new Layers(b, key(3))
  b.output('y', write(layers, b.input('x', ['N', ...shape])))
  return b.build()
}

describe('layers', () => {
  it('group normalisation gives each group mean 0 and variance 1', async () => {
    const x = random(1, [3, 6, 4, 4])
    for (let i = 0; i < x.data.length; i++) x.data[i] = 5 * x.data[i] + i / 40
    const { y } = await evaluate(
      layer([6, 4, 4], (layers, input) => layers.groupNorm('norm', input, 2)),
      { x },
    )
    expect(y.shape).toEqual([3, 6, 4, 4])
    for (let group = 0; group < 6; group++) {
      const values = y.data.slice(group * 48, (group + 1) * 48)
      const mean = values.reduce((a, v) => a + v, 0) / 48
      expect(mean).toBeCloseTo(0, 5)
      expect(values.reduce((a, v) => a + (v - mean) ** 2, 0) / 48).toBeCloseTo(1, 3)
    }
  })

  it('a residual block and attention start as the identity', async () => {
    const x = random(2, [2, 8, 5, 5])
    const model = layer([8, 5, 5], (layers, input) =>
      layers.attention('attention', layers.residual('block', input, 8, undefined, 4), 2, 4),
    )
    expect((await evaluate(model, { x })).y.data).toEqual(x.data)
  })

  it('attention averages the values where all keys are equal', async () => {
    // Every position holds the same channels, so all weights are 1 / tokens and the output equals at all positions.
    const b = new GraphBuilder()
    const layers = new Layers(b, key(3))
    b.output('y', layers.attention('attention', b.input('x', ['N', 8, 3, 3]), 2, 4))
    const model = b.build()
    const weight = model.graph.initializers.get('attention.out.weight')
    normal(key(9), weight!.data as Float32Array)
    const pixel = random(4, [8])
    const x = { shape: [1, 8, 3, 3], data: Float32Array.from({ length: 72 }, (_, i) => pixel.data[Math.floor(i / 9)]) }
    const { y } = await evaluate(model, { x })
    expect(y.data).not.toEqual(x.data)
    for (let channel = 0; channel < 8; channel++)
      for (let i = 1; i < 9; i++) expect(y.data[channel * 9 + i]).toBeCloseTo(y.data[channel * 9], 5)
  })

  it('space to depth and back is the identity; channels hold the 2x2 blocks', async () => {
    const x = random(5, [2, 3, 4, 6])
    const there = await evaluate(
      layer([3, 4, 6], (_, input) => spaceToDepth(input)),
      { x },
    )
    expect(there.y.shape).toEqual([2, 12, 2, 3])
    // Channel 0, block (0, 0): pixels (0,0) (0,1) (1,0) (1,1) become channels 0..3 of position 0.
    expect([0, 1, 2, 3].map((c) => there.y.data[c * 6])).toEqual([0, 1, 6, 7].map((i) => x.data[i]))
    const back = await evaluate(
      layer([3, 4, 6], (_, input) => depthToSpace(spaceToDepth(input))),
      { x },
    )
    expect(back.y).toMatchObject({ shape: x.shape, data: x.data })
  })

  it('sinusoids are sin and cos of geometric frequencies', async () => {
    const b = new GraphBuilder()
    const layers = new Layers(b, key(3))
    b.output('y', layers.sinusoids(b.input('t', ['N']), 3, 1, 100))
    const { y } = await evaluate(b.build(), { t: { shape: [2], data: Float32Array.of(0, 0.25) } })
    expect(y.shape).toEqual([2, 6])
    const expected = [
      0,
      0,
      0,
      1,
      1,
      1,
      ...[1, 10, 100].map((f) => Math.sin(f / 4)),
      ...[1, 10, 100].map((f) => Math.cos(f / 4)),
    ]
    expected.forEach((value, i) => {
      expect(y.data[i]).toBeCloseTo(value, 5)
    })
  })

  it('weights depend on seed and name, not on the order of the layers', () => {
    const weights = (seed: number, names: string[]) => {
      const b = new GraphBuilder()
      const layers = new Layers(b, key(seed))
      const x = b.input('x', ['N', 16])
      for (const name of names) b.output(name, layers.linear(name, x, 8))
      return b.build().graph.initializers
    }
    const [one, other, third] = [weights(1, ['p', 'q']), weights(1, ['q', 'p']), weights(2, ['p', 'q'])]
    expect(other.get('p.weight')).toEqual(one.get('p.weight'))
    expect(third.get('p.weight')).not.toEqual(one.get('p.weight'))
    expect(one.get('q.weight')).not.toEqual(one.get('p.weight'))
    const values = one.get('p.weight')!.data as Float32Array
    // 128 draws of variance 1/16: the mean square is within 4 standard errors.
    const square = values.reduce((a, v) => a + v * v, 0) / values.length
    expect(Math.abs(square * 16 - 1)).toBeLessThan(4 * Math.sqrt(2 / 128))
  })

  it('refuses groups that do not divide the channels', () => {
    expect(() => layer([6, 4, 4], (layers, x) => layers.groupNorm('norm', x, 4))).toThrow('6 channels')
  })
})
