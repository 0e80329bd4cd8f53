/** The index of the first NaN or infinity, or -1. Reads the numbers once, without branches, where there is none. */
export function firstNotFinite(data: Float32Array): number {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i] - data[i] // 0, or NaN
  return sum === 0 ? -1 : data.findIndex((value) => !Number.isFinite(value))
}
