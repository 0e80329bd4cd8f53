import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readModel } from '@espalier/graph'
import { describe, expect, it } from 'vitest'
import { readRunRecord } from '../src/run-folder.ts'
import { measurement } from '../src/run-train.ts'
import { scratch, session } from './cli.ts'

const folder = scratch()
const espalier = session(folder)
const bytes = (name: string) => readFileSync(join(folder.path, 'trained', name))
const card = () => JSON.parse(bytes('card.json').toString())

describe('espalier train', () => {
  const line = ['train', 'mnist-classifier', '--steps', '3', '--batch', '4', '--threads', '1', '--out', 'trained']

  it('leaves a model with its card, not measured with --no-evaluate', async () => {
    const { code, stdout, stderr } = await espalier([...line, '--no-evaluate'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^mnist-classifier: 3 steps in .*\ntrained\n$/)
    expect(code).toBe(0)
    expect(readModel(bytes('model.onnx')).graph.outputs.map(({ name }) => name)).toContain('logits')
    expect(card()).toMatchObject({ name: 'mnist-classifier', training: { steps: 3, batch: 4 } })
    expect(card().training.metrics).toEqual({})
    const record = readRunRecord(join(folder.path, 'trained'))
    expect(record).toMatchObject({ status: 'done', configuration: { steps: 3, evaluate: false } })
    expect(record.line).toContain(' --no-evaluate ')
  })

  it('run again, trains nothing and writes the same model with its measurement', async () => {
    const before = { model: bytes('model.onnx'), checkpoint: bytes('checkpoint.safetensors') }
    rmSync(join(folder.path, 'trained', 'model.onnx'))
    const { code, stdout, stderr } = await espalier([...line, '--json'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const { metrics, ...result } = JSON.parse(stdout)
    expect(result).toMatchObject({ folder: 'trained', finished: true, step: 3, steps: 3 })
    expect(bytes('model.onnx').equals(before.model)).toBe(true)
    // The checkpoint holds the seconds of training, so it shows whether training wrote it once more.
    expect(bytes('checkpoint.safetensors').equals(before.checkpoint)).toBe(true)
    // A share of the 10,000 test images; three steps teach next to nothing.
    expect(metrics.testAccuracy * 10_000).toBeCloseTo(Math.round(metrics.testAccuracy * 10_000), 6)
    expect(metrics.testAccuracy).toBeGreaterThan(0)
    expect(card().training.metrics).toEqual(metrics)
  })
})

describe('the progress line of a measurement', () => {
  it('says the share that is done and the time left at the pace so far', () => {
    let time = 60_000
    const text = measurement('mnist', () => time)
    expect(text(0.1)).toBe('mnist  measuring 10%')
    time += 20_000
    // 10% took 20 s, so the other 80% take 160 s.
    expect(text(0.2)).toBe('mnist  measuring 20%  2 min 40 s left')
    expect(text(1)).toBe('mnist  measuring 100%')
  })
})
