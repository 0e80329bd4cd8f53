import { type Browser, chromium, type Page } from 'playwright-core'
import { afterEach, expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { chromiumOptions, findChromium } from './support/app.ts'
import { ask, describeInBrowser, keepWorkers, runOf, start, status, useStudio } from './support/studio.ts'

const { config } = examples[0]

const footer = (page: Page, text: string) => page.locator('footer').getByText(text).waitFor()

describeInBrowser('threads of the engine', () => {
  const studio = useStudio()

  it('are as many as the address says, and a run with two comes to its end', { timeout: 20_000 }, async () => {
    const page = await studio.open('?threads=2')
    await footer(page, 'WebAssembly, 2 threads')
    await start(page, { budget: '120', steps: '5', width: '4' })
    await status(page, 'finished')
    const { engine } = await ask<{ engine: string }>(page, 'run', runOf(page))
    expect(engine).toBe('onnxruntime-web, WebAssembly, 2 threads')
  })

  it('are one without isolation, whatever the address says', async () => {
    const page = await studio.open('?threads=2', {}, await studio.apart({ isolated: false }))
    await footer(page, 'the page is not isolated, so one thread')
    await footer(page, 'WebAssembly, 1 thread')
  })
})

describeInBrowser('a graphics device', () => {
  const studio = useStudio()
  const browsers: Browser[] = []
  afterEach(async () => {
    for (const browser of browsers.splice(0)) await browser.close()
  })
  /** A page of a browser whose device is played by the processor; undefined where there is none even then. */
  const withDevice = async (query: string, from = studio.server): Promise<Page | undefined> => {
    const options = chromiumOptions(findChromium() as string)
    const args = [...(options.args ?? []), '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
    const browser = await chromium.launch({ ...options, args })
    browsers.push(browser)
    const page = await browser.newPage()
    page.setDefaultTimeout(90_000)
    await page.goto(from.address)
    const adapter = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()))
    if (!adapter) return undefined
    await page.goto(from.address + query)
    return page
  }
  // Not by the form: its estimate alone would take a while there.
  const tiny = { ...config, budget: 6, steps: 3, width: 2, reward: 'brightness' }

  it('that the processor only plays is not used', async () => {
    const page = await withDevice('')
    if (page) await footer(page, 'WebAssembly')
  })

  it('computes what WebAssembly computes, and is left where it is lost: the run can be resumed', {
    timeout: 180_000,
  }, async (context) => {
    const beforeWorker = `
      const request = GPUAdapter.prototype.requestDevice
      GPUAdapter.prototype.requestDevice = async function (...given) {
        const device = await request.apply(this, given)
        self.addEventListener('message', ({ data }) => data.type === 'test-lose' && device.destroy())
        return device
      }`
    const page = await withDevice('?adapter=any', await studio.apart({ beforeWorker }))
    if (!page) return context.skip('this Chromium has no software device')
    await page.addInitScript(keepWorkers)
    await page.reload()
    await footer(page, 'WebGPU')
    const finished = await ask<string>(page, 'start', tiny)
    await page.goto(`${page.url()}#/run/${finished}`)
    await status(page, 'finished')
    const { engine } = await ask<{ engine: string }>(page, 'run', finished)
    expect(engine).toContain('WebGPU')
    // Nor was it found to compute something else.
    expect(await page.getByText('differs from WebAssembly').count()).toBe(0)

    // Lost in the middle of a run that would take minutes there.
    const long = await ask<string>(page, 'start', { ...tiny, budget: 300 })
    await page.goto(`${page.url().split('#')[0]}#/run/${long}`)
    await expect
      .poll(async () => (await ask<{ nfe: number }>(page, 'run', long)).nfe, { timeout: 60_000 })
      .toBeGreaterThan(0)
    await page.evaluate(() =>
      (window as unknown as { keptWorkers: Worker[] }).keptWorkers[0].postMessage({ type: 'test-lose' }),
    )
    await footer(page, 'WebAssembly')
    await status(page, 'interrupted')
    await page.getByRole('button', { name: 'Resume' }).click()
    await status(page, 'finished')
  })
})
