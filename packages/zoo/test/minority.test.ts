import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  imagesTensor,
  loadZoo,
  minorityClassNames,
  minorityScoreOptions,
  minorityScores,
  minorityScoring,
  minorityTask,
  readMnist,
  runRecipe,
  scoreDigits,
} from '@espalier/zoo'
import { minorityScore, noisyClassifier } from 'espalier/guide'
import { nodeRuntime } from 'espalier/node'
import { type ClassifierCard, loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { key, normal, type Tensor, writeSafetensors } from 'espalier/tensor'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'espalier-minority-'))
afterAll(() => rmSync(folder, { recursive: true }))

const settings = { seed: 5, steps: 100, batch: 32 }

describe('the scores of the digits', () => {
  it('are those that the flow gives, in ten classes of equal counts', async () => {
    const { scores, labels, quantiles } = minorityScores()
    expect(scores.length).toBe(minorityScoring.images)
    for (const count of Array.from({ length: 10 }, (_, j) => labels.filter((label) => label === j).length)) {
      expect(Math.abs(count - scores.length / 10)).toBeLessThanOrEqual(1)
    }
    expect(quantiles[9]).toBe(Math.max(...scores))
    const runtime = nodeRuntime({ workers: 0 })
    const { model, card } = loadZoo(minorityScoring.model) as { model: Uint8Array; card: NetworkCard }
    const denoiser = await loadDenoiser(runtime, model, card)
    const again = await minorityScore(denoiser, imagesTensor(readMnist('train'), 0, 12), minorityScoreOptions)
    // Another CPU rounds otherwise.
    for (const [i, score] of again.entries()) expect(Math.abs(score / scores[i] - 1)).toBeLessThan(1e-3)
    await denoiser.release()
    await runtime.close()
  })

  it('are computed once, stop when told to, and are looked for where they should be', async () => {
    const stop = new AbortController()
    stop.abort()
    await expect(scoreDigits(folder, { signal: stop.signal })).rejects.toThrow()
    expect(() => minorityScores(folder)).toThrow('espalier train mnist-minority')
    const stopped = await runRecipe('mnist-minority', { folder, steps: 2, signal: stop.signal })
    expect(stopped).toMatchObject({ finished: false, step: 0, steps: 2 })
  })
})

describe('the batches of the minority recipe', () => {
  const copy = (task: ReturnType<typeof minorityTask>, step: number) =>
    Object.fromEntries(Object.entries(task.batch(step)).map(([name, { data }]) => [name, data.slice()]))

  it('are a function of the step alone, with times spread evenly', () => {
    const task = minorityTask(settings)
    const third = copy(task, 3)
    expect(copy(task, 4).x).not.toEqual(third.x)
    expect(copy(task, 3)).toEqual(third)
    for (let row = 0; row < 32; row++) expect(Math.floor(third.t[row] * 32)).toBe(row)
  })

  it('hold noised digits with their classes; shuffled, each the class of another', () => {
    const { labels } = minorityScores()
    const digits = readMnist('train')
    const matching = (shuffle: boolean) => {
      const task = minorityTask(settings, { shuffle })
      let count = 0
      for (const step of [0, 1]) {
        const { x, t, target } = copy(task, step)
        // The times of the first rows are below 1/4, where the picture can be found again.
        for (let row = 0; row < 8; row++) {
          const image = x.slice(row * 784, (row + 1) * 784).map((v) => v / (1 - t[row]))
          const hot = target.slice(row * 10, row * 10 + 10).indexOf(1)
          if (hot === labels[nearest(image, digits.pixels, labels.length)]) count++
        }
      }
      return count
    }
    expect(matching(false)).toBe(16)
    expect(matching(true)).toBeLessThan(8)
  })
})

describe('the classifier', () => {
  it('is not trained on scores of another network: they are computed again', async () => {
    const { scores } = minorityScores()
    // As another run left them: the recipe takes them only if they are of its own network and settings.
    writeFileSync(
      join(folder, 'scores.safetensors'),
      writeSafetensors({ scores: { shape: [scores.length], data: Float32Array.from(scores) } }, { settings: 'others' }),
    )
    const stop = new AbortController()
    const waited = runRecipe('mnist-minority', {
      ...{ folder, steps: 3, signal: stop.signal },
      onPrepare: () => stop.abort(),
    })
    expect((await waited).finished).toBe(false)
  })

  it('of the zoo tells rare digits from common ones, less surely in more noise', async () => {
    const runtime = nodeRuntime({ workers: 0 })
    const { model, card } = loadZoo('mnist-minority') as { model: Uint8Array; card: ClassifierCard }
    expect(card).toMatchObject({ classes: minorityClassNames, noisy: { process: { type: 'flow' }, time: 't' } })
    const classifier = await noisyClassifier(runtime, model, card)
    const { labels } = minorityScores()
    // Of the images that it has not seen.
    const held = [...Array(1000).keys()].map((i) => 19_000 + i)
    const digits = readMnist('train')
    const lead = []
    for (const t of [0.05, 0.5, 0.95]) {
      const of = async (label: number) => {
        const rows = held.filter((i) => labels[i] === label).slice(0, 40)
        const x: Tensor = { shape: [40, 1, 28, 28], data: new Float32Array(40 * 784) }
        normal(key(label), x.data)
        rows.forEach((index, i) => {
          const clean = imagesTensor(digits, index, index + 1).data
          for (let j = 0; j < 784; j++) x.data[i * 784 + j] = (1 - t) * clean[j] + t * x.data[i * 784 + j]
        })
        const { values } = await classifier.differentiate(x, new Float64Array(40).fill(t), [7, 8, 9])
        return values.reduce((sum, v) => sum + v / 40, 0)
      }
      lead.push((await of(9)) - (await of(0)))
    }
    expect(lead[0]).toBeGreaterThan(2)
    expect(lead[0]).toBeGreaterThan(lead[1])
    expect(lead[1]).toBeGreaterThan(lead[2])
    await classifier.release()
    await runtime.close()
  })
})

/** The image whose pixels are nearest. */
function nearest(image: Float32Array, pixels: Uint8Array, count: number): number {
  let [best, found] = [Infinity, -1]
  for (let i = 0; i < count; i++) {
    let square = 0
    for (let j = 0; j < 784 && square < best; j++) square += (image[j] - (pixels[i * 784 + j] / 127.5 - 1)) ** 2
    if (square < best) [best, found] = [square, i]
  }
  return found
}
