import type { Process } from '../../src/process/index.ts'
import { problemG } from '../process/worlds.ts'

/** Solves a small linear system by Gaussian elimination with pivots. */
export function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]])
  const n = rows.length
  for (let c = 0; c < n; c++) {
    const pivot = rows.slice(c).reduce((best, row, i) => (Math.abs(row[c]) > Math.abs(rows[best][c]) ? c + i : best), c)
    ;[rows[c], rows[pivot]] = [rows[pivot], rows[c]]
    for (let r = 0; r < n; r++) {
      if (r === c) continue
      const factor = rows[r][c] / rows[c][c]
      for (let j = c; j <= n; j++) rows[r][j] -= factor * rows[c][j]
    }
  }
  return rows.map((row, i) => row[n] / row[i])
}

/** The UniPC coefficients as the paper and its code write them: a linear system with B(h) on its right side. */
export function uniPcSystem(rs: readonly number[], hh: number, b: 'bh1' | 'bh2', corrector: boolean): number[] {
  const p = rs.length + 1
  const r = corrector ? [...rs, 1] : rs
  if (!corrector && p === 2) return [0.5]
  if (corrector && p === 1) return [0.5]
  const B = b === 'bh1' ? hh : Math.expm1(hh)
  let g = Math.expm1(hh) / hh - 1
  let factorial = 1
  const matrix: number[][] = []
  const right: number[] = []
  for (let k = 1; k <= r.length; k++) {
    matrix.push(r.map((v) => v ** (k - 1)))
    right.push((factorial * g) / B)
    factorial *= k + 1
    g = g / hh - 1 / factorial
  }
  return r.length === 0 ? [] : solve(matrix, right)
}

/** What momentum and DualFast change in a step; both see scalars. */
export interface Hooks {
  /** The direction d of `x_to = (s_to / s) x + a_to (1 - exp(-h)) d`. */
  readonly direction?: (d: number, kind: 'predictor' | 'corrector', k: number) => number
  /** The data prediction of the first-order term of step k, from the one at its start. */
  readonly first?: (m: number, k: number) => number
}

/** A data prediction that has been asked: its step, the point, the value. */
export interface Asked {
  readonly x: number
  readonly m: number
}

/**
 * UniPC of order p, data prediction, on problem G, as a loop over one number: the algorithm of the paper, with hooks.
 * @param asked filled with the predictions in order
 */
export function literalUniPc(
  process: Process,
  grid: readonly number[],
  start: number,
  order: number,
  b: 'bh1' | 'bh2',
  hooks: Hooks = {},
  asked: Asked[] = [],
): number {
  const { direction = (d) => d, first = (m) => m } = hooks
  const n = grid.length - 1
  const lambda = grid.map(process.logSnr)
  const ask = (x: number, k: number) => {
    const out = new Float64Array(1)
    problemG.predict([x], process.a(grid[k]), process.s(grid[k]), 'data', out)
    asked.push({ x, m: out[0] })
  }
  let x = start
  ask(x, 0)
  for (let k = 0; k < n; k++) {
    const p = Math.min(order, k + 1, n - k)
    const h = lambda[k + 1] - lambda[k]
    const m0 = asked[k].m
    const rs = Array.from({ length: p - 1 }, (_, i) => (lambda[k - 1 - i] - lambda[k]) / h)
    const differences = rs.map((r, i) => (asked[k - 1 - i].m - m0) / r)
    const phi = Math.expm1(-h)
    const ratio = b === 'bh1' ? -h / phi : 1
    const step = (corrections: number, kind: 'predictor' | 'corrector') => {
      const d = direction(first(m0, k) + ratio * corrections, kind, k)
      return (process.s(grid[k + 1]) / process.s(grid[k])) * x - process.a(grid[k + 1]) * phi * d
    }
    const a = uniPcSystem(rs, -h, b, false)
    const predicted = step(
      differences.reduce((sum, D, i) => sum + a[i] * D, 0),
      'predictor',
    )
    if (k === n - 1) return predicted
    ask(predicted, k + 1)
    const c = uniPcSystem(rs, -h, b, true)
    const all = [...differences, asked[k + 1].m - m0]
    x = step(
      all.reduce((sum, D, i) => sum + c[i] * D, 0),
      'corrector',
    )
  }
  return x
}
