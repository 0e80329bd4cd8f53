import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readModel, writeModel } from '@espalier/graph'
import {
  type DegradationSpecification,
  degradation,
  fashionData,
  fidelityTo,
  imagesTensor,
  recipes,
  restoreImages,
  runRecipe,
} from '@espalier/zoo'
import { nodeRuntime } from 'espalier/node'
import { parseProcess } from 'espalier/process'
import { type NetworkCard, networkDenoiser, parseModelCard } from 'espalier/runtime'
import { ddim, resShift } from 'espalier/solve'
import { key, normal, type Tensor } from 'espalier/tensor'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { smallFashion } from './support/idx.ts'

const folder = smallFashion()
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => void vi.stubEnv('ESPALIER_FASHION_MNIST', folder))
afterEach(() => void vi.unstubAllEnvs())

const names = [
  'fashion-restore-mr',
  'fashion-sr-resshift4',
  'fashion-sr-resshift15',
  'fashion-sr-ddpm',
  'fashion-sr-l2',
] as const
const settings = { seed: 5, steps: 100, batch: 24 }

interface Card {
  readonly process: { readonly type: string; readonly steps?: number }
  readonly prediction: 'noise' | 'data' | 'velocity'
  readonly mean?: 'degraded'
}

function batchOf(name: string, step = 0) {
  const batch = recipes[name].task(settings).batch(step)
  return Object.fromEntries(Object.entries(batch).map(([input, { data }]) => [input, data.slice()]))
}

describe.each(names)('the batches of %s', (name) => {
  const card = recipes[name].card() as unknown as Card

  it('are a function of the step alone', () => {
    expect(batchOf(name, 3)).toEqual(batchOf(name, 3))
    expect(batchOf(name, 4)).not.toEqual(batchOf(name, 3))
  })

  it('hold x = m + a (x_0 - m) + s eps of a training image x_0, with the target that the card names', () => {
    const { x, t, degraded, target } = batchOf(name)
    const process = parseProcess(card.process)
    const known = imagesTensor(fashionData.read('train'))
    let squares = 0
    for (let row = 0; row < settings.batch; row++) {
      // Float32 rounds the times at which the process has a corner: ask where the batch asked.
      const steps = card.process.type === 'residual-shifting' ? card.process.steps : undefined
      const time = steps ? Math.round(t[row] * steps) / steps : t[row]
      const [a, s] = [process.a(time), process.s(time)]
      // The clean image from (x, target), by the definition of each prediction; the noise from what is left.
      const clean = new Float32Array(784)
      for (let i = 0; i < 784; i++) {
        const at = row * 784 + i
        const mean = card.mean ? degraded[at] : 0
        const r = x[at] - mean
        if (card.prediction === 'data') clean[i] = target[at]
        else if (card.prediction === 'noise') clean[i] = mean + (r - s * target[at]) / a
        else clean[i] = mean + a * r - s * target[at]
        squares += ((r - a * (clean[i] - mean)) / s) ** 2
      }
      // With a = 0.005, float32 leaves few digits of the clean image.
      const tolerance = 1e-5 / (card.prediction === 'noise' ? a : 1) + 1e-5
      const found = Array.from({ length: 40 }, (_, k) => k).some((k) =>
        clean.every((v, i) => Math.abs(v - known.data[k * 784 + i]) < tolerance),
      )
      expect(found).toBe(true)
    }
    // 18816 squares of unit variance: within 4 standard deviations (sqrt 2 each).
    const n = settings.batch * 784
    expect(Math.abs(squares / n - 1)).toBeLessThan(4 * Math.sqrt(2 / n) + 1e-3)
  })

  it('ask at times all over [0, 1], or at the steps of the process alone', () => {
    const { t } = batchOf(name)
    const steps = card.process.type === 'residual-shifting' ? card.process.steps : undefined
    if (steps) {
      const seen = new Set([...t].map((time) => Math.round(time * steps)))
      expect([...seen].sort((p, q) => p - q)).toEqual(Array.from({ length: steps }, (_, i) => i + 1))
      for (const time of t) expect(time * steps).toBeCloseTo(Math.round(time * steps), 5)
    } else t.forEach((time, row) => void expect(Math.floor(time * settings.batch)).toBe(row))
  })
})

it('the low-resolution pairs: what the network sees is the clean image, degraded as the recipe says', () => {
  const { degradations } = recipes['fashion-sr-l2'].details as { degradations: DegradationSpecification[] }
  expect(degradations).toEqual([{ type: 'down-up', factor: 4, noise: 0.03 }])
  const { degraded, target } = batchOf('fashion-sr-l2')
  const shape = [settings.batch, 1, 28, 28]
  const without = degradation({ type: 'down-up', factor: 4 })({ shape, data: target as Float32Array }, [])
  const difference = degraded.map((v, i) => v - without.data[i])
  const std = Math.sqrt(difference.reduce((sum, v) => sum + v * v, 0) / difference.length)
  // Interpolation keeps 0.6 to 1 of the deviation of the noise.
  expect(std).toBeGreaterThan(0.018)
  expect(std).toBeLessThan(0.03)
})

it.each(['fashion-restore-mr', 'fashion-sr-l2'])('%s trains; the graph has the inputs of its card', async (name) => {
  const losses: number[] = []
  const out = join(folder, name)
  const { files } = await runRecipe(name, {
    folder: out,
    batch: 16,
    steps: 12,
    threads: 1,
    evaluate: false,
    onStep: ({ loss }) => void losses.push(loss),
  })
  const mean = (part: number[]) => part.reduce((a, v) => a + v, 0) / part.length
  expect(mean(losses.slice(-3))).toBeLessThan(mean(losses.slice(0, 3)))
  expect(readModel(readFileSync(files[0])).graph.inputs.map((input) => input.name)).toEqual(['x', 't', 'degraded'])
  const card = JSON.parse(readFileSync(files[1], 'utf8'))
  expect(card.training.degradations).toEqual(recipes[name].details?.degradations)
})

describe('restoring', () => {
  const untrained = async (name: string) => {
    const { model } = recipes[name].task(settings)
    return [writeModel(model), parseModelCard(recipes[name].card()) as NetworkCard] as const
  }
  const images = () => imagesTensor(fashionData.read('test'), 0, 6)
  const clipped = ({ data }: Tensor) => data.map((v) => Math.min(1, Math.max(-1, v)))

  // Before training these networks predict the degraded image as the clean one: the residual is 0, whatever the noise.
  it.each([
    ['fashion-sr-l2', 1, ddim()],
    ['fashion-sr-resshift4', 4, resShift()],
    ['fashion-sr-resshift15', 15, ddim()],
  ])('%s, untrained, gives back what it is given', async (name, steps, solver) => {
    const degraded = { shape: [6, 1, 28, 28], data: images().data.map((v) => 1.2 * v) }
    const [model, card] = await untrained(name)
    const restored = await restoreImages(model, card, degraded, { steps, solver, seed: 1, batch: 4 })
    expect(restored.shape).toEqual(degraded.shape)
    const expected = clipped(degraded)
    restored.data.forEach((v, i) => void expect(v).toBeCloseTo(expected[i], 5))
  })

  it('fashion-restore-mr starts as the noise that would be there without an image', async () => {
    const [model, card] = await untrained('fashion-restore-mr')
    const runtime = nodeRuntime({ workers: 0 })
    const session = await runtime.load(model)
    const process = parseProcess(card.process)
    const denoiser = networkDenoiser(session, { ...card, process })
    const degraded = images()
    const residual = { shape: degraded.shape, data: new Float32Array(6 * 784) }
    normal(key(3), residual.data)
    const eps = await denoiser.predict(residual, new Float64Array(6).fill(0.9), 'noise', { degraded })
    await runtime.close()
    eps.data.forEach((v, i) => void expect(v).toBeCloseTo(residual.data[i] / (100 / 255), 4))
  })

  it('row by row: a row depends on its number and the seed, not on the batch', async () => {
    const [model, card] = await untrained('fashion-sr-ddpm')
    const draw = (batch: number) => restoreImages(model, card, images(), { steps: 2, seed: 4, batch })
    const [one, other] = [await draw(6), await draw(4)]
    one.data.forEach((v, i) => void expect(other.data[i]).toBeCloseTo(v, 5))
  })
})

it('fidelity: clean images are at distance 0 of themselves, noisy ones are not', async () => {
  const clean = imagesTensor(fashionData.read('test'))
  const labels = fashionData.read('test').labels
  const fidelity = await fidelityTo('fashion-judge', clean, labels)
  expect(await fidelity(clean)).toMatchObject({ psnr: Infinity, ssim: 1, featureDistance: 0 })
  const noise = new Float32Array(clean.data.length)
  normal(key(1), noise)
  const noisy = await fidelity({ shape: clean.shape, data: clean.data.map((v, i) => v + 0.1 * noise[i]) })
  // MSE 0.01 on a range of 2: 10 log10(4 / 0.01).
  expect(noisy.psnr).toBeCloseTo(26.02, 1)
  expect(noisy.featureDistance).toBeGreaterThan(0.01)
  expect(noisy.cnnFid).toBeGreaterThan(0)
})
