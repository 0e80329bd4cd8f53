import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

test('the example runs, and the READMEs show it as it is', async () => {
  const code = readFileSync(join(root, 'examples/steer.ts'), 'utf8')
  for (const readme of ['README.md', 'packages/espalier/README.md']) {
    expect(readFileSync(join(root, readme), 'utf8')).toContain(`\`\`\`ts\n${code}\`\`\``)
  }
  const folder = mkdtempSync(join(root, 'node_modules/.readme-'))
  try {
    symlinkSync(join(root, 'packages/zoo/models/mnist'), join(folder, 'model'))
    const script = join(root, 'examples/dist/steer.js')
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: folder })
    const [, nfe] = /^\d+ samples in (\d+) NFE; the best has reward -?\d+\.\d\n$/.exec(stdout) ?? []
    expect(Number(nfe)).toBeGreaterThan(1600)
    expect(Number(nfe)).toBeLessThanOrEqual(2000)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 120_000)
