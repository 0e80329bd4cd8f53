/** A decreasing piecewise linear function on [0, 1]. */
export interface Piecewise {
  value(t: number): number
  /** Derivative; at a knot that of the piece to the right. */
  slope(t: number): number
  /** The time of a value; beyond the ends the outer pieces go on. */
  time(value: number): number
}

/**
 * The function through `knots[i]` at time `i / n`, for n + 1 strictly decreasing knots. A last knot of -Infinity is
 * reached as `log(1 - u)`, with u the share of the last piece: the exponential of the function falls linearly to 0.
 */
export function piecewise(knots: Float64Array): Piecewise {
  const n = knots.length - 1
  const falls = knots[n] === -Infinity
  const piece = (t: number) => Math.min(n - 1, Math.max(0, Math.floor(t * n)))
  /** Share of the last piece. */
  const share = (t: number) => Math.min(1, t * n - (n - 1))
  const slope = (t: number) => {
    const i = piece(t)
    return falls && i === n - 1 ? -n / (1 - share(t)) : (knots[i + 1] - knots[i]) * n
  }
  return {
    slope,
    value(t) {
      const i = piece(t)
      return falls && i === n - 1 ? knots[i] + Math.log1p(-share(t)) : knots[i] + slope(t) * (t - i / n)
    },
    time(value) {
      let low = 0
      let high = n
      while (high - low > 1) {
        const middle = (low + high) >> 1
        if (knots[middle] >= value) low = middle
        else high = middle
      }
      const into =
        falls && low === n - 1 ? -Math.expm1(value - knots[low]) : (knots[low] - value) / (knots[low] - knots[high])
      return (low + into) / n
    },
  }
}
