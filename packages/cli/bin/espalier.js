#!/usr/bin/env node
import { existsSync } from 'node:fs'

// npm links the command when it installs, which in a checkout is before the first build.
const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) await import(main.href)
else {
  process.stderr.write('error: espalier is not built yet; run npm run build, or npm start\n')
  process.exitCode = 2
}
