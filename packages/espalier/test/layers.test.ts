import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

// The table of ARCHITECTURE.md: a layer imports only from those above it.
const layers = [
  'tensor',
  'process',
  'runtime',
  'solve',
  'reward',
  'guide',
  'chain',
  'text',
  'search',
  'measure',
  'train',
]

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, folder, name))

const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) [^'"]*?from '([^']+)'/gms)].map((m) => m[1])

describe('layers', () => {
  const src = join(root, 'packages/espalier/src')
  const layerOf = (file: string): string => relative(src, file).split('/')[0]

  test('a layer imports only from the layers above it', () => {
    const wrong: string[] = []
    for (const file of sources('packages/espalier/src')) {
      const from = layers.indexOf(layerOf(file))
      if (layerOf(file) === 'index.ts') continue
      expect(from, `${relative(root, file)} lies in no layer of the table`).toBeGreaterThanOrEqual(0)
      for (const target of importsOf(file)) {
        if (!target.startsWith('.')) continue
        const to = layers.indexOf(layerOf(resolve(dirname(file), target)))
        if (to > from) wrong.push(`${relative(src, file)} imports ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('only the Node runtime imports Node modules, so that the rest runs in a browser', () => {
    const wrong = [...sources('packages/espalier/src'), ...sources('packages/graph/src')]
      .filter((file) => !file.includes('/runtime/node/'))
      .filter((file) => importsOf(file).some((target) => target.startsWith('node:') || target === 'onnxruntime-node'))
    expect(wrong.map((file) => relative(root, file))).toEqual([])
  })

  test('the graph package knows nothing of diffusion', () => {
    const wrong = sources('packages/graph/src').filter((file) =>
      importsOf(file).some((target) => target.startsWith('espalier') || target.startsWith('@espalier')),
    )
    expect(wrong).toEqual([])
  })
})
