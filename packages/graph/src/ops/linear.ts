/** Products: MatMul, Gemm. */
import type { Expr } from '../build.ts'
import { broadcast, required } from '../facts.ts'
import { sizeOf } from '../model.ts'
import type { NdArray, OpTable } from '../op.ts'

/** Batched matrix product in float64. */
export function matmul(a: NdArray, b: NdArray, shape: readonly number[]): NdArray {
  const as = a.shape.length === 1 ? [1, a.shape[0]] : a.shape
  const bs = b.shape.length === 1 ? [b.shape[0], 1] : b.shape
  const [m, k, n] = [as[as.length - 2], as[as.length - 1], bs[bs.length - 1]]
  const batch = broadcast([as.slice(0, -2), bs.slice(0, -2)], 'MatMul')
  const count = sizeOf(batch)
  const data = new Float64Array(count * m * n)
  const offset = (flat: number, dims: readonly number[]): number => {
    let at = 0
    let step = 1
    for (let i = batch.length - 1; i >= 0; i--) {
      const d = dims[i - (batch.length - dims.length)]
      if (d !== undefined) {
        if (d !== 1) at += (flat % batch[i]) * step
        step *= d
      }
      flat = Math.floor(flat / batch[i])
    }
    return at
  }
  for (let c = 0; c < count; c++) {
    const pa = offset(c, as.slice(0, -2)) * m * k
    const pb = offset(c, bs.slice(0, -2)) * k * n
    for (let i = 0; i < m; i++)
      for (let l = 0; l < k; l++) {
        const v = a.data[pa + i * k + l]
        if (v === 0) continue
        for (let j = 0; j < n; j++) data[(c * m + i) * n + j] += v * b.data[pb + l * n + j]
      }
  }
  return { shape, data }
}

const transposed = (x: NdArray): NdArray => {
  const [r, c] = x.shape
  const data = new Float64Array(x.data.length)
  for (let i = 0; i < r; i++) for (let j = 0; j < c; j++) data[j * r + i] = x.data[i * c + j]
  return { shape: [c, r], data }
}

/** `A^T B` summed over all rows, as one large Gemm: `A` is [.., n, p], `B` is [.., n, q], the result [p, q]. */
export function gramian(a: Expr, b: Expr): Expr {
  const flat = (e: Expr): Expr => (e.rank === 2 ? e : e.reshape([-1, e.size(-1)]))
  return a.b.op('Gemm', [flat(a), flat(b)], { transA: 1 })
}

export const linear: OpTable = {
  MatMul: {
    infer: (inputs, call) => {
      const [a, b] = [required(inputs, 0, call), required(inputs, 1, call)]
      if (a.shape.length === 0 || b.shape.length === 0) call.fail('a scalar cannot be multiplied as a matrix')
      const as = a.shape.length === 1 ? [1, a.shape[0]] : a.shape
      const bs = b.shape.length === 1 ? [b.shape[0], 1] : b.shape
      if (as[as.length - 1] !== bs[bs.length - 2]) call.fail(`shapes [${a.shape}] and [${b.shape}] do not chain`)
      const batch = broadcast([as.slice(0, -2), bs.slice(0, -2)], call.label)
      const rows = a.shape.length === 1 ? [] : [as[as.length - 2]]
      const columns = b.shape.length === 1 ? [] : [bs[bs.length - 1]]
      return [{ type: a.type, shape: [...batch, ...rows, ...columns] }]
    },
    evaluate: ([a, b], _, outputs) => [matmul(a!, b!, outputs[0].shape)],
    vjp: ({ x: [a0, b0], g0, needs }) => {
      // 1-D operands become a row and a column for the rule, and lose that axis again.
      const a = a0.rank === 1 ? a0.unsqueeze([0]) : a0
      const b = b0.rank === 1 ? b0.unsqueeze([1]) : b0
      let g = g0
      if (b0.rank === 1) g = g.unsqueeze([g.rank])
      if (a0.rank === 1) g = g.unsqueeze([g.rank - 1])
      const da = needs(0) ? g.matmul(b.T).unbroadcast(a).reshapeLike(a0) : undefined
      if (!needs(1)) return [da, undefined]
      const db = b.rank === 2 ? gramian(a, g) : a.T.matmul(g).unbroadcast(b)
      return [da, db.reshapeLike(b0)]
    },
  },
  Gemm: {
    infer: (inputs, call) => {
      const [a, b] = [required(inputs, 0, call), required(inputs, 1, call)]
      if (a.shape.length !== 2 || b.shape.length !== 2)
        call.fail(`expected matrices, got shapes [${a.shape}] and [${b.shape}]`)
      const [m, k] = call.int('transA', 0) ? [a.shape[1], a.shape[0]] : a.shape
      const [l, n] = call.int('transB', 0) ? [b.shape[1], b.shape[0]] : b.shape
      if (k !== l) call.fail(`shapes [${a.shape}] and [${b.shape}] do not chain`)
      return [{ type: a.type, shape: [m, n] }]
    },
    evaluate: ([a, b, c], call, outputs) => {
      const left = call.int('transA', 0) ? transposed(a!) : a!
      const right = call.int('transB', 0) ? transposed(b!) : b!
      const y = matmul(left, right, outputs[0].shape)
      const alpha = call.float('alpha', 1)
      const beta = call.float('beta', 1)
      const [m, n] = outputs[0].shape
      const cs = c ? [...new Array<number>(2 - c.shape.length).fill(1), ...c.shape] : [1, 1]
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          const bias = c ? c.data[(cs[0] === 1 ? 0 : i) * cs[1] + (cs[1] === 1 ? 0 : j)] : 0
          y.data[i * n + j] = alpha * y.data[i * n + j] + beta * bias
        }
      return [y]
    },
    vjp: ({ b: build, x: [a, b, c], g0, call, needs }) => {
      const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)]
      const [tA, tB] = [call.int('transA', 0), call.int('transB', 0)]
      const gemm = (p: Expr, q: Expr, transA: number, transB: number): Expr =>
        build.op('Gemm', [p, q], { alpha, transA, transB })
      return [
        needs(0) ? (tA ? gemm(b, g0, tB, 1) : gemm(g0, b, 0, 1 - tB)) : undefined,
        needs(1) ? (tB ? gemm(g0, a, 1, tA) : gemm(a, g0, 1 - tA, 0)) : undefined,
        c && needs(2) ? (beta === 1 ? g0 : g0.mul(beta)).unbroadcast(c) : undefined,
      ]
    },
  },
}
