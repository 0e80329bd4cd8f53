import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { mixture } from '../src/engine/models.ts'
import { ask, describeInBrowser, eventsOf, runOf, settled, spent, start, status, useStudio } from './support/studio.ts'

const noFiles = `StorageManager.prototype.getDirectory = async () => { throw new DOMException('', 'SecurityError') }`
const noDatabase = `IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError') }`

const medium = async (page: Page): Promise<string> => {
  await page.goto(`${page.url().split('#')[0]}#/about`)
  const shown = page.locator('dt:text-is("Runs are") + dd')
  await expect.poll(() => shown.textContent()).not.toBe('…')
  return (await shown.textContent()) as string
}

describeInBrowser('where runs are kept', () => {
  const studio = useStudio()

  it('is a database where the browser has no files for the page, with the same runs behind a reload', async () => {
    const page = await studio.open('', {}, await studio.apart({ beforeWorker: noFiles }))
    expect(await medium(page)).toBe('kept in this browser, in its database')
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '1000000' })
    await expect.poll(() => spent(page)).toBeGreaterThan(2000)
    await page.keyboard.press('p')
    await status(page, 'paused')
    const before = await settled(page)
    await page.reload()
    await page.waitForSelector('.numbers')
    await expect.poll(() => spent(page)).toBeGreaterThan(0)
    expect(await spent(page)).toBeLessThanOrEqual(before)
    await page.getByRole('button', { name: 'Resume' }).click()
    await expect.poll(() => spent(page)).toBeGreaterThan(before)
    await page.getByRole('button', { name: 'Stop' }).click()
    await status(page, 'stopped')
    const { bytes } = await ask<{ bytes: number }>(page, 'run', runOf(page))
    await page.reload()
    await status(page, 'stopped')
    expect((await ask<{ bytes: number }>(page, 'run', runOf(page))).bytes).toBe(bytes)
    const told = (await eventsOf(page, runOf(page))).map((event) => JSON.stringify(event)).join('')
    expect(bytes).toBeGreaterThan(told.length)
    await ask(page, 'remove', runOf(page))
    expect(await ask(page, 'runs')).toEqual([])
    await ask(page, 'addModel', { key: 'mine', card: mixture.card })
    const size = JSON.stringify(mixture.card).length
    for (const brought of [[{ key: 'mine', bytes: size }], []]) {
      await page.reload()
      expect(await ask(page, 'broughtModels')).toEqual(brought)
      if (brought.length > 0) await ask(page, 'removeModel', 'mine')
    }
  })

  it('is memory where the browser has neither, and the page says so', async () => {
    const page = await studio.open('', {}, await studio.apart({ beforeWorker: `${noFiles}\n${noDatabase}` }))
    expect(await medium(page)).toMatch(/^not kept: this browser refuses/)
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '2000' })
    await status(page, 'finished')
  })

  it.each([
    [
      'files',
      `const write = FileSystemSyncAccessHandle.prototype.write
      let left = 20
      FileSystemSyncAccessHandle.prototype.write = function (...given) {
        if (left-- <= 0) throw new DOMException('', 'QuotaExceededError')
        return write.apply(this, given)
      }`,
    ],
    [
      'database',
      `${noFiles}
      const put = IDBObjectStore.prototype.put
      let left = 60
      IDBObjectStore.prototype.put = function (...given) {
        if (this.name === 'events' && left-- === 0) {
          const { transaction } = this
          Object.defineProperty(transaction, 'error', { value: new DOMException('', 'QuotaExceededError') })
          queueMicrotask(() => transaction.abort())
        }
        return put.apply(this, given)
      }`,
    ],
  ])('when full, ends a run in one line, and what was kept can be read (%s)', async (medium, patch) => {
    const server = await studio.apart({ beforeWorker: patch })
    const page = await studio.open('', {}, server)
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '1000000000' })
    await page
      .getByRole('alert')
      .getByText('the storage of this page is full; delete runs, and start it again')
      .waitFor()
    const id = runOf(page)
    const { status: ended } = await ask<{ status: string }>(page, 'run', id)
    expect(ended).toBe('failed')
    // Without the fault: events up to it are there, and nothing of the run goes on.
    server.beforeWorker = medium === 'database' ? noFiles : ''
    await page.reload()
    const kept = await ask<{ status: string; nfe: number }>(page, 'run', id)
    expect(['failed', 'interrupted']).toContain(kept.status)
    await page.getByRole('treeitem').first().waitFor()
  })

  it('cuts off a line of events that a crash has torn', async () => {
    const page = await studio.open()
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '2000' })
    await status(page, 'finished')
    const id = runOf(page)
    const count = async () => (await ask<{ nfe: number }>(page, 'run', id)).nfe
    const nfe = await count()
    await page.goto('about:blank')
    await page.goto(`${studio.server.address}#/about`)
    await page.evaluate(async (id) => {
      const root = await navigator.storage.getDirectory()
      const folder = await (await root.getDirectoryHandle('runs')).getDirectoryHandle(id)
      const file = await folder.getFileHandle('events.jsonl')
      const stream = await file.createWritable({ keepExistingData: true })
      await stream.write({ type: 'write', position: (await file.getFile()).size, data: '{"type":"leaves","no' })
      await stream.close()
    }, id)
    await page.reload()
    await page.goto(`${studio.server.address}#/run/${id}`)
    await status(page, 'finished')
    expect(await count()).toBe(nfe)
    expect(await page.getByRole('alert').count()).toBe(0)
  })
})
