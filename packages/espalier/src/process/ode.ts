/** Writes `dy/dt` at `(t, y)` to `slope`. */
export type Derivative = (t: number, y: Float64Array, slope: Float64Array) => void

/** Dormand and Prince 1980, 5(4): nodes, stages (the last row is the fifth-order solution), and error weights. */
const NODES = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1]
const STAGES = [
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
]
const ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]

/**
 * Integrates `dy/dt = f` from one time to another (either direction) with adaptive steps, in float64: the reference
 * solution that solvers are measured against.
 * @param tolerance local error allowed per step, relative to `1 + |y|`
 * @returns the solution at `to`
 * @throws if the step size underflows, as where f is not finite
 */
export function integrate(
  f: Derivative,
  y0: ArrayLike<number>,
  from: number,
  to: number,
  tolerance = 1e-12,
): Float64Array {
  const n = y0.length
  let y = Float64Array.from(y0)
  let next = new Float64Array(n)
  const k = STAGES.map(() => new Float64Array(n))
  let t = from
  let h = (to - from) / 100
  f(t, y, k[0])
  while (t !== to) {
    const last = Math.abs(h) >= Math.abs(to - t)
    if (last) h = to - t
    if (t + h === t) throw new Error(`the reference ODE solver got stuck at ${t} on its way from ${from} to ${to}`)
    for (let stage = 1; stage < 7; stage++) {
      for (let i = 0; i < n; i++) {
        let sum = 0
        for (let j = 0; j < stage; j++) sum += STAGES[stage][j] * k[j][i]
        next[i] = y[i] + h * sum
      }
      f(t + NODES[stage] * h, next, k[stage])
    }
    let error = 0
    for (let i = 0; i < n; i++) {
      let sum = 0
      for (let j = 0; j < 7; j++) sum += ERROR[j] * k[j][i]
      error = Math.max(error, Math.abs(h * sum) / (1 + Math.abs(y[i])) / tolerance)
    }
    if (error <= 1) {
      t = last ? to : t + h
      ;[y, next] = [next, y]
      k[0].set(k[6]) // first same as last
    }
    h *= error === 0 ? 5 : Math.min(5, Math.max(0.1, 0.9 * error ** -0.2)) || 0.1
  }
  return y
}
