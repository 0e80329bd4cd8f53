/** What every test of the app in a browser begins with: pages, a run by the form, the numbers of its top line. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunEvent } from '@espalier/engine'
import { createServer, type RunningServer, type ServerOptions } from '@espalier/serve'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject } from 'vitest'
import { type StaticServer, serveFolder } from './app.ts'
import { noRuntime, worlds } from './in-node.ts'

const prepared = inject('studio')

/** A `describe` whose tests are skipped where there is no Chromium. */
export const describeInBrowser = describe.skipIf(!prepared)

export interface Studio {
  /** The built app. */
  readonly folder: string
  /** The app behind a plain server that sends the headers which threads need. */
  readonly server: StaticServer
  /**
   * A page in a context of its own, 1280 x 900, without a service worker unless the options say otherwise; it is closed
   * after the test, which fails where the page threw an error that nobody caught.
   *
   * @param path what follows the address, `#/about`
   * @param from another server than `server`
   */
  open(path?: string, options?: BrowserContextOptions, from?: { readonly address: string }): Promise<Page>
  /** The app behind a plain server of the test's own; closed after it. @param options `isolated` as for `serveFolder` */
  apart(options?: { readonly isolated?: boolean; readonly beforeWorker?: string }): Promise<StaticServer>
  /** The app behind `espalier serve`, with the model `mixture`; closed after the test. */
  served(options?: Partial<ServerOptions>): Promise<RunningServer & { readonly address: string }>
}

/** Sets up a file of tests: called once inside its `describeInBrowser`. */
export function useStudio(): Studio {
  let browser: Browser
  let server: StaticServer
  const errors: string[] = []
  const closing: (() => unknown)[] = []
  const folder = prepared?.folder ?? ''

  beforeAll(async () => {
    browser = await chromium.connect(prepared?.endpoint ?? '')
    server = await serveFolder(folder, true)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    expect(errors.splice(0)).toEqual([])
  })

  return {
    folder,
    get server() {
      return server
    },
    async open(path = '', options = {}, from = server) {
      const context: BrowserContext = await browser.newContext({
        viewport: { width: 1280, height: 900 },
        serviceWorkers: 'block',
        ...options,
      })
      closing.push(() => context.close())
      context.on('page', (page) => page.on('pageerror', (error) => errors.push(error.message)))
      // Machines may be busy: what is slow is no fault here.
      context.setDefaultTimeout(60_000)
      await context.addInitScript(keepWorkers)
      const page = await context.newPage()
      await page.goto(from.address + path)
      return page
    },
    async apart({ isolated = true, beforeWorker = '' } = {}) {
      const apart = Object.assign(await serveFolder(folder, isolated), { beforeWorker })
      closing.push(() => apart.close())
      return apart
    },
    async served(options = {}) {
      const runs = mkdtempSync(join(tmpdir(), 'espalier-served-'))
      closing.push(() => rmSync(runs, { recursive: true, force: true }))
      const running = await createServer({
        ...{ runtime: noRuntime, source: worlds, folder: runs, pages: folder },
        freeSpace: async () => Number.MAX_SAFE_INTEGER,
        ...options,
      })
      closing.push(() => running.close())
      return { ...running, address: `${running.url}/` }
    },
  }
}

/** Starts a run by the form, where only these fields are other than the first example's, and waits for its view. */
export async function start(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#/new`)
  await page.waitForSelector('#field-model option:nth-child(2)', { state: 'attached' })
  const { model, ...rest } = fields
  if (model) await page.selectOption('#field-model', model)
  for (const [name, value] of Object.entries(rest)) {
    const field = page.locator(`#${name.startsWith('options-') ? name : `field-${name}`}`)
    if ((await field.evaluate((element) => element.tagName)) === 'SELECT') await field.selectOption(value)
    else await field.fill(value)
  }
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.waitForURL(/#\/run\//)
}

/** The text of the option of a list that has a value, once it is there. */
export async function optionOf(page: Page, list: string, value: string): Promise<string> {
  const found = await page.waitForFunction(
    ([list, value]) =>
      [...(document.querySelector<HTMLSelectElement>(list)?.options ?? [])].find((o) => o.value === value)?.text,
    [list, value] as const,
  )
  return (await found.jsonValue()) as string
}

/** The id of the run that a page shows. */
export const runOf = (page: Page): string => page.url().split('/run/')[1].split('?')[0]

/** Waits until the top line says so: `finished`, `paused`. @throws what the page tells, where the run fails instead */
export async function status(page: Page, text: string): Promise<void> {
  const found = await page.waitForFunction((wanted) => {
    const told = document.querySelector('.numbers')?.textContent ?? ''
    return [wanted, 'failed'].find((word) => told.includes(word))
  }, text)
  if ((await found.jsonValue()) === text) return
  throw new Error(`the run failed: ${(await page.getByRole('alert').allTextContents()).join('; ')}`)
}

/** Stops the run that a page shows, unless it has come to its end by itself. */
export async function stopOrEnd(page: Page): Promise<void> {
  const over = await page.waitForFunction(() => {
    const told = document.querySelector('.numbers')?.textContent ?? ''
    if (/finished|stopped|failed/.test(told)) return told
    const stop = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Stop')
    stop?.click()
    return undefined
  })
  expect(await over.jsonValue()).not.toContain('failed')
}

/** The top line. */
export const numbers = async (page: Page): Promise<string> => (await page.textContent('.numbers')) ?? ''

/** NFE so far. */
export async function spent(page: Page): Promise<number> {
  return Number((await numbers(page)).split('/')[0].replace(/\D/g, ''))
}

/** NFE once the call that was under way has ended. */
export async function settled(page: Page): Promise<number> {
  for (let last = -1; ; ) {
    const now = await spent(page)
    if (now === last) return now
    last = now
    await page.waitForTimeout(400)
  }
}

/** Keeps what the app makes of `Worker` where tests find it, the newest first; run in the page before the app. */
export function keepWorkers(): void {
  const kept: Worker[] = []
  Object.assign(window, {
    keptWorkers: kept,
    Worker: class extends Worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        super(...given)
        kept.unshift(this)
      }
    },
  })
}

/** Asks the engine in the page's worker as the app does: `state`, `stop`. Typed arrays come as lists of numbers. */
export function ask<T>(page: Page, method: string, ...given: readonly unknown[]): Promise<T> {
  return page.evaluate(
    ([method, given]) =>
      new Promise<T>((resolve, reject) => {
        const [worker] = (window as unknown as { keptWorkers: Worker[] }).keptWorkers
        const call = `test-${performance.now()}-${Math.random()}`
        const hear = ({ data }: MessageEvent) => {
          if (data.type !== 'answer' || data.call !== call) return
          worker.removeEventListener('message', hear)
          const plain = JSON.stringify(data.value ?? null, (_, v) => (ArrayBuffer.isView(v) ? [...(v as never)] : v))
          if (data.error !== undefined) reject(new Error(data.error))
          else resolve(JSON.parse(plain))
        }
        worker.addEventListener('message', hear)
        worker.postMessage({ type: 'call', call, method, given })
      }),
    [method, given] as const,
  )
}

/** All events of a run that has ended, from the page's worker. */
export function eventsOf(page: Page, id: string): Promise<RunEvent[]> {
  return page.evaluate(
    (id) =>
      new Promise<RunEvent[]>((resolve) => {
        const [worker] = (window as unknown as { keptWorkers: Worker[] }).keptWorkers
        const watch = `test-${performance.now()}`
        const events: RunEvent[] = []
        const hear = ({ data }: MessageEvent) => {
          if (data.watch !== watch) return
          if (data.type === 'events') events.push(...data.events.map(({ event }: { event: RunEvent }) => event))
          if (data.type !== 'end') return
          worker.removeEventListener('message', hear)
          resolve(events)
        }
        worker.addEventListener('message', hear)
        worker.postMessage({ type: 'watch', watch, id, from: 0 })
      }),
    id,
  )
}
