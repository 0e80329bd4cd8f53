/** The index of the first NaN or infinity, or -1. Reads the numbers once, without branches, where there is none. */
export function firstNotFinite(data: Float32Array): number {
  let [p, q, r, s] = [0, 0, 0, 0] // each 0, or NaN; four sums do not wait for one another
  const whole = data.length & ~3
  for (let i = 0; i < whole; i += 4) {
    p += data[i] * 0
    q += data[i + 1] * 0
    r += data[i + 2] * 0
    s += data[i + 3] * 0
  }
  for (let i = whole; i < data.length; i++) p += data[i] * 0
  return p + q + r + s === 0 ? -1 : data.findIndex((value) => !Number.isFinite(value))
}
