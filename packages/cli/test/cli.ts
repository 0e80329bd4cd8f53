/** Runs the built command, as a user does. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { afterAll, beforeAll } from 'vitest'

const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the command; `ended` resolves when it is gone. */
export function start(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): { child: ChildProcess; ended: Promise<Outcome> } {
  const child = spawn(process.execPath, [entry, ...args], {
    cwd,
    env: { ...process.env, ESPALIER_DEBUG: '', ...environment },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => (stdout += data))
  child.stderr.on('data', (data) => (stderr += data))
  const ended = new Promise<Outcome>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { child, ended }
}

export function run(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return start(args, cwd, environment).ended
}

/**
 * One process of the built command that takes many calls, one after another: the same code in the same kind of folder,
 * without the start of a process each time.
 */
export function session(folder: { readonly path: string }): (args: readonly string[]) => Promise<Outcome> {
  let child: ChildProcess
  const waiting: ((outcome: Outcome) => void)[] = []
  beforeAll(() => {
    const env = { ...process.env, ESPALIER_DEBUG: '' }
    child = spawn(process.execPath, ['--input-type=module', '-e', server], { cwd: folder.path, env, stdio: 'pipe' })
    let text = ''
    child.stdout!.on('data', (data) => {
      const lines = (text += data).split('\n')
      text = lines.pop() as string
      for (const line of lines) waiting.shift()?.(JSON.parse(line))
    })
    child.stderr!.on('data', (data) => process.stderr.write(data))
  })
  afterAll(() => child.kill())
  return (args) =>
    new Promise((resolve) => {
      waiting.push(resolve)
      child.stdin!.write(`${JSON.stringify(args)}\n`)
    })
}

const server = `
import { createInterface } from 'node:readline'
import { main } from ${JSON.stringify(new URL('../dist/program.js', import.meta.url).href)}
const write = process.stdout.write.bind(process.stdout)
for await (const line of createInterface({ input: process.stdin })) {
  const said = { stdout: '', stderr: '' }
  process.stdout.write = (text) => { said.stdout += text; return true }
  process.stderr.write = (text) => { said.stderr += text; return true }
  process.exitCode = 0
  const code = await main(JSON.parse(line))
  write(JSON.stringify({ code, signal: null, ...said }) + '\\n')
}`

/** A scratch folder with models, for one test file. */
export function scratch(): { readonly path: string } {
  const folder = { path: '' }
  beforeAll(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'espalier-cli-'))
    writeWorld(folder.path)
    writeImageModel(join(folder.path, 'images'))
    writeRestorationModel(join(folder.path, 'restore'))
  })
  afterAll(() => rmSync(folder.path, { recursive: true, force: true }))
  return folder
}

export function writeWorld(folder: string): void {
  const world = {
    type: 'gaussian-mixture',
    means: [
      [-2, 0],
      [2, 0],
    ],
    stds: [0.3, 0.3],
    weights: [1, 3],
  }
  writeFileSync(join(folder, 'world.json'), JSON.stringify(world))
}

/**
 * A class-conditional network of 1x8x8 images that was never trained: its data prediction is a smoothed `x` plus a
 * brightness that depends on the class (one of three; zeros are "no class").
 */
export function writeImageModel(folder: string, changes: Record<string, unknown> = {}): void {
  const b = new GraphBuilder({ name: 'images' })
  const x = b.input('x', ['N', 1, 8, 8])
  const t = b.input('t', ['N'])
  const label = b.input('label', ['N', 3])
  const blur = b.parameter('blur', tensor(new Array(9).fill(0.08), [1, 1, 3, 3], 'float32'))
  const light = b.parameter('light', tensor([-0.6, 0, 0.6], [3, 1], 'float32'))
  const smooth = b.op('Conv', [x, blur], { pads: [1, 1, 1, 1] })
  const shift = label
    .matmul(light)
    .add(t.mul(0).unsqueeze([1]))
    .reshape([-1, 1, 1, 1])
  b.output('y', smooth.add(shift).tanh())
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), writeModel(b.build()))
  const none = [0, 0, 0]
  const card = {
    type: 'network',
    name: 'images',
    process: { type: 'vp-cosine' },
    prediction: 'data',
    event: [1, 8, 8],
    conditions: { label: { shape: [3], default: none, unconditional: none } },
    classes: ['dark', 'grey', 'light'],
    ...changes,
  }
  writeFileSync(join(folder, 'card.json'), JSON.stringify(card))
}

/** A network around a mean: it predicts that the clean image is half of the degraded one. */
export function writeRestorationModel(folder: string): void {
  const b = new GraphBuilder({ name: 'restore' })
  const x = b.input('x', ['N', 1, 8, 8])
  const t = b.input('t', ['N'])
  const degraded = b.input('degraded', ['N', 1, 8, 8])
  b.output(
    'y',
    degraded
      .mul(0.5)
      .add(x.mul(0))
      .add(t.mul(0).reshape([-1, 1, 1, 1])),
  )
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), writeModel(b.build()))
  const card = {
    type: 'network',
    name: 'restore',
    process: { type: 'mean-reverting' },
    prediction: 'data',
    event: [1, 8, 8],
    conditions: { degraded: { shape: [1, 8, 8] } },
    mean: 'degraded',
  }
  writeFileSync(join(folder, 'card.json'), JSON.stringify(card))
}
