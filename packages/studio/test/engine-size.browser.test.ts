import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Sizes, sizesOf } from '../bench/sizes.ts'
import { examples } from '../src/examples.ts'
import { type StaticServer, serveFolder } from './support/app.ts'
import { describeInBrowser, spent, stopOrEnd, useStudio } from './support/studio.ts'

/** Bytes after gzip of the app's own code, without the runtime. */
const BUDGET = 185_000

describeInBrowser('what the app weighs, without the runtime', () => {
  const studio = useStudio()
  const folder = mkdtempSync(join(tmpdir(), 'espalier-size-'))
  let sizes: Sizes
  let server: StaticServer
  beforeAll(async () => {
    sizes = await sizesOf(fileURLToPath(new URL('../vite.config.ts', import.meta.url)), folder)
    server = await serveFolder(folder, true)
  }, 120_000)
  afterAll(async () => {
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Files of the app that a page and its workers have asked for, from now on. */
  const weighed = (page: Page) => {
    const asked = new Set<string>()
    page.context().on('request', (request) => asked.add(new URL(request.url()).pathname.slice(1) || 'index.html'))
    return () => [...asked].reduce((sum, name) => sum + (sizes.files[name] ?? 0), 0)
  }

  it.each(examples)('is within the budget until this example has run: $title', async ({ title }) => {
    const page = await studio.open('', {}, { address: 'about:blank' })
    const weight = weighed(page)
    await page.goto(server.address)
    await page.getByRole('button', { name: new RegExp(title.replace(/[^\w ]/g, '.')) }).click()
    await page.waitForURL(/#\/run\//)
    await expect.poll(() => spent(page)).toBeGreaterThan(0)
    await stopOrEnd(page)
    // The page, the worker and what a run needs are among it.
    expect(weight()).toBeGreaterThan(100_000)
    expect(weight()).toBeLessThanOrEqual(BUDGET)
  })

  it('keeps for offline what everybody needs, and not the runtime of graphics devices', () => {
    const worker = readFileSync(join(folder, 'service-worker.js'), 'utf8')
    const kept = JSON.parse(/const files = (\[.*\])/.exec(worker)?.[1] ?? '[]') as string[]
    const bytes = kept.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    // The runtime for WebAssembly alone has 14 MB.
    expect(bytes).toBeGreaterThan(14e6)
    expect(bytes).toBeLessThan(17e6)
  })
})
