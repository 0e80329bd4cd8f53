/** A network end to end: classes, guidance, rewards of images, pictures. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeImageModel } from '../../cli/test/cli.ts'
import { allEvents, toldIn } from '../../engine/test/support/conformance.ts'
import { pngOf, type RunningServer } from '../src/index.ts'
import { open, raw, type Scratch, scratch } from './support/server.ts'

/** Two classes of 1x8x8 images by their mean: `dark` and `light`. */
function writeClassifier(folder: string): void {
  const b = new GraphBuilder({ name: 'shades' })
  const x = b.input('x', ['N', 1, 8, 8])
  const weights = Array.from({ length: 128 }, (_, i) => (i % 2 === 0 ? -1 : 1) / 16)
  b.output('logits', x.reshape([-1, 64]).matmul(b.parameter('w', tensor(weights, [64, 2], 'float32'))))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), writeModel(b.build()))
  const card = { type: 'classifier', name: 'shades', event: [1, 8, 8], classes: ['dark', 'light'] }
  writeFileSync(join(folder, 'card.json'), JSON.stringify(card))
}

describe('runs of images', { timeout: 20_000 }, () => {
  let folder: Scratch
  let server: RunningServer
  const runtime = nodeRuntime({ workers: 0 })
  const common = { model: 'images', steps: 6, budget: 120, width: 4, seed: 1 }
  const finish = async (config: object) => {
    const id = await server.engine.start(config as never)
    const events = await allEvents(server.engine, id)
    return { id, ...toldIn(events), run: await server.engine.run(id) }
  }
  beforeAll(async () => {
    folder = scratch()
    writeImageModel(join(folder.path, 'models', 'images'))
    writeClassifier(join(folder.path, 'models', 'shades'))
    server = await open(folder.path, { runtime })
  })
  afterAll(async () => {
    await server.close()
    await runtime.close()
    folder.remove()
  })

  it('offers the model with its classes and rewards, and no classifier', async () => {
    const models = await server.engine.models()
    expect(models.map(({ key }) => key)).toEqual(['images', 'world'])
    expect(models[0]).toMatchObject({ kind: 'image', classes: ['dark', 'grey', 'light'] })
    expect(models[0].rewards).toEqual(expect.arrayContaining(['class:light', 'brightness', 'ink']))
  })

  it('searches for a class, under guidance, and shows what it found', async () => {
    const light = { ...common, class: 'light', guidance: 2 }
    const { id, run, leaves, rewards } = await finish({ ...light, reward: 'class:light', method: 'dts-star' })
    expect(run).toMatchObject({ status: 'finished', nfe: 120 })
    const best = leaves[rewards.indexOf(run.best)]
    const sample = await server.engine.state(id, { node: best })
    expect([sample.shape, sample.range]).toEqual([
      [1, 8, 8],
      [-1, 1],
    ])
    // log softmax of the logits (-m, m) for the sum of the pixels over 16.
    const m = sample.data.reduce((sum, v) => sum + Math.min(1, Math.max(-1, v)), 0) / 16
    expect(-Math.log1p(Math.exp(-2 * m))).toBeCloseTo(Number(run.best), 4)
    const picture = await raw(`${server.url}/runs/${id}/nodes/${best}.png`)
    expect([picture.status, picture.headers['content-type']]).toEqual([200, 'image/png'])
  })

  it('follows the gradient of a reward, and searches over start noises', async () => {
    const guided = await finish({ ...common, reward: 'brightness', method: 'tds(particles=4)' })
    expect(guided.run).toMatchObject({ status: 'finished' })
    expect(guided.run.gradientEvaluations).toBeGreaterThan(0)
    const noises = await finish({ ...common, reward: 'brightness', method: 'zero-order' })
    expect(noises.run).toMatchObject({ status: 'finished', gradientEvaluations: 0 })
    expect(noises.run.config.solver).toBe('ddim')
  })

  it('tells in one line what does not fit', async () => {
    const wrong = (config: object) => server.engine.start({ ...common, reward: 'brightness', ...config } as never)
    await expect(wrong({ class: 'blue' })).rejects.toThrow(/^class: the model images knows dark, grey, light and none/)
    await expect(wrong({ reward: 'class:grey' })).rejects.toThrow(
      /^reward: the classifier shades knows no class "grey"/,
    )
    await expect(wrong({ model: 'shades' })).rejects.toThrow(/^model: "shades" is a classifier/)
    await expect(wrong({ class: 'none', guidance: 2 })).rejects.toThrow(/^class: guidance 2 strengthens a class/)
    writeFileSync(join(folder.path, 'models', 'images', 'model.onnx'), 'broken')
    const broken = await finish({ ...common, reward: 'brightness' })
    expect(broken.run.status).toBe('failed')
    expect(broken.run.error).toMatch(/^model: [^\n]+$/)
  })
})

describe('pictures', () => {
  it('have the pixels of the state, black to white over its range', () => {
    const data = Float32Array.of(-1, 0, 1, 2, -3, 0.5)
    const png = Buffer.from(pngOf({ shape: [1, 2, 3], data, range: [-1, 1] }))
    expect(png.readUInt32BE(16)).toBe(3)
    expect(png.readUInt32BE(20)).toBe(2)
    const length = png.readUInt32BE(33)
    const rows = inflateSync(png.subarray(41, 41 + length))
    expect(Array.from(rows)).toEqual([0, 0, 128, 255, 0, 255, 0, 191])
    // The CRC of an empty IEND, as every PNG ends.
    expect(png.subarray(-8).toString('hex')).toBe('49454e44ae426082')
    expect(() => pngOf({ shape: [2], data: Float32Array.of(1, 2) })).toThrow(/^a state of the shape \[2\] is no image/)
  })
})
