import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('a deterministic chain in a particle method is a compile error', async () => {
  // Each @ts-expect-error of the file that is not an error is one.
  const file = join(import.meta.dirname, 'types.ts')
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json')
  const compiler = join(dirname(typescript), 'bin/tsc')
  const strict = ['--strict', '--target', 'es2022', '--lib', 'es2023,dom', '--skipLibCheck', '--types', 'node']
  const modules = ['--module', 'nodenext', '--allowImportingTsExtensions', '--verbatimModuleSyntax']
  const run = promisify(execFile)(process.execPath, [
    compiler,
    '--noEmit',
    '--ignoreConfig',
    ...strict,
    ...modules,
    file,
  ])
  const output = await run.then(
    () => '',
    (error: { stdout: string; message: string }) => error.stdout || error.message,
  )
  expect(output.split('\n').filter((line) => line.includes('test/chain/types.ts'))).toEqual([])
  expect(output).not.toMatch(/Unknown compiler option|Cannot find module/)
})
