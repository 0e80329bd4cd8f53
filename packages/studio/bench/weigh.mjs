// What the app weighs, file by file: node packages/studio/bench/weigh.mjs
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const { module } = await runnerImport(fileURLToPath(new URL('./sizes.ts', import.meta.url)))
const { files, app, runtime, packages } = await module.sizesOf(
  fileURLToPath(new URL('../vite.config.ts', import.meta.url)),
)
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(11)
const print = (line) => process.stdout.write(`${line}\n`)
print('gzip, without the runtime:')
for (const [name, bytes] of Object.entries(files).sort((a, b) => b[1] - a[1])) {
  print(`${kb(bytes)}  ${name}`)
  const parts = Object.entries(packages[name] ?? {}).sort((a, b) => b[1] - a[1])
  const shown = parts.slice(0, process.argv.includes('--packages') ? 40 : 0)
  for (const [part, length] of shown) print(`             ${kb(length)} ${part}`)
}
print(`${kb(app)}  in all; what is loaded until an example has run is held to a budget by a test`)
print('the runtime:')
for (const [name, bytes] of Object.entries(runtime)) print(`${kb(bytes)}  ${name}`)
