import { describe, expect, it } from 'vitest'
import { isFloat, normalize, vjp } from '../../src/index.ts'
import { families } from './cases/index.ts'
import { modelOf } from './harness.ts'

// What gradient rules may add to a graph: kernels that CPU, WASM and WebGPU have. On the GPU of a browser a missing
// kernel is no error but a copy to the CPU and back (missing there: Sign Min Max Sum Mean And Or Xor Mod Round
// ScatterElements TopK Softplus Softsign LogSoftmax Trilu OneHot PRelu Selu Celu Mish GroupNormalization Col2Im
// SpaceToDepth LpNormalization IsNaN).
const allowed = new Set(
  `Abs Add AveragePool Cast Concat ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace Div Einsum Equal Erf Exp Expand
   Floor Gather GatherElements GatherND Gemm Greater Identity Less Log MatMul Mul Neg Pad Pow Range Reciprocal ReduceMean
   ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ScatterND Shape Sigmoid Sin Sinh Size Slice Split Sqrt Squeeze Sub Tanh
   Transpose Unsqueeze Where`.split(/\s+/),
)

describe('gradient rules emit only operators that every runtime has', () => {
  const all = Object.values(families).flat()
  it.each([...new Set(all.map((c) => c.op))])('%s', (name) => {
    const cases = all.filter((c) => c.op === name)
    const surplus = new Set<string>()
    for (const c of cases) {
      const model = modelOf(c, 'float32')
      // Raising old operators to newer ones may itself bring others in.
      const own = new Set([...model.graph.nodes, ...normalize(model).graph.nodes].map((n) => n.op))
      const outputs = model.graph.outputs
        .map((o) => o.name)
        .filter((name, i) => isFloat(model.graph.outputs[i].type) && name)
      const wrt = c.inputs.flatMap((v, i) => (v?.type === 'float' && !v.constant ? [`x${i}`] : []))
      if (wrt.length === 0 || outputs.length === 0 || c.wrt?.length === 0) continue
      for (const { op } of vjp(model, { wrt: c.wrt?.map((i) => `x${i}`) ?? wrt, outputs }).graph.nodes)
        if (!own.has(op) && !allowed.has(op)) surplus.add(op)
    }
    expect([...surplus]).toEqual([])
  })
})
