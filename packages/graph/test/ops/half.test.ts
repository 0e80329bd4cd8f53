import { describe, expect, it } from 'vitest'
import { type Expr, evaluate, GraphBuilder, type NdArray, vjp } from '../../src/index.ts'
import { families } from './cases/index.ts'
import { difference, nameOf, type OpCase, openOrt, Random } from './harness.ts'

// The same operators inside a float16 island: rules must type every constant by its tensor.
// (Kernels that the runtime has for float32 alone are wrapped in casts by it.)
// Celu is float32 by its schema; ONNX Runtime expands MeanVarianceNormalization with float32 constants.
const float32Only = ['Celu', 'MeanVarianceNormalization']
const all = Object.values(families).flat()
const plain = all.filter(
  (c) =>
    c.inputs.length > 0 &&
    c.inputs.every((v) => v?.type === 'float' && !v.constant) &&
    !c.build &&
    !c.withoutOrt &&
    !float32Only.includes(c.op),
)
const first = [...new Set(plain.map((c) => c.op))].map((op) => plain.find((c) => c.op === op) as OpCase)

function island(c: OpCase) {
  const b = new GraphBuilder({ opset: c.opset ?? 18 })
  const inputs = c.inputs.map((v, i) => b.input(`x${i}`, v?.shape ?? []).cast('float16'))
  b.call(c.op, inputs as Expr[], c.attributes, c.outputs ?? 1).forEach((y, i) => {
    b.output(`y${i}`, y.cast('float32'))
  })
  return b.build()
}

describe('float16', () => {
  it.each(first.map((c) => [nameOf(c), c] as const))('%s', async (_, c) => {
    const model = island(c)
    const gradient = vjp(model, { keepOutputs: true })
    const random = new Random(7)
    const feeds: Record<string, NdArray> = {}
    for (const [i, v] of c.inputs.entries()) {
      const shape = v!.shape.map((d) => (typeof d === 'number' ? d : 2))
      const data = Float64Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, k) => v!.value(random, k))
      // Numbers that float16 holds, so that only the arithmetic rounds.
      feeds[`x${i}`] = { shape, data: data.map((d) => Math.round(d * 256) / 256) }
    }
    const y = evaluate(model, feeds)
    for (const [name, a] of Object.entries(y))
      feeds[`grad_${name}`] = { shape: a.shape, data: a.data.map(() => Math.round(random.normal() * 256) / 256) }
    const want = evaluate(gradient, feeds)
    const got = await (await openOrt(gradient))(feeds)
    for (const name of Object.keys(want)) expect(difference(got[name], want[name], 0.1), name).toBeLessThan(0.02)
  })
})
