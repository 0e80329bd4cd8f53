import { createHash } from 'node:crypto'
import { readModel } from '@espalier/graph'
import {
  accuracy,
  classify,
  type DegradationSpecification,
  degradation,
  fidelityTo,
  loadZoo,
  loadZooText,
  NotInstalledError,
  predictedClasses,
  readMnist,
  restoreImages,
  sampleImages,
  zooModels,
  zooTextModels,
} from '@espalier/zoo'
import type { NetworkCard } from 'espalier/runtime'
import { fold, key } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const restorers = [
  ['fashion-restore-mr', 8],
  ['fashion-sr-resshift4', 4],
  ['fashion-sr-resshift15', 15],
  ['fashion-sr-ddpm', 8],
  ['fashion-sr-l2', 1],
] as const

describe('the models of the zoo', () => {
  it.each(zooModels)('%s is the file that its card describes, and small', (name) => {
    const { model, card } = loadZoo(name)
    const training = card.training as { sha256: string; parameters: number; command: string }
    expect(createHash('sha256').update(model).digest('hex')).toBe(training.sha256)
    expect(training.command).toBe(`espalier train ${name}`)
    expect(model.length).toBeLessThan(4e6)
    const { initializers } = readModel(model).graph
    const weights = [...initializers].filter(([key]) => !key.startsWith('constant_'))
    expect(weights.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(training.parameters)
    expect(training.parameters).toBeLessThanOrEqual(2.5e6)
  })

  it.each(['mnist-classifier', 'mnist-judge'])(
    '%s reads at least 99% of the test digits, as its card says',
    async (name) => {
      const { model, card } = loadZoo(name)
      const right = await accuracy(readModel(model), readMnist('test'))
      const { metrics } = card.training as { metrics: { testAccuracy: number } }
      expect(right).toBeGreaterThanOrEqual(0.99)
      // Another CPU rounds otherwise; a few borderline digits may change sides.
      expect(Math.abs(right - metrics.testAccuracy)).toBeLessThan(0.001)
    },
  )

  it('mnist draws the digits that it is asked for', async () => {
    const { model, card } = loadZoo('mnist')
    const labels = Array.from({ length: 50 }, (_, i) => i % 10)
    const samples = await sampleImages(model, card as NetworkCard, { count: 50, steps: 20, seed: 3, labels, batch: 25 })
    expect(samples.shape).toEqual([50, 1, 28, 28])
    // The background is -1, as in the data; ink covers a part of the picture.
    const dark = samples.data.filter((v) => v < -0.9).length / samples.data.length
    expect(dark).toBeGreaterThan(0.6)
    expect(dark).toBeLessThan(0.9)
    const seen = predictedClasses((await classify(loadZoo('mnist-judge').model, samples)).logits)
    expect(seen.filter((k, i) => k === labels[i]).length).toBeGreaterThanOrEqual(45)
  })

  it('fashion draws the clothes that it is asked for, and the restoration networks bring them nearer again', async () => {
    const { model, card } = loadZoo('fashion')
    const labels = Array.from({ length: 40 }, (_, i) => i % 10)
    const clean = await sampleImages(model, card as NetworkCard, { count: 40, steps: 15, seed: 3, labels, batch: 40 })
    const fidelity = await fidelityTo('fashion-judge', clean, labels)
    // Some classes are hard to tell apart: the judge reads 90% of the test pictures.
    expect((await fidelity(clean)).agreement).toBeGreaterThan(0.75)
    const keys = labels.map((_, i) => fold(key(1), i))
    for (const [name, steps] of restorers) {
      const { model, card } = loadZoo(name)
      const { degradations } = card.training as { degradations: DegradationSpecification[] }
      for (const spec of degradations) {
        const degraded = degradation(spec)(clean, keys)
        const restored = await restoreImages(model, card as NetworkCard, degraded, { steps, seed: 1 })
        const [before, after] = [await fidelity(degraded), await fidelity(restored)]
        expect(after.psnr, `${name} ${spec.type}`).toBeGreaterThan(before.psnr + 0.5)
        expect(after.featureDistance, `${name} ${spec.type}`).toBeLessThan(before.featureDistance)
      }
    }
  })

  it('a row depends on its seed and number alone, not on the batch', async () => {
    const { model, card } = loadZoo('mnist')
    const draw = (batch: number) =>
      sampleImages(model, card as NetworkCard, { count: 6, steps: 3, seed: 1, labels: [0, 1, 2, -1, 4, 5], batch })
    const [one, other] = [await draw(6), await draw(4)]
    one.data.forEach((value, i) => {
      expect(other.data[i]).toBeCloseTo(value, 4)
    })
  })

  it.each(zooTextModels)(
    '%s, where it is installed, is the file that its card describes, with its tokenizer',
    (name) => {
      let loaded: ReturnType<typeof loadZooText>
      try {
        loaded = loadZooText(name)
      } catch (error) {
        expect(error).toBeInstanceOf(NotInstalledError)
        expect((error as Error).message).toContain(`train it with: espalier train ${name}`)
        return
      }
      const { model, card, tokenizer } = loaded
      const training = card.training as { sha256: string; command: string }
      expect(createHash('sha256').update(model).digest('hex')).toBe(training.sha256)
      expect(training.command).toBe(`espalier train ${name}`)
      expect(card.vocabulary).toBe(tokenizer.vocabulary)
      const text = name.startsWith('words') ? 'beginning\n' : 'In the beginning God created the heaven and the earth.'
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    },
  )

  it('names what there is', () => {
    expect(() => loadZooText('mnist')).toThrow(`the zoo has no text model "mnist"; it has ${zooTextModels.join(', ')}`)
    expect(() => loadZoo('cifar')).toThrow(`the zoo has no model "cifar"; it has ${zooModels.join(', ')}`)
    expect(() => loadZoo('../../etc')).toThrow('the zoo has no model')
  })
})
