import { fitGaussian, frechetDistance, type GaussianFit, jackknife, mean } from 'espalier/measure'
import { fold, key, normal, type Tensor } from 'espalier/tensor'
import { Matrix, SingularValueDecomposition } from 'ml-matrix'
import { describe, expect, it } from 'vitest'

const normals = (seed: number, n: number, d: number): Tensor => {
  const data = new Float32Array(n * d)
  normal(key(seed), data)
  return { shape: [n, d], data }
}

/** Normal rows through a fixed mixing matrix and offset, so that the covariance is full. */
const mixed = (seed: number, n: number, d: number, offset: number): Tensor => {
  const x = new Matrix(rowsOf(normals(seed, n, d)))
  const mix = new Matrix(rowsOf(normals(seed + 1000, d, d)))
  const data = Float32Array.from(x.mmul(mix).to1DArray(), (v) => v + offset)
  return { shape: [n, d], data }
}

const rowsOf = ({ shape: [n, d], data }: Tensor) =>
  Array.from({ length: n }, (_, i) => [...data.slice(i * d, (i + 1) * d)])

/** The last trace as the nuclear norm of the product of the centred feature matrices: no covariance is formed. */
function distanceByNuclearNorm(p: Tensor, q: Tensor): number {
  const [x, y] = [new Matrix(rowsOf(p)), new Matrix(rowsOf(q))]
  const [mx, my] = [x.mean('column'), y.mean('column')]
  const xc = x.subRowVector(mx).div(Math.sqrt(x.rows - 1))
  const yc = y.subRowVector(my).div(Math.sqrt(y.rows - 1))
  const means = mx.reduce((sum, v, i) => sum + (v - my[i]) ** 2, 0)
  const nuclear = new SingularValueDecomposition(xc.mmul(yc.transpose())).diagonal.reduce((a, b) => a + b, 0)
  return means + xc.norm('frobenius') ** 2 + yc.norm('frobenius') ** 2 - 2 * nuclear
}

const gaussian = (mean: number[], covariance: number[]): GaussianFit => ({
  count: 1000,
  mean: Float64Array.from(mean),
  covariance: Float64Array.from(covariance),
})

describe('the Frechet distance', () => {
  it('of a set to itself is 0', () => {
    const fit = fitGaussian(mixed(3, 500, 24, 0.7))
    expect(Math.abs(frechetDistance(fit, fit))).toBeLessThan(1e-8)
  })

  it('of Gaussians that commute is sum (s - r)^2 plus the distance of the means', () => {
    const p = gaussian([1, 2, 3], [4, 0, 0, 0, 9, 0, 0, 0, 0])
    const q = gaussian([1, 0, 3.5], [1, 0, 0, 0, 25, 0, 0, 0, 0.25])
    expect(frechetDistance(p, q)).toBeCloseTo(4 + 0.25 + 1 + 4 + 0.25, 10)
  })

  it('of 2-d Gaussians is the closed form of the 2x2 trace', () => {
    // tr (PQ)^1/2 = sqrt(tr PQ + 2 sqrt(det P det Q)) for positive 2x2 matrices.
    const [p, q] = [gaussian([0, 0], [2, 0.6, 0.6, 1]), gaussian([0, 0], [1, -0.3, -0.3, 3])]
    const tracePq = 2 * 1 + 0.6 * -0.3 * 2 + 1 * 3
    const dets = (2 - 0.36) * (3 - 0.09)
    expect(frechetDistance(p, q)).toBeCloseTo(3 + 4 - 2 * Math.sqrt(tracePq + 2 * Math.sqrt(dets)), 10)
  })

  it('agrees with the nuclear-norm form, also with unequal counts and fewer rows than dimensions', () => {
    for (const [n, m, d] of [
      [60, 40, 8],
      [20, 35, 30],
    ]) {
      const [p, q] = [mixed(5, n, d, 0), mixed(6, m, d, 0.5)]
      const expected = distanceByNuclearNorm(p, q)
      const distance = frechetDistance(fitGaussian(p), fitGaussian(q))
      // Eigenvalues that are 0 in exact arithmetic come out near 1e-14 of the largest; the root makes that 1e-7.
      expect(Math.abs(distance / expected - 1)).toBeLessThan(n > d ? 1e-9 : 1e-5)
    }
  })

  it('is symmetric and does not change when all features are moved alike', () => {
    const [p, q] = [mixed(7, 80, 6, 0), mixed(8, 90, 6, 1)]
    const moved = (x: Tensor): Tensor => ({ shape: x.shape, data: x.data.map((v) => v + 4) })
    const distance = frechetDistance(fitGaussian(p), fitGaussian(q))
    expect(frechetDistance(fitGaussian(q), fitGaussian(p))).toBeCloseTo(distance, 8)
    expect(frechetDistance(fitGaussian(moved(p)), fitGaussian(moved(q)))).toBeCloseTo(distance, 4)
  })

  it('has the known bias between two sets of one 16-d normal law, falling as 1/n', () => {
    for (const [n, expected] of [
      [50, 3.27],
      [200, 0.81],
      [800, 0.21],
      [3200, 0.052],
    ]) {
      let sum = 0
      const runs = 10
      for (let run = 0; run < runs; run++) {
        const sets = [0, 1].map((side) => {
          const data = new Float32Array(n * 16)
          normal(fold(fold(key(n), run), side), data)
          return fitGaussian({ shape: [n, 16], data })
        })
        sum += frechetDistance(sets[0], sets[1])
      }
      // Single values vary by about a tenth.
      expect(sum / runs / expected).toBeGreaterThan(0.9)
      expect(sum / runs / expected).toBeLessThan(1.1)
    }
  })

  it('loses its bias to the jackknife over groups of samples', () => {
    const target = gaussian(
      Array(16).fill(0),
      Array.from({ length: 256 }, (_, i) => (i % 17 === 0 ? 1 : 0)),
    )
    let [plain, corrected] = [0, 0]
    const runs = 10
    for (let run = 0; run < runs; run++) {
      const x = normals(500 + run, 400, 16)
      const distance = (kept: readonly number[]) => {
        const rows = kept.flatMap((j) => [...x.data.subarray(j * 50 * 16, (j + 1) * 50 * 16)])
        return frechetDistance(target, fitGaussian({ shape: [kept.length * 50, 16], data: Float32Array.from(rows) }))
      }
      plain += distance([0, 1, 2, 3, 4, 5, 6, 7]) / runs
      corrected += mean(jackknife(8, distance)) / runs
    }
    expect(plain).toBeGreaterThan(0.15)
    expect(Math.abs(corrected)).toBeLessThan(0.1 * plain)
  })

  it('refuses what cannot be compared, naming it', () => {
    const fit = fitGaussian(normals(1, 10, 4))
    expect(() => frechetDistance(fit, fitGaussian(normals(1, 10, 5)))).toThrow('4 dimensions on one side and 5')
    expect(() => fitGaussian(normals(1, 1, 5))).toThrow('[1,5]')
    const broken = normals(1, 10, 4)
    broken.data[4 * 7 + 2] = Number.NaN
    expect(() => fitGaussian(broken)).toThrow('feature 2 of row 7 is NaN')
  })
})
