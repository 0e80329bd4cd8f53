import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

test('the example of the READMEs runs as written', async () => {
  const readme = readFileSync(join(root, 'packages/espalier/README.md'), 'utf8')
  const code = /```js\n([\s\S]*?)```/.exec(readme)?.[1]
  expect(code).toBeDefined()
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(code)
  const folder = mkdtempSync(join(root, 'node_modules/.readme-'))
  try {
    writeFileSync(join(folder, 'example.mjs'), code as string)
    symlinkSync(join(root, 'packages/zoo/models/mnist'), join(folder, 'model'))
    const { stdout } = await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: folder })
    const [, nfe] = /^\d+ samples in (\d+) NFE; the best has reward -?\d+\.\d\n$/.exec(stdout) ?? []
    // The dearest rollout is 20 NFE: no more can be left over.
    expect(Number(nfe)).toBeGreaterThan(1980)
    expect(Number(nfe)).toBeLessThanOrEqual(2000)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 120_000)
