import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Model } from '../src/index.ts'
import { differentiableOps, evaluate, readModel } from '../src/index.ts'
import { readNetwork } from './fixtures/fixture.ts'
import { array, difference } from './models.ts'

const here = (name: string) => new URL(name, import.meta.url)
const readme = readFileSync(here('../README.md'), 'utf8')
const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map((m) => m[1]!)

describe('the examples of the README', () => {
  let folder: string
  const scripts: URL[] = []
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'graph-readme-'))
    writeFileSync(join(folder, 'classifier.onnx'), readNetwork('cnn-15'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
    for (const script of scripts) rmSync(script, { force: true })
  })

  /** Runs an example as it stands; only the places of its files are changed, and what it made is returned. */
  async function run(text: string, ...names: string[]): Promise<Record<string, unknown>> {
    const script = here(`readme-example-${scripts.length}-${process.pid}.tmp.ts`)
    scripts.push(script)
    const placed = text.replace(/'([\w-]+\.onnx)'/g, (_, file: string) => JSON.stringify(join(folder, file)))
    writeFileSync(script, `${placed}\nexport { ${names.join(', ')} }\n`)
    return await import(/* @vite-ignore */ script.href)
  }

  it('are short', () => {
    const lines = examples.map(
      (text) => text.split('\n').filter((l) => l.trim() && !/^(import|\s*\/\/)/.test(l)).length,
    )
    expect(lines).toHaveLength(3)
    expect(Math.max(...lines)).toBeLessThanOrEqual(18)
  })

  it('saliency of a classifier', async () => {
    const { image, logits, grad_logits, slopes, saliency } = (await run(
      examples[0]!,
      'image',
      'logits',
      'grad_logits',
      'slopes',
      'saliency',
    )) as Record<string, { data: Float32Array } & Float32Array>
    const model = readModel(readNetwork('cnn-15'))
    const pixels = Float64Array.from(image!.data)
    const score = (x: Float64Array) => evaluate(model, { image: { shape: [1, 3, 13, 11], data: x } }).logits!
    expect(difference(score(pixels), { shape: [1, 4], data: Float64Array.from(logits!.data) })).toBeLessThan(1e-5)
    expect(Array.from(grad_logits!.data)).toEqual([0, 0, 1, 0])
    // The slope along a direction, by differences of the score of class 2.
    const v = array([429], 3).data
    const moved = (h: number) => score(pixels.map((p, i) => p + h * v[i]!)).data[2]!
    const along = slopes!.reduce((sum, s, i) => sum + s * v[i]!, 0)
    expect(along).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 4)
    expect(saliency).toHaveLength(13 * 11)
    expect(Math.max(...saliency!)).toBeGreaterThan(0)
  })

  it('fine-tuning of an exported model', async () => {
    // The data of the reader: random pictures whose class is known.
    const images = array([8, 3, 13, 11], 5)
    const classes = Float64Array.from({ length: 32 }, (_, i) => Number(i % 4 === (i >> 2) % 3))
    const pair = [
      new Tensor('float32', Float32Array.from(images.data), images.shape),
      new Tensor('float32', Float32Array.from(classes), [8, 4]),
    ]
    vi.stubGlobal('batches', new Array(30).fill(pair))
    await run(examples[1]!, 'session')
    vi.unstubAllGlobals()
    const loss = (model: Model) => {
      const { data } = evaluate(model, { image: images }).logits!
      const rows = Array.from({ length: 8 }, (_, n) => data.subarray(4 * n, 4 * n + 4))
      return (
        rows.reduce(
          (sum, row, n) =>
            sum + Math.log(row.reduce((a, v) => a + Math.exp(v), 0)) - row[classes.subarray(4 * n).indexOf(1)]!,
          0,
        ) / 8
      )
    }
    const tuned = readModel(readFileSync(join(folder, 'tuned.onnx')))
    const before = readModel(readNetwork('cnn-15'))
    expect(loss(tuned)).toBeLessThan(0.8 * loss(before))
    const changed = [...before.graph.initializers].filter(
      ([name, t]) => String(tuned.graph.initializers.get(name)!.data) !== String(t.data),
    )
    expect(changed.map(([name]) => name).sort()).toEqual(['out.bias', 'out.weight'])
    expect(tuned.graph.inputs).toEqual(before.graph.inputs)
  })

  it('formulas and compositions', async () => {
    const { energy, force, curvature, two, hidden } = (await run(
      examples[2]!,
      'energy',
      'force',
      'curvature',
      'two',
      'hidden',
    )) as Record<string, never>
    const x = array([3, 2])
    const e = evaluate(energy!, { x }).energy!
    expect(e.shape).toEqual([3])
    const h = evaluate(hidden!, { x })
    const squares = Object.values(h)[0]!
    expect(e.data[0]).toBeCloseTo(squares.data[0]! ** 2 + squares.data[1]! ** 2, 10)
    const g = evaluate(force!, { x }).grad_x!
    const move = (by: number) =>
      evaluate(energy!, { x: { shape: [3, 2], data: x.data.map((v, i) => (i === 0 ? v + by : v)) } }).energy!.data[0]!
    expect(g.data[0]).toBeCloseTo((move(1e-6) - move(-1e-6)) / 2e-6, 7)
    expect(evaluate(curvature!, { x, grad_grad_x: array([3, 2], 2) }).grad_x!.shape).toEqual([3, 2])
    const half = { shape: [3, 2], data: x.data.map((v) => v / 2) }
    expect(evaluate((two as { build(): never }).build(), { x }).energy).toEqual(evaluate(energy!, { x: half }).energy)
  })

  it('count the operators as they are', () => {
    expect(readme).toContain(`**${differentiableOps().length} operators**`)
  })
})

describe('the sources', () => {
  const files = readdirSync(here('../src/'), { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'))
  const { dependencies } = JSON.parse(readFileSync(here('../package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }

  it.each(files)('%s needs nothing that a browser lacks', (file) => {
    const text = readFileSync(here(`../src/${file}`), 'utf8')
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1]!)
    for (const name of imports) {
      const local = name.startsWith('./') || name.startsWith('../')
      expect(
        local ? name.endsWith('.ts') : Object.keys(dependencies).some((d) => name === d || name.startsWith(`${d}/`)),
        name,
      ).toBe(true)
    }
    const code = text.replace(/\/\*.*?\*\/|\/\/.*$/gms, '')
    expect(code.match(/\b(Buffer|process|require|__dirname|__filename|setImmediate)\b\s*[.(]/g)).toBeNull()
  })

  it('have the one dependency that the README explains', () => {
    expect(Object.keys(dependencies)).toEqual(['@bufbuild/protobuf'])
    expect(readme).toContain('One: `@bufbuild/protobuf`')
  })
})
