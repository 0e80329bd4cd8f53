import { describe, expect, test } from 'vitest'
import { minorityLabel, minorityScore, quantileLabels } from '../../src/guide/index.ts'
import { GaussianMixture, linearBetas, vpTable } from '../../src/process/index.ts'
import { rankCorrelation } from '../../src/search/rank-correlation.ts'
import { fold, key, normal, row, stack, type Tensor } from '../../src/tensor/index.ts'
import { answers, recorder } from './helpers.ts'

// The schedule of the sheet's table: 1000 steps, linear betas.
const process = vpTable(linearBetas(1000))
const draws = (n: number, d: number, seed: number, scale = 1): Tensor => {
  const data = new Float32Array(n * d)
  normal(key(seed), data)
  return { shape: [n, d], data: data.map((v) => scale * v) }
}

describe('the minority score', () => {
  test('with squared distance is (s / a)^2 times the denoising loss with the same noise (the corollary)', async () => {
    const mixture = new GaussianMixture({
      means: [
        [0, 1, 0],
        [2, 0, -1],
      ],
      stds: [0.4, 0.3],
    })
    const denoiser = mixture.denoiser(process)
    const x0 = draws(6, 3, 1)
    for (const t of [0.2, 0.5, 0.8]) {
      const [a, s] = [process.a(t), process.s(t)]
      const root = key(5)
      const scores = await minorityScore(denoiser, x0, { t, draws: 3, key: root, batch: 4 })
      const noise = new Float64Array(3)
      for (let i = 0; i < 6; i++) {
        let loss = 0
        for (let draw = 0; draw < 3; draw++) {
          normal(fold(fold(root, i), draw), noise)
          const x = noise.map((z, j) => a * row(x0, i)[j] + s * z)
          mixture.predict(x, a, s, 'noise', new Float64Array(3)).forEach((eps, j) => {
            loss += (eps - noise[j]) ** 2 / 3
          })
        }
        // The denoiser's states are float32.
        expect(Math.abs(scores[i] / (((s * s) / (a * a)) * loss) - 1)).toBeLessThan(1e-4)
      }
    }
  })

  test('of a Gaussian N(0, s^2 I) has its closed form, which orders by density', async () => {
    const [std, d] = [0.7, 2]
    const denoiser = new GaussianMixture({ means: [[0, 0]], stds: [std] }).denoiser(process)
    const x0 = draws(40, d, 2, std)
    const t = 0.4
    const [a2, s2] = [process.a(t) ** 2, process.s(t) ** 2]
    const v = a2 * std ** 2 + s2
    const exact = Array.from({ length: 40 }, (_, i) => {
      const [p, q] = row(x0, i)
      return (s2 ** 2 * (p * p + q * q)) / v ** 2 + (d * a2 * s2 * std ** 4) / v ** 2
    })
    const n = 4000
    const scores = await minorityScore(denoiser, x0, { t, draws: n, key: key(3), batch: 40 })
    scores.forEach((score, i) => {
      // Of the error a chi-square of 2 degrees plus what is linear in the noise: well below 3 scores.
      expect(Math.abs(score - exact[i])).toBeLessThan((4 * 3 * exact[i]) / Math.sqrt(n))
    })
    expect(
      rankCorrelation(
        exact,
        Array.from({ length: 40 }, (_, i) => Math.hypot(...row(x0, i))),
      ),
    ).toBeCloseTo(1, 12)
  })

  test('two modes, 90 % and 10 %: at low noise it does not see how heavy they are, in the middle it does', async () => {
    // The table of the sheet: steps 20, 60, 200, 400, 600 of 1000, 20 noises, separations 2 and 4.
    const n = 600
    const table: number[][] = []
    for (const separation of [2, 4]) {
      const mixture = new GaussianMixture({ means: [[0], [separation]], stds: [0.35, 0.35], weights: [0.9, 0.1] })
      const x0 = draws(n, 1, 4, 0.35)
      for (let i = n / 2; i < n; i++) x0.data[i] += separation
      const areas: number[] = []
      for (const step of [20, 60, 200, 400, 600]) {
        const options = { t: step / 1000, draws: 20, key: key(6), batch: n }
        const scores = await minorityScore(mixture.denoiser(process), x0, options)
        areas.push(areaUnder(scores.subarray(n / 2), scores.subarray(0, n / 2)))
      }
      table.push(areas)
    }
    const wanted = [
      [0.5, 0.53, 0.99, 1, 1],
      [0.5, 0.51, 0.65, 1, 1],
    ]
    table.flat().forEach((area, i) => {
      // The standard error of an area near 1/2 of 300 and 300 is 0.024.
      expect(Math.abs(area - wanted.flat()[i]), `${i}: ${area}`).toBeLessThan(0.08)
    })
  })

  test('at the noisy end is the squared distance to the mean of all data, and so misses what is rare but central', async () => {
    const mixture = new GaussianMixture({
      means: [[-2], [0.1], [2]],
      stds: [0.1, 0.1, 0.1],
      weights: [0.48, 0.04, 0.48],
    })
    const noisy = vpTable(linearBetas(1000, 1e-4, 0.1))
    const x0 = stack([Float32Array.of(-2), Float32Array.of(0.1), Float32Array.of(2)], [1])
    const scores = await minorityScore(mixture.denoiser(noisy), x0, { t: 1, draws: 20, key: key(7) })
    const centre = 0.04 * 0.1
    scores.forEach((score, i) => {
      expect(Math.abs(score / (x0.data[i] - centre) ** 2 - 1)).toBeLessThan(0.02)
    })
    const middle = await minorityScore(mixture.denoiser(noisy), x0, { t: 0.13, draws: 400, key: key(7) })
    expect(middle[1]).toBeGreaterThan(middle[0])
    expect(middle[1]).toBeGreaterThan(middle[2])
  })

  test('depends on the sample and its number alone, not on the batch; costs `draws` a sample', async () => {
    const spy = recorder(new GaussianMixture({ means: [[0, 1]], stds: [0.5] }).denoiser(process))
    const x0 = draws(7, 2, 8)
    const options = { t: 0.5, draws: 3, key: key(9) }
    const seen: number[] = []
    const whole = await minorityScore(spy, x0, { ...options, onProgress: (nfe) => seen.push(nfe) })
    expect(seen).toEqual([7, 14, 21])
    expect(spy.calls.reduce((sum, { times }) => sum + times.length, 0)).toBe(21)
    expect(await minorityScore(spy, x0, { ...options, batch: 3 })).toEqual(whole)
  })

  test('takes any distance, a range, and a condition for all or for each', async () => {
    const spy = recorder(answers(process, [2], [3, -0.5]))
    const x0 = { shape: [2, 2], data: Float32Array.of(0, 0, 1, 1) }
    const options = { t: 0.5, draws: 2, key: key(1) }
    expect([...(await minorityScore(spy, x0, options))]).toEqual([9.25, 6.25])
    expect([...(await minorityScore(spy, x0, { ...options, range: [-1, 1] }))]).toEqual([1.25, 2.25])
    const first = async (p: Tensor, q: Tensor) =>
      Float64Array.from([0, 1], (i) => Math.abs(p.data[2 * i] - q.data[2 * i]))
    expect([...(await minorityScore(spy, x0, { ...options, distance: first }))]).toEqual([3, 2])
    await minorityScore(spy, x0, { ...options, condition: { label: { shape: [1, 1], data: Float32Array.of(4) } } })
    expect(spy.calls.at(-1)?.condition?.label.data).toEqual(Float32Array.of(4, 4))
    await minorityScore(spy, x0, {
      ...options,
      batch: 1,
      condition: { label: { shape: [2, 1], data: Float32Array.of(4, 5) } },
    })
    expect(spy.calls.at(-1)?.condition?.label.data).toEqual(Float32Array.of(5))
  })

  test('refuses what has no score', async () => {
    const denoiser = answers(process, [2], [0, 0])
    const x0 = draws(2, 2, 1)
    const options = { t: 0.5, key: key(1) }
    await expect(minorityScore(denoiser, x0, { ...options, t: 0 })).rejects.toThrow('no noise')
    await expect(minorityScore(denoiser, x0, { ...options, draws: 0 })).rejects.toThrow('a mean over 0 noises')
    await expect(minorityScore(denoiser, draws(2, 3, 1), options)).rejects.toThrow('takes samples [n, 2], got [2,3]')
    await expect(minorityScore(answers(process, [2], [0, Number.NaN]), x0, options)).rejects.toThrow(
      'the minority score of sample 0 is not a number at t = 0.5',
    )
  })
})

describe('quantile labels', () => {
  test('are equally full to within one, ordered by score, for any number of classes', () => {
    const scores = new Float64Array(1003)
    normal(key(1), scores)
    for (const classes of [2, 7, 10, 1003]) {
      const { labels, quantiles } = quantileLabels(scores, classes)
      const counts = new Array<number>(classes).fill(0)
      for (const label of labels) counts[label]++
      for (const count of counts) expect(Math.abs(count - 1003 / classes)).toBeLessThan(1)
      expect(quantiles[classes - 1]).toBe(Math.max(...scores))
      labels.forEach((label, i) => {
        expect(scores[i]).toBeLessThanOrEqual(quantiles[label])
        if (label > 0) expect(scores[i]).toBeGreaterThan(quantiles[label - 1])
      })
    }
  })

  test('equal scores share a class; new scores find theirs', () => {
    const { labels, quantiles } = quantileLabels([1, 1, 1, 2, 3, 4], 3)
    expect([...labels]).toEqual([0, 0, 0, 1, 2, 2])
    expect([...quantiles]).toEqual([1, 2, 4])
    expect([0, 1.5, 2.01, 9].map((score) => minorityLabel(score, quantiles))).toEqual([0, 1, 2, 2])
  })

  test('refuses what cannot be cut', () => {
    expect(() => quantileLabels([1, 2], 3)).toThrow('2 scores are to be cut into 3 classes')
    expect(() => quantileLabels([1, 2], 1)).toThrow('whole number from 2')
    expect(() => quantileLabels([1, Number.NaN, 2], 2)).toThrow('not a number')
  })
})

/** Probability that one of `positive` exceeds one of `negative` (the area under the ROC curve). */
function areaUnder(positive: Float64Array, negative: Float64Array): number {
  let wins = 0
  for (const p of positive) for (const q of negative) wins += p > q ? 1 : p === q ? 0.5 : 0
  return wins / (positive.length * negative.length)
}
