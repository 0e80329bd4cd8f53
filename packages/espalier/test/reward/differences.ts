import { expect } from 'vitest'
import type { DifferentiableReward } from '../../src/reward/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

/**
 * Holds a reward's gradients against central differences of its values, and the values of `differentiate` against those of
 * `evaluate`. States are float32, so the step is what rounding leaves of it.
 */
export async function expectGradients(
  reward: DifferentiableReward<Tensor>,
  samples: readonly Tensor[],
  tolerance = 1e-3,
): Promise<void> {
  const { values, gradients } = await reward.differentiate(samples)
  expect(Array.from(values)).toEqual(Array.from(await reward.evaluate(samples)))
  expect(gradients.map(({ shape }) => shape)).toEqual(samples.map(({ shape }) => shape))
  for (let s = 0; s < samples.length; s++) {
    const { shape, data } = samples[s]
    const moved = Array.from(data).flatMap((_, i) =>
      [1, -1].map((sign) => ({ shape, data: data.map((x, j) => (j === i ? x + sign * 2 ** -10 : x)) })),
    )
    const around = await reward.evaluate(moved)
    for (let i = 0; i < data.length; i++) {
      const step = moved[2 * i].data[i] - moved[2 * i + 1].data[i]
      const wanted = (around[2 * i] - around[2 * i + 1]) / step
      expect(Math.abs(gradients[s].data[i] - wanted), `sample ${s}, element ${i}`).toBeLessThan(tolerance)
    }
  }
}
