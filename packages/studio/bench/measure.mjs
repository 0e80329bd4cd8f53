// Network evaluations a second in the page, beside the bare `session.run` of the same worker. Goal: at least 0.9.
// npm run bench -- studio; Chromium is found by CHROMIUM or on the path.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, preview } from 'vite'

const rounds = Number(process.env.ROUNDS ?? 9)
// One is what the page takes on two cores.
const threads = Number(process.env.THREADS ?? 1)
const loadBefore = loadavg()[0]
const root = fileURLToPath(new URL('..', import.meta.url))
const common = {
  ...{ class: 'none', reward: 'brightness', lambda: 1, seed: 0, guidance: 1 },
  ...{ steps: 20, grid: 'uniform', solver: 'ddim(eta=1)' },
}
const methods = { 'best-of-n': 'best-of-n', dts: 'dts(alpha=0.6)' }
/** As long as a second or so each: what a run costs once, opening its network, is no part of a rate. */
const groups = [
  { model: 'mnist-small', width: 16, budget: 4000 },
  { model: 'mnist-small', width: 64, budget: 5120 },
  { model: 'mnist', width: 16, budget: 320 },
].filter(({ model, width }) => !process.env.ONLY || process.env.ONLY === `${model},${width}`)

const executablePath = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
const outDir = mkdtempSync(join(tmpdir(), 'espalier-studio-bench-'))
const vite = { root, configFile: `${root}bench/vite.config.ts`, logLevel: 'error' }
await build({ ...vite, build: { outDir, emptyOutDir: true, rollupOptions: { input: `${root}bench/index.html` } } })
const server = await preview({ ...vite, build: { outDir }, preview: { port: 4600, strictPort: false } })
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })

const short = (value) => Number(value.toPrecision(4))
const summary = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const { length } = sorted
  const median = (sorted[(length - 1) >> 1] + sorted[length >> 1]) / 2
  return { median: short(median), lowest: short(sorted[0]), highest: short(sorted[length - 1]) }
}
const rate = ({ nfe, time }) => (1000 * nfe) / time
/** Ratio of rates round by round, and of the fastest rounds, which other work on the machine disturbs least. */
const ratio = (of, to) => ({
  ...summary(of.map((reading, i) => rate(reading) / rate(to[i]))),
  ofFastest: short(Math.max(...of.map(rate)) / Math.max(...to.map(rate))),
})

const results = {}
/** What has been measured so far: a bench that is broken off has measured something. */
const report = () => {
  const result = {
    command: `${threads === 1 ? '' : `THREADS=${threads} ROUNDS=${rounds} `}npm run bench -- studio`,
    measures: 'whole runs in a worker of Chromium, beside bare session.run in the same worker, in turns',
    goal: 'at least 0.9 of bare session.run',
    machine: { cores: availableParallelism(), chromium: browser.version(), loadBefore: short(loadBefore) },
    settings: { ...common, threads, rounds, warmUpSeconds: 4 },
    results,
  }
  const name = threads === 1 ? 'studio' : `studio-${threads}-threads`
  writeFileSync(new URL(`../../../bench/results/${name}.json`, import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
  return result
}

try {
  for (const group of groups) {
    const configs = Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [name, { ...common, ...group, method }]),
    )
    // A page of its own: a fresh runtime, and no memory of the group before.
    const page = await browser.newPage()
    page.setDefaultTimeout(300_000)
    await page.goto(`${server.resolvedUrls.local[0]}bench/index.html`)
    await page.waitForFunction(() => 'measure' in window)
    const settings = { configs, rounds, warmUpSeconds: 4, threads }
    const readings = await page.evaluate((given) => window.measure(given), settings)
    await page.close()
    for (const [name, { run, bare, full }] of Object.entries(readings)) {
      results[`${group.model}, ${name}, width ${group.width}`] = {
        'NFE/s over NFE/s of session.run on as many rows a call': ratio(run, bare),
        'NFE/s over NFE/s of session.run on full batches': ratio(run, full),
        'share of the time in calls of the network': summary(run.map(({ inCalls, time }) => inCalls / time)),
        'rows a call, mean': short(run[0].nfe / run[0].calls),
        'NFE/s': summary(run.map(rate)).median,
        'ms to open the network, before': summary(run.map(({ opening }) => opening)).median,
      }
    }
    report()
    process.stderr.write(`${group.model}, width ${group.width}: measured\n`)
  }
  process.stdout.write(`${JSON.stringify(report(), null, 2)}\n`)
} finally {
  await browser.close()
  await server.close()
  rmSync(outDir, { recursive: true, force: true })
}
