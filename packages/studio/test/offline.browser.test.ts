import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { treeOf } from './support/in-node.ts'
import { describeInBrowser, numbers, runOf, settled, spent, start, status, useStudio } from './support/studio.ts'

const quick = { model: 'mixture', reward: 'near:2,0', budget: '2000' }

/** A proxy before a server that cuts every stream of events after a while, as some do; it counts the cuts. */
async function cuttingProxy(url: string, milliseconds: number) {
  let cuts = 0
  const proxy: Server = createServer((asked, answer) => {
    const { method, headers } = asked
    const onward = request(new URL(asked.url ?? '/', url), { method, headers, agent: false }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.headers)
      given.pipe(answer)
      if (!given.headers['content-type']?.startsWith('text/event-stream')) return
      setTimeout(() => {
        if (answer.writableEnded) return
        cuts++
        answer.destroy()
        given.destroy()
      }, milliseconds)
    })
    onward.on('error', () => answer.destroy())
    asked.pipe(onward)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`,
    cuts: () => cuts,
    async close() {
      proxy.closeAllConnections()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}

describeInBrowser('the studio where something is missing', () => {
  const studio = useStudio()

  it('says why there is no engine', async () => {
    studio.server.missing.add('network.worker')
    try {
      const page = await studio.open()
      await page.getByText('Nothing can be run: the network worker could not be loaded').waitFor()
      await page.getByRole('alert').filter({ hasText: 'Stored runs cannot be read' }).waitFor()
    } finally {
      studio.server.missing.clear()
    }
  })

  it('runs on one thread where the page is not isolated, and says so', async () => {
    const page = await studio.open('', {}, await studio.apart({ isolated: false }))
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false)
    await page.getByText('the page is not isolated, so one thread').waitFor()
    await page.getByText('WebAssembly, 1 thread').waitFor()
    await start(page, { budget: '100', steps: '5' })
    await status(page, 'finished')
  })

  it('is isolated on a plain host after one reload, and keeps app, networks and runs without a connection', async () => {
    const plain = await studio.apart({ isolated: false })
    const page = await studio.open('', { serviceWorkers: 'allow' }, plain)
    await page.waitForFunction(() => crossOriginIsolated)
    await page.getByText('No runs yet').waitFor()
    // Once more it is not loaded again: what was written into the page stays.
    await page.evaluate(() => Object.assign(window, { marked: true }))
    await start(page, { budget: '100', steps: '5' })
    await status(page, 'finished')
    const id = runOf(page)
    expect(await page.evaluate(() => 'marked' in window)).toBe(true)
    plain.missing.add('/')
    await page.context().setOffline(true)
    await page.reload()
    expect(runOf(page)).toBe(id)
    await status(page, 'finished')
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
    // Views that come later, and the network that was used before.
    for (const name of ['Solvers', 'About', 'Compare', 'Own model']) {
      await page.getByRole('link', { name, exact: true }).click()
      await page.waitForFunction(() => document.querySelector('h1')?.textContent !== 'Loading…')
      expect(await page.textContent('h1')).not.toContain('cannot be loaded')
    }
    await start(page, { budget: '100', steps: '5', seed: '2' })
    await status(page, 'finished')
    await start(page, quick)
    await status(page, 'finished')
  })

  it('keeps runs over a reload, in the list too; a second tab leaves them to the first', async () => {
    const page = await studio.open()
    await start(page, { ...quick, budget: '100000000', steps: '200' })
    await expect.poll(() => spent(page)).toBeGreaterThan(2000)
    // Left without a word: what was running is there to go on.
    await page.reload()
    await page.getByText(/^Restored at/).waitFor()
    const restored = await spent(page)
    expect(restored).toBeGreaterThan(0)
    await page.getByRole('button', { name: 'Resume' }).click()
    await expect.poll(() => spent(page)).toBeGreaterThan(restored)
    await page.keyboard.press('p')
    await status(page, 'paused')
    const held = await settled(page)
    await page.goto(studio.server.address)
    const row = page.getByRole('row', { name: /near:2,0/ })
    await row.getByText(`${held.toLocaleString('en')} / 100,000,000`).waitFor()
    await row.getByRole('link', { name: 'dts(alpha=0.6), near:2,0', exact: true }).click()
    await status(page, 'paused')
    const second = await page.context().newPage()
    await second.goto(studio.server.address)
    await second.getByText('Another tab of Studio holds the stored runs').waitFor()
    await start(second, quick)
    await status(second, 'finished')
    expect(await numbers(page)).toContain('paused')
  })

  it('loses and doubles no event of a server whose streams are cut', async () => {
    const server = await studio.served()
    const proxy = await cuttingProxy(server.url, 300)
    try {
      const page = await studio.open('', {}, proxy)
      const config = { ...examples[1].config, budget: 120_000, width: 2 }
      const id = await page.evaluate(async (config) => {
        const headers = { 'content-type': 'application/json' }
        const response = await fetch('runs', { method: 'POST', headers, body: JSON.stringify(config) })
        return ((await response.json()) as { readonly id: string }).id
      }, config)
      await page.goto(`${proxy.address}#/run/${id}`)
      await status(page, 'finished')
      expect(proxy.cuts()).toBeGreaterThan(2)
      const events = []
      for await (const { event } of server.engine.events(id, 0, new AbortController().signal)) events.push(event)
      const { parents, leaves } = treeOf(events)
      const summary = await server.engine.run(id)
      expect(await spent(page)).toBe(summary.nfe)
      // Nodes that came twice, or not at all, would be an error; passes count the leaves.
      expect(await page.getByRole('alert').count()).toBe(0)
      const nodes = parents.length.toLocaleString('en')
      await page.getByRole('img', { name: new RegExp(`^Search tree: ${nodes} nodes`) }).waitFor()
      await page.getByRole('treeitem', { name: new RegExp(`root.*${leaves.length.toLocaleString('en')}×`) }).waitFor()
    } finally {
      await proxy.close()
    }
  })
})
