const TERMS = 100

/**
 * `B(a, b) I_x(a, b)` by the continued fraction of DLMF 8.17.22, from its end; good for `x <= (a + 1) / (a + b + 2)`.
 */
function head(x: number, a: number, b: number): number {
  let fraction = 1
  for (let k = TERMS; k >= 1; k--) {
    const m = k >> 1
    const d =
      k % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    fraction = 1 + d / fraction
  }
  return (x ** a * (1 - x) ** b) / (a * fraction)
}

/** The law Beta(a, b). */
export interface BetaLaw {
  /** The distribution function: the regularised incomplete beta function `I_x(a, b)`. */
  cdf(x: number): number
  /** Inverse of {@link BetaLaw.cdf}, by bisection down to neighbouring numbers. */
  quantile(p: number): number
}

/** @param a @param b parameters, both in (0, 100] */
export function betaLaw(a: number, b: number): BetaLaw {
  const split = (a + 1) / (a + b + 2)
  const complete = head(split, a, b) + head(1 - split, b, a) // B(a, b), as I_x(a, b) + I_(1 - x)(b, a) = 1
  const cdf = (x: number) => (x <= split ? head(x, a, b) / complete : 1 - head(1 - x, b, a) / complete)
  return {
    cdf,
    quantile(p) {
      if (p <= 0) return 0
      if (p >= 1) return 1
      let low = 0
      let high = 1
      for (;;) {
        const middle = (low + high) / 2
        if (middle === low || middle === high) return middle
        if (cdf(middle) < p) low = middle
        else high = middle
      }
    },
  }
}
