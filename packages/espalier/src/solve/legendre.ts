const POINTS = 16

/** Nodes in (-1, 1) and weights of the Gauss-Legendre rule, by Newton's method on the Legendre polynomial. */
function rule(n: number): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  const nodes = new Float64Array(n)
  const weights = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    let z = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5))
    let slope = 0
    for (let iteration = 0; iteration < 100; iteration++) {
      let p = 1
      let previous = 0
      for (let j = 1; j <= n; j++) [p, previous] = [((2 * j - 1) * z * p - (j - 1) * previous) / j, p]
      slope = (n * (z * p - previous)) / (z * z - 1)
      const change = p / slope
      z -= change
      if (Math.abs(change) < 1e-16) break
    }
    nodes[i] = z
    weights[i] = 2 / ((1 - z * z) * slope * slope)
  }
  return { nodes, weights }
}

const { nodes, weights } = rule(POINTS)

/**
 * Calls `visit` with the nodes and weights of a composite Gauss-Legendre rule on `[from, to]`, in panels no wider than
 * 1: exact to rounding for the exponentials and polynomials of the solvers.
 */
export function legendre(from: number, to: number, visit: (x: number, weight: number) => void): void {
  const panels = Math.max(1, Math.ceil(Math.abs(to - from)))
  const half = (to - from) / panels / 2
  for (let panel = 0; panel < panels; panel++) {
    const middle = from + (2 * panel + 1) * half
    for (let i = 0; i < POINTS; i++) visit(middle + half * nodes[i], half * weights[i])
  }
}
