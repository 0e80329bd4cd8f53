// Network evaluations a second in the page, beside the bare `session.run` of the same worker. Goal: at least 0.9.
// node packages/studio/bench/measure.mjs [rounds]; Chromium is found by CHROMIUM or on the path.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, preview } from 'vite'

const rounds = Number(process.argv[2] ?? 9)
const root = fileURLToPath(new URL('..', import.meta.url))
const common = {
  ...{ model: 'mnist-small', class: 'none', reward: 'brightness', lambda: 1, seed: 0, guidance: 1 },
  ...{ budget: 4000, width: 16, steps: 20, grid: 'uniform', solver: 'ddim(eta=1)' },
}
const configs = {
  'best-of-n': { ...common, method: 'best-of-n' },
  dts: { ...common, method: 'dts(alpha=0.6)' },
}

const executablePath = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
const outDir = mkdtempSync(join(tmpdir(), 'espalier-studio-bench-'))
const vite = { root, configFile: `${root}vite.config.ts`, logLevel: 'error' }
await build({ ...vite, build: { outDir, emptyOutDir: true, rollupOptions: { input: `${root}bench/index.html` } } })
const server = await preview({ ...vite, build: { outDir }, preview: { port: 4600, strictPort: false } })
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
try {
  const page = await browser.newPage()
  page.setDefaultTimeout(300_000)
  await page.goto(`${server.resolvedUrls.local[0]}bench/index.html`)
  await page.waitForFunction(() => 'measure' in window)
  const perSecond = await page.evaluate((settings) => window.measure(settings), { configs, rounds, warmUpSeconds: 4 })
  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
  const short = (value) => Number(value.toPrecision(4))
  const arms = Object.keys(configs).map((name) => {
    const ratios = perSecond[name].map((value, i) => value / perSecond.bare[i])
    const range = [Math.min(...ratios), Math.max(...ratios)].map(short)
    const fastest = short(Math.max(...perSecond[name]) / Math.max(...perSecond.bare))
    return [
      name,
      {
        shareOfBare: short(median(ratios)),
        range,
        ofFastestRounds: fastest,
        nfePerSecond: short(median(perSecond[name])),
      },
    ]
  })
  const result = {
    measures:
      'network evaluations a second of whole runs in a worker of Chromium, beside bare session.run of the same batch',
    goal: 'at least 0.9 of bare session.run',
    command: 'node packages/studio/bench/measure.mjs',
    machine: { cores: availableParallelism(), load: loadavg().map(short) },
    settings: { ...common, threads: 1, rounds, warmUpSeconds: 4 },
    bareNfePerSecond: short(median(perSecond.bare)),
    arms: Object.fromEntries(arms),
  }
  writeFileSync(new URL('../../../bench/results/studio.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
} finally {
  await browser.close()
  await server.close()
  rmSync(outDir, { recursive: true, force: true })
}
