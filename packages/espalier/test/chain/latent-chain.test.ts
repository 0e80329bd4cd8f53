import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { latentChain, odeChain, pixelChain } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import { nodeRuntime } from 'espalier/node'
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { decodedReward, distanceTo } from 'espalier/reward'
import { type LoadedDecoder, loadDecoder } from 'espalier/runtime'
import { greedyIslands, tds, zeroOrderSearch } from 'espalier/search'
import { ddim } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** A decoder of two numbers into three: `y = tanh(z A)` with `z = latent / 0.5 + 0.1`. */
const A = [1, -0.5, 0.3, 0.2, 0.8, -0.6]
function decoderGraph(): Uint8Array {
  const b = new GraphBuilder()
  const z = b.input('latent_sample', ['n', 2])
  b.output('sample', z.matmul(b.parameter('A', tensor(A, [2, 3]))).tanh())
  return writeModel(b.build())
}
const exact = ([p, q]: ArrayLike<number>) => {
  const z = [p / 0.5 + 0.1, q / 0.5 + 0.1]
  return [0, 1, 2].map((j) => Math.tanh(z[0] * A[j] + z[1] * A[3 + j]))
}

const runtime = nodeRuntime({ workers: 0 })
let decoder: LoadedDecoder
beforeAll(async () => {
  decoder = await loadDecoder(runtime, decoderGraph(), { event: [2], scale: 0.5, shift: 0.1, maxBatch: 3 })
})
afterAll(async () => {
  await decoder.release()
  await runtime.close()
})

const denoiser = new GaussianMixture({
  means: [
    [-1, 0],
    [1, 1],
  ],
  stds: [0.3, 0.4],
}).denoiser(vpLinear())
const grid = uniformGrid(denoiser.process, 12)
const target: Tensor = { shape: [3], data: Float32Array.from(exact([1, 1])) }

describe('latent chains', () => {
  it('decode samples and look-aheads, in batches, with scale and shift', async () => {
    const latents = Array.from(
      { length: 7 },
      (_, i): Tensor => ({ shape: [2], data: Float32Array.of(i / 5, 1 - i / 3) }),
    )
    const samples = await decoder.decode(latents)
    samples.forEach(({ shape, data }, i) => {
      expect(shape).toEqual([3])
      exact(latents[i].data).forEach((y, j) => {
        expect(data[j]).toBeCloseTo(y, 5)
      })
    })
  })

  it('pull gradients back through the decoder: differences agree', async () => {
    const reward = decodedReward(distanceTo(target.data), decoder)
    const at = (p: number, q: number): Tensor => ({ shape: [2], data: Float32Array.of(p, q) })
    const points = [at(0.2, -0.3), at(1, 0.4), at(-0.7, 0.1), at(0, 0)]
    const { values, gradients } = await reward.differentiate(points)
    const value = ([p, q]: readonly number[]) =>
      -exact([p, q]).reduce((sum, y, j) => sum + (y - target.data[j]) ** 2, 0)
    const factor = values[0] / value([0.2, -0.3])
    points.forEach(({ data }, i) => {
      const [p, q] = data
      expect(values[i]).toBeCloseTo(factor * value([p, q]), 5)
      const h = 1e-5
      expect(gradients[i].data[0]).toBeCloseTo((factor * (value([p + h, q]) - value([p - h, q]))) / (2 * h), 3)
      expect(gradients[i].data[1]).toBeCloseTo((factor * (value([p, q + h]) - value([p, q - h]))) / (2 * h), 3)
    })
  })

  it('are searched like any other, with a gradient or over start noises', async () => {
    const reward = distanceTo(target.data)
    const plan = ddim({ eta: 1 })(denoiser.process, grid)
    const gradient = cleanGradient(denoiser, decodedReward(reward, decoder))
    const chain = latentChain(pixelChain({ denoiser, plan, gradient, branchAt: 'fine' }), decoder)
    const starts = latentChain(odeChain({ denoiser, plan: ddim()(denoiser.process, grid) }), decoder)
    const options = { reward, seed: 1, budget: 600 }
    for (const { candidates, best, nfe } of [
      await greedyIslands({ ...options, chain }),
      await tds({ ...options, chain }),
      await zeroOrderSearch({ ...options, chain: starts }),
    ]) {
      expect(nfe).toBeGreaterThan(500)
      expect(candidates[best].sample.shape).toEqual([3])
      // The other mode has -3, and a start keeps its distance from the origin in zero-order search.
      expect(candidates[best].reward).toBeGreaterThan(-0.3)
      expect(candidates[best].reward).toBeCloseTo(
        -candidates[best].sample.data.reduce((sum, y, j) => sum + (y - target.data[j]) ** 2, 0) / 2,
        5,
      )
    }
  })

  it('say what does not fit', async () => {
    const wrong = loadDecoder(runtime, decoderGraph(), { event: [2], input: 'z' })
    await expect(wrong).rejects.toThrow(
      'a decoder from "z" to "sample" was asked for; the graph has latent_sample to sample',
    )
    await expect(loadDecoder(runtime, decoderGraph(), { event: [2], scale: 0 })).rejects.toThrow('scale is 0')
    const odd = { shape: [5], data: new Float32Array(5) }
    await expect(decoder.decode([odd])).rejects.toThrow('latent 0 is [5]; the decoder takes [2]')
  })
})
