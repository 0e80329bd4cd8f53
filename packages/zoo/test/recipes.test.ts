import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readModel } from '@espalier/graph'
import { readMnist, recipes, runRecipe } from '@espalier/zoo'
import { vpCosine } from 'espalier/process'
import { parseModelCard } from 'espalier/runtime'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'espalier-zoo-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the batches of the diffusion recipe', () => {
  const settings = { seed: 5, steps: 100, batch: 32 }
  const task = recipes.mnist.task(settings)
  const copy = (step: number) => {
    const batch = task.batch(step)
    return Object.fromEntries(Object.entries(batch).map(([name, { data }]) => [name, data.slice()]))
  }

  it('are a function of the step alone', () => {
    const third = copy(3)
    expect(copy(4).x).not.toEqual(third.x)
    expect(copy(3)).toEqual(third)
    expect(recipes.mnist.task(settings).batch(3).x.data).toEqual(third.x)
    expect(recipes.mnist.task({ ...settings, seed: 6 }).batch(3).x.data).not.toEqual(third.x)
  })

  it('hold noised digits with their velocity: a x - s v is a training image with the row label', () => {
    const { a, s } = vpCosine()
    const digits = readMnist('train')
    const { x, t, label, target } = copy(0)
    const pixels = new Map<string, number>()
    for (let i = 0; i < digits.count; i++) pixels.set(digits.pixels.subarray(i * 784, (i + 1) * 784).join(), i)
    for (let row = 0; row < settings.batch; row++) {
      // Stratified: one time in each of `batch` equal parts of [0, 1].
      expect(Math.floor(t[row] * settings.batch)).toBe(row)
      const image = new Uint8Array(784)
      for (let i = 0; i < 784; i++) {
        const at = row * 784 + i
        image[i] = Math.round((a(t[row]) * x[at] - s(t[row]) * target[at] + 1) * 127.5)
      }
      const found = pixels.get(image.join())
      expect(found).toBeDefined()
      const hot = label.slice(row * 10, row * 10 + 10)
      if (hot.some((v) => v !== 0)) expect(hot.indexOf(1)).toBe(digits.labels[found!])
    }
  })

  it('drop a tenth of the labels', () => {
    let dropped = 0
    for (let step = 0; step < 60; step++) {
      const { label } = copy(step)
      for (let row = 0; row < 32; row++) if (label.slice(row * 10, row * 10 + 10).every((v) => v === 0)) dropped++
    }
    // 1920 draws of probability 0.1: within 4 standard deviations.
    expect(Math.abs(dropped - 192)).toBeLessThan(4 * Math.sqrt(192 * 0.9))
  })
})

describe('running a recipe', () => {
  const options = { batch: 4, steps: 6, evaluate: false, threads: 1 }

  it('stopped and resumed, writes the same model as without a stop', async () => {
    const losses: number[] = []
    const whole = await runRecipe('mnist', {
      ...options,
      folder: join(folder, 'whole'),
      onStep: ({ loss }) => void losses.push(loss),
    })
    expect(whole.finished).toBe(true)
    const stop = new AbortController()
    const resumed: number[] = []
    const first = await runRecipe('mnist', {
      ...options,
      folder: join(folder, 'parts'),
      signal: stop.signal,
      onStep: ({ step, loss }) => {
        resumed.push(loss)
        if (step === 2) stop.abort()
      },
    })
    expect(first).toMatchObject({ finished: false, step: 2 })
    const second = await runRecipe('mnist', {
      ...options,
      folder: join(folder, 'parts'),
      onStep: ({ loss }) => void resumed.push(loss),
    })
    expect(second.finished).toBe(true)
    expect(resumed).toEqual(losses)
    const [one, other] = [whole, second].map(({ files }) => readFileSync(files[0]))
    expect(other.equals(one)).toBe(true)

    const card = parseModelCard(JSON.parse(readFileSync(second.files[1], 'utf8')))
    expect(card).toMatchObject({ type: 'network', prediction: 'velocity', event: [1, 28, 28] })
    expect(card.training).toMatchObject({ command: 'espalier train mnist', seed: 1, steps: 6, batch: 4 })
    const { graph } = readModel(one)
    expect(graph.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['x', ['N', 1, 28, 28]],
      ['t', ['N']],
      ['label', ['N', 10]],
    ])
  })

  it('trains the classifiers too: the loss falls', async () => {
    for (const name of ['mnist-classifier', 'mnist-judge']) {
      const losses: number[] = []
      await runRecipe(name, {
        ...options,
        batch: 32,
        steps: 30,
        folder: join(folder, name),
        onStep: ({ loss }) => void losses.push(loss),
      })
      const mean = (part: number[]) => part.reduce((a, v) => a + v, 0) / part.length
      expect(mean(losses.slice(0, 5))).toBeGreaterThan(mean(losses.slice(-5)))
    }
  })

  it('refuses what it cannot do, in one line', async () => {
    await expect(runRecipe('cats', { folder })).rejects.toThrow(
      `there is no recipe "cats"; there are ${Object.keys(recipes).join(', ')}`,
    )
    await expect(runRecipe('mnist', { folder, steps: 0 })).rejects.toThrow('steps must be a whole number >= 1, got 0')
    const other = join(folder, 'whole')
    await expect(runRecipe('mnist', { ...options, steps: 9, seed: 2, folder: other })).rejects.toThrow('another run')
  })
})
