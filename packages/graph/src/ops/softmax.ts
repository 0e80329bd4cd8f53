/** Softmax family. Before opset 13 the sum ran over all axes from `axis` on. */

import type { Expr } from '../build.ts'
import { axisOf, required } from '../facts.ts'
import { sizeOf } from '../model.ts'
import type { NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'

function normalisedAxes(rank: number, call: OpCall): number[] {
  if (call.opset >= 13) return [axisOf(call.int('axis', -1), rank, call)]
  const first = axisOf(call.int('axis', 1), rank, call)
  return Array.from({ length: rank - first }, (_, i) => first + i)
}

function rows(x: NdArray, axes: readonly number[], f: (row: Float64Array) => void): NdArray {
  // The axes are neighbours, so one row is `inner` apart.
  const inner = sizeOf(x.shape.slice(axes[axes.length - 1] + 1))
  const length = sizeOf(axes.map((a) => x.shape[a]))
  const data = x.data.slice()
  const row = new Float64Array(length)
  for (let outer = 0; outer < data.length / (inner * length); outer++)
    for (let i = 0; i < inner; i++) {
      const base = outer * length * inner + i
      for (let k = 0; k < length; k++) row[k] = data[base + k * inner]
      f(row)
      for (let k = 0; k < length; k++) data[base + k * inner] = row[k]
    }
  return { shape: x.shape, data }
}

function softmaxRow(row: Float64Array, log: boolean): void {
  const m = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const z = row.reduce((a, b) => a + Math.exp(b - m), 0)
  for (let k = 0; k < row.length; k++) row[k] = log ? row[k] - m - Math.log(z) : Math.exp(row[k] - m) / z
}

/** 1 at the first largest element of the row, 0 elsewhere. */
function hardmaxRow(row: Float64Array): void {
  let best = 0
  for (let k = 1; k < row.length; k++) if (row[k] > row[best]) best = k
  row.fill(0)
  row[best] = 1
}

function normalised(log: boolean, dx: (y: Expr, g: Expr, axes: readonly number[]) => Expr): OpDefinition {
  return {
    infer: (inputs, call) => [{ type: required(inputs, 0, call).type, shape: inputs[0]!.shape }],
    evaluate: ([x], call) => [rows(x!, normalisedAxes(x!.shape.length, call), (row) => softmaxRow(row, log))],
    vjp: ({ x: [x], y: [y], g0, call }) => [dx(y, g0, normalisedAxes(x.rank, call))],
  }
}

export const softmaxes: OpTable = {
  // dx = y (g - sum(g y))
  Softmax: normalised(false, (y, g, axes) => y.mul(g.sub(g.mul(y).sum(axes, true)))),
  // dx = g - exp(y) sum(g)
  LogSoftmax: normalised(true, (y, g, axes) => g.sub(y.exp().mul(g.sum(axes, true)))),
  Hardmax: {
    infer: (inputs, call) => [{ type: required(inputs, 0, call).type, shape: inputs[0]!.shape }],
    evaluate: ([x], call) => [rows(x!, normalisedAxes(x!.shape.length, call), hardmaxRow)],
    vjp: 'zero',
  },
}
