import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** Runs an example in a folder where `model` is a model of the zoo, after a look into the READMEs that show it. */
async function run(name: string, model: string, readmes: readonly string[]): Promise<string> {
  const code = readFileSync(join(root, `examples/${name}.ts`), 'utf8')
  for (const readme of readmes) {
    expect(readFileSync(join(root, readme), 'utf8')).toContain(`\`\`\`ts\n${code}\`\`\``)
  }
  const folder = mkdtempSync(join(root, 'node_modules/.readme-'))
  try {
    symlinkSync(join(root, 'packages/zoo/models', model), join(folder, 'model'))
    const script = join(root, `examples/dist/${name}.js`)
    return (await promisify(execFile)(process.execPath, [script], { cwd: folder })).stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('the example runs, and the READMEs show it as it is', async () => {
  const stdout = await run('steer', 'mnist', ['README.md', 'packages/espalier/README.md'])
  const [, nfe] = /^\d+ samples in (\d+) NFE; the best has reward -?\d+\.\d\n$/.exec(stdout) ?? []
  expect(Number(nfe)).toBeGreaterThan(1600)
  expect(Number(nfe)).toBeLessThanOrEqual(2000)
}, 120_000)

test('so does the example of text', async () => {
  const stdout = await run('steer-text', 'kjv', ['packages/espalier/README.md'])
  const [, nfe, best, text] =
    /^\d+ texts in (\d+) NFE; the best has reward (\d+):\n(And he said unto them,.*)$/s.exec(stdout) ?? []
  expect(Number(nfe)).toBeGreaterThan(900)
  expect(Number(nfe)).toBeLessThanOrEqual(1000)
  expect(text.split('?').length - 1).toBe(Number(best))
}, 120_000)
