import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readNpy, writeNpy } from 'espalier/tensor'
import { beforeAll, expect, it } from 'vitest'
import { scratch, session } from './cli.ts'

/** Runs of the schedulers of diffusers; `make.py` beside them says how they were made. */
const goldens = join(import.meta.dirname, '../../espalier/test/solve/parity')

interface Golden {
  readonly name: string
  readonly config: object
  readonly steps: number
  readonly options: { readonly mu?: number; readonly sigmas?: readonly number[] }
  readonly noise?: unknown
  readonly end: { readonly x: readonly number[] }
}

const folder = scratch()
const espalier = session(folder)

beforeAll(() => {
  const world = { means: [[-1.2], [0.4], [1.5]], stds: [0.25, 0.35, 0.2], weights: [0.5, 0.3, 0.2] }
  writeFileSync(join(folder.path, 'g.json'), JSON.stringify({ type: 'gaussian-mixture', ...world }))
  writeFileSync(join(folder.path, 'start.npy'), writeNpy({ shape: [3, 1], data: Float32Array.of(-1, 0.3, 2) }))
})

/** The first of each scheduler that needs no noise and no levels from outside: a command line has neither. */
const cases = readdirSync(goldens)
  .filter((file) => file.endsWith('.jsonl'))
  .flatMap((file) =>
    readFileSync(join(goldens, file), 'utf8')
      .trim()
      .split('\n')
      .map((line): Golden => JSON.parse(line))
      .filter(({ noise, options }) => !noise && !options.sigmas)
      .slice(0, 2)
      .map((golden) => [`${file.slice(0, -6)}, ${golden.name}`, golden] as const),
  )

it.each(cases)('a scheduler config through the command ends where diffusers does: %s', async (name, golden) => {
  writeFileSync(join(folder.path, 'config.json'), JSON.stringify(golden.config))
  const { mu } = golden.options
  const { code, stderr } = await espalier([
    ...['sample', '--model', 'g.json', '--scheduler', 'config.json', '--scheduler-variant', 'released'],
    ...['--steps', String(golden.steps), '--start', 'start.npy', '--out-samples', 'end.npy', '--out', name],
    ...(mu === undefined ? [] : ['--mu', String(mu)]),
  ])
  expect([code, stderr]).toEqual([0, ''])
  const { data } = readNpy(readFileSync(join(folder.path, 'end.npy')))
  const scale = Math.max(...golden.end.x.map(Math.abs))
  golden.end.x.forEach((x, i) => {
    expect(Math.abs(data[i] - x) / scale).toBeLessThan(1e-5)
  })
})
