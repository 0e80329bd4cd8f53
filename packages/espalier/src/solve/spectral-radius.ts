/** QR steps that one eigenvalue takes at most; two or three are the rule. */
const MOST = 60
const NOTHING = 1e-290

/**
 * The largest absolute eigenvalue of a complex matrix, by the QR algorithm: rotations make it upper Hessenberg, and QR
 * steps with Wilkinson's shift bring the subdiagonal to 0, from the end on (Golub and Van Loan, Matrix Computations, 7.5).
 * Our own, since the library's decomposition of such matrices (as real ones of blocks) does not return for some.
 *
 * @param h `[n, n]` row-major, real and imaginary parts side by side; overwritten
 * @returns infinity where a number of the matrix is not finite
 */
export function spectralRadius(h: Float64Array, n: number): number {
  if (!h.every(Number.isFinite)) return Infinity
  const rotations = new Float64Array(4 * n)
  const at = (row: number, column: number) => 2 * (row * n + column)
  const size = (i: number) => Math.hypot(h[i], h[i + 1])

  /** Finds the rotation of rows p and p + 1, by (c, s) with |c|^2 + |s|^2 = 1, that makes the entry of row p + 1 zero. */
  const find = (p: number, column: number) => {
    const [i, j] = [at(p, column), at(p + 1, column)]
    const r = Math.hypot(h[i], h[i + 1], h[j], h[j + 1])
    // Of numbers that are next to nothing the quotients would be rounded to a rotation that is none.
    if (r < NOTHING) rotations.set([1, 0, 0, 0], 4 * p)
    else rotations.set([h[i] / r, h[i + 1] / r, h[j] / r, h[j + 1] / r], 4 * p)
  }
  /** `x, y <- conj(c) x + conj(s) y, c y - s x` on rows p and p + 1; on columns the inverse, `c x + s y, conj(c) y - conj(s) x`. */
  const turn = (p: number, columns: boolean, from: number, to: number) => {
    const cRe = rotations[4 * p]
    const sRe = rotations[4 * p + 2]
    const sign = columns ? -1 : 1
    const cIm = sign * rotations[4 * p + 1]
    const sIm = sign * rotations[4 * p + 3]
    for (let k = from; k < to; k++) {
      const i = columns ? at(k, p) : at(p, k)
      const j = columns ? i + 2 : i + 2 * n
      const [xRe, xIm, yRe, yIm] = [h[i], h[i + 1], h[j], h[j + 1]]
      h[i] = cRe * xRe + cIm * xIm + sRe * yRe + sIm * yIm
      h[i + 1] = cRe * xIm - cIm * xRe + sRe * yIm - sIm * yRe
      h[j] = cRe * yRe - cIm * yIm - sRe * xRe + sIm * xIm
      h[j + 1] = cRe * yIm + cIm * yRe - sRe * xIm - sIm * xRe
    }
  }

  for (let column = 0; column < n - 2; column++) {
    for (let p = n - 2; p > column; p--) {
      find(p, column)
      turn(p, false, column, n)
      turn(p, true, 0, n)
    }
  }
  let radius = 0
  for (let end = n - 1, steps = 0; end >= 0; steps++) {
    let start = end
    while (
      start > 0 &&
      size(at(start, start - 1)) > Number.EPSILON * (size(at(start - 1, start - 1)) + size(at(start, start)))
    )
      start--
    if (start === end || steps === MOST) {
      radius = Math.max(radius, size(at(end, end)))
      end--
      steps = -1
      continue
    }
    const [re, im] = shiftOf(h.subarray(at(end - 1, end - 1)), h.subarray(at(end, end - 1)), steps % 11 === 10)
    const shift = (sign: number) => {
      for (let k = start; k <= end; k++) {
        h[at(k, k)] += sign * re
        h[at(k, k) + 1] += sign * im
      }
    }
    shift(-1)
    for (let p = start; p < end; p++) {
      find(p, p)
      turn(p, false, p, end + 1)
    }
    for (let p = start; p < end; p++) turn(p, true, start, p + 2)
    shift(1)
  }
  return radius
}

/**
 * The eigenvalue of the last block `[a b; c d]` that is nearest to d: `d - b c / (e + root)` with `e = (a - d) / 2`,
 * `root = +-sqrt(e^2 + b c)` of the sign that adds up.
 * @param other another shift, for matrices that the right one turns in a circle
 */
function shiftOf([aRe, aIm, bRe, bIm]: Float64Array, [cRe, cIm, dRe, dIm]: Float64Array, other: boolean) {
  if (other) return [dRe + Math.hypot(cRe, cIm), dIm]
  const [eRe, eIm] = [(aRe - dRe) / 2, (aIm - dIm) / 2]
  const [bcRe, bcIm] = [bRe * cRe - bIm * cIm, bRe * cIm + bIm * cRe]
  const [squareRe, squareIm] = [eRe * eRe - eIm * eIm + bcRe, 2 * eRe * eIm + bcIm]
  const length = Math.hypot(squareRe, squareIm)
  const rootRe = Math.sqrt((length + squareRe) / 2)
  const rootIm = Math.sqrt((length - squareRe) / 2) * (squareIm < 0 ? -1 : 1)
  const sign = eRe * rootRe + eIm * rootIm < 0 ? -1 : 1
  const [sumRe, sumIm] = [eRe + sign * rootRe, eIm + sign * rootIm]
  const norm = sumRe * sumRe + sumIm * sumIm
  if (norm === 0) return [dRe, dIm]
  return [dRe - (bcRe * sumRe + bcIm * sumIm) / norm, dIm - (bcIm * sumRe - bcRe * sumIm) / norm]
}
