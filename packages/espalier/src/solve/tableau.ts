/**
 * An explicit Runge-Kutta method (Butcher 1963): stage i is at the share `c[i]` of the step and starts from
 * `sum_j a[i][j] k_j`; the step itself is `sum_i b[i] k_i`.
 */
export interface Tableau {
  readonly c: readonly number[]
  /** Row i has i numbers. */
  readonly a: readonly (readonly number[])[]
  readonly b: readonly number[]
}

/** The tableaus by name. Orders: 1; 2, 2; 3, 3, 3, 3, 3; 4. */
export const tableaus = {
  euler: { c: [0], a: [[]], b: [1] },
  midpoint: { c: [0, 1 / 2], a: [[], [1 / 2]], b: [0, 1] },
  /** The trapezoidal method (Heun 1900): the solver of Karras et al. 2022. */
  heun: { c: [0, 1], a: [[], [1]], b: [1 / 2, 1 / 2] },
  kutta: { c: [0, 1 / 2, 1], a: [[], [1 / 2], [-1, 2]], b: [1 / 6, 2 / 3, 1 / 6] },
  heun3: { c: [0, 1 / 3, 2 / 3], a: [[], [1 / 3], [0, 2 / 3]], b: [1 / 4, 0, 3 / 4] },
  ralston3: { c: [0, 1 / 2, 3 / 4], a: [[], [1 / 2], [0, 3 / 4]], b: [2 / 9, 1 / 3, 4 / 9] },
  vanDerHouwen3: { c: [0, 8 / 15, 2 / 3], a: [[], [8 / 15], [1 / 4, 5 / 12]], b: [1 / 4, 0, 3 / 4] },
  /** Strong-stability preserving (Shu and Osher 1988). */
  ssprk3: { c: [0, 1, 1 / 2], a: [[], [1], [1 / 4, 1 / 4]], b: [1 / 6, 1 / 6, 2 / 3] },
  rk4: { c: [0, 1 / 2, 1 / 2, 1], a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]], b: [1 / 6, 1 / 3, 1 / 3, 1 / 6] },
} as const satisfies Record<string, Tableau>

export type TableauName = keyof typeof tableaus

/** @throws unless the method is explicit, `c` are the row sums of `a` within [0, 1], from 0, and `b` sums to 1 */
export function checkTableau({ c, a, b }: Tableau): void {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  if (a.length !== c.length || b.length !== c.length || c.length === 0) {
    throw new Error(`a tableau of ${c.length} stages needs as many rows and weights, got ${a.length} and ${b.length}`)
  }
  c.forEach((share, i) => {
    if (a[i].length !== i) throw new Error(`row ${i} of an explicit tableau has ${i} numbers, got ${a[i].length}`)
    if (!(Math.abs(sum(a[i]) - share) < 1e-12 && share >= 0 && share <= 1)) {
      throw new Error(`c[${i}] of a tableau must be the sum of row ${i}, within [0, 1]: got ${share}, sum ${sum(a[i])}`)
    }
  })
  if (!(Math.abs(sum(b) - 1) < 1e-12)) throw new Error(`the weights b of a tableau must sum to 1, got ${sum(b)}`)
}
