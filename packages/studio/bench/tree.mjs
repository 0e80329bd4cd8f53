// Milliseconds of JavaScript for one picture of the tree, 1280 x 640: drawn whole, growing by five iterations, and of an
// earlier moment. node packages/studio/bench/tree.mjs; Chromium is found by CHROMIUM or on the path.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, preview } from 'vite'

const loadBefore = loadavg()[0]
const frames = Number(process.env.FRAMES ?? 60)
const root = fileURLToPath(new URL('..', import.meta.url))
const executablePath = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
const outDir = mkdtempSync(join(tmpdir(), 'espalier-tree-bench-'))
const vite = { root, configFile: `${root}vite.config.ts`, logLevel: 'error' }
await build({ ...vite, build: { outDir, emptyOutDir: true, rollupOptions: { input: `${root}bench/tree.html` } } })
const server = await preview({ ...vite, build: { outDir }, preview: { port: 4610, strictPort: false } })
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })

const summary = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share) => Number(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(1))
  return { median: at(0.5), p95: at(0.95) }
}
try {
  const results = {}
  for (const nodes of [1e3, 1e4, 1e5]) {
    const page = await browser.newPage({ viewport: { width: 1400, height: 800 } })
    await page.goto(`${server.resolvedUrls.local[0]}bench/tree.html`)
    await page.waitForFunction(() => 'measureTree' in window)
    const times = await page.evaluate(([n, f]) => window.measureTree(n, f), [nodes, frames])
    results[nodes] = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, summary(values)]))
    await page.close()
  }
  const result = {
    command: 'node packages/studio/bench/tree.mjs',
    measures: 'milliseconds of JavaScript for one picture of the tree, 1280 x 640, in Chromium, by the number of nodes',
    arms: {
      drawn: 'all of it laid out, coloured and drawn',
      growing: 'the same behind five more iterations',
      earlier: 'the same of an earlier moment',
    },
    machine: { cores: availableParallelism(), chromium: browser.version(), loadBefore: Number(loadBefore.toFixed(1)) },
    settings: { frames },
    results,
  }
  const file = new URL('../../../bench/results/studio-tree.json', import.meta.url)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
} finally {
  await browser.close()
  await server.close()
  rmSync(outDir, { recursive: true, force: true })
}
