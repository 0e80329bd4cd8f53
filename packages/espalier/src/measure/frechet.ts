import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import type { Tensor } from '../tensor/tensor.ts'

/** Mean and covariance of a set of feature vectors. */
export interface GaussianFit {
  /** Number of vectors. */
  readonly count: number
  readonly mean: Float64Array
  /** `[d, d]` row-major, with 1 / (count - 1). */
  readonly covariance: Float64Array
}

/**
 * Fits a Gaussian to feature vectors, in float64.
 * @param features `[n, d]`, n >= 2
 * @throws Error where the shape is another or a feature is not a finite number (row and column)
 */
export function fitGaussian(features: Tensor): GaussianFit {
  const [n, d] = features.shape
  const { data } = features
  if (features.shape.length !== 2 || !(n >= 2) || !(d >= 1))
    throw new Error(`features must be [n, d] with n >= 2, got [${features.shape}]`)
  const mean = new Float64Array(d)
  for (let row = 0; row < n; row++)
    for (let j = 0; j < d; j++) {
      const value = data[row * d + j]
      if (!Number.isFinite(value)) throw new Error(`feature ${j} of row ${row} is ${value}`)
      mean[j] += value / n
    }
  const covariance = new Float64Array(d * d)
  const centred = new Float64Array(d)
  for (let row = 0; row < n; row++) {
    for (let j = 0; j < d; j++) centred[j] = data[row * d + j] - mean[j]
    for (let i = 0; i < d; i++) {
      const c = centred[i] / (n - 1)
      if (c === 0) continue
      const at = i * d
      for (let j = 0; j <= i; j++) covariance[at + j] += c * centred[j]
    }
  }
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) covariance[j * d + i] = covariance[i * d + j]
  return { count: n, mean, covariance }
}

/**
 * Squared Frechet (2-Wasserstein) distance of two Gaussians (Dowson and Landau 1982):
 * `|m_p - m_q|^2 + tr P + tr Q - 2 tr (P^1/2 Q P^1/2)^1/2`. On features of a classifier this is the FID of Heusel et al.
 * 2017; its bias is positive and falls as 1/n, so compare equal counts only, beside the distance of two sets of real
 * data (the floor).
 *
 * The square root comes from symmetric eigendecompositions; eigenvalues below 0 (rounding) count as 0.
 *
 * @throws Error where the dimensions differ
 */
export function frechetDistance(p: GaussianFit, q: GaussianFit): number {
  const d = p.mean.length
  if (q.mean.length !== d)
    throw new Error(`features have ${d} dimensions on one side and ${q.mean.length} on the other`)
  let distance = 0
  for (let i = 0; i < d; i++)
    distance += (p.mean[i] - q.mean[i]) ** 2 + p.covariance[i * d + i] + q.covariance[i * d + i]
  const { values, vectors } = symmetricEigen(p.covariance, d)
  // P^1/2 Q P^1/2 has the eigenvalues of S V^T Q V S, with P = V S^2 V^T.
  const scaled = vectors.mulRowVector(values.map(positiveRoot))
  const inner = scaled
    .transpose()
    .mmul(new Matrix(matrixRows(q.covariance, d)))
    .mmul(scaled)
  const inside = new EigenvalueDecomposition(symmetric(inner), { assumeSymmetric: true }).realEigenvalues
  return distance - 2 * inside.reduce((sum, value) => sum + positiveRoot(value), 0)
}

const positiveRoot = (value: number) => Math.sqrt(Math.max(0, value))

function symmetricEigen(covariance: Float64Array, d: number): { values: number[]; vectors: Matrix } {
  const eigen = new EigenvalueDecomposition(new Matrix(matrixRows(covariance, d)), { assumeSymmetric: true })
  return { values: eigen.realEigenvalues, vectors: eigen.eigenvectorMatrix }
}

function matrixRows(values: Float64Array, d: number): Float64Array[] {
  return Array.from({ length: d }, (_, i) => values.slice(i * d, (i + 1) * d))
}

/** `(M + M^T) / 2`: removes the rounding that the eigensolver would read as asymmetry. */
function symmetric(m: Matrix): Matrix {
  return Matrix.add(m, m.transpose()).mul(0.5)
}
