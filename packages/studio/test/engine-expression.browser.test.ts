import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RunSummary } from '@espalier/engine'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { treeOf } from './support/in-node.ts'
import { ask, describeInBrowser, eventsOf, useStudio } from './support/studio.ts'

const config = { ...examples[1].config, budget: 400, width: 4 }

/** A run with an expression as its reward, to its end. */
const scored = (page: Page, expression: string) => ended(page, `js:${expression}`)

async function ended(page: Page, reward: string): Promise<RunSummary> {
  const id = await ask<string>(page, 'start', { ...config, reward })
  await expect
    .poll(async () => (await ask<RunSummary>(page, 'run', id)).status, { timeout: 30_000 })
    .toMatch(/finished|failed/)
  return ask<RunSummary>(page, 'run', id)
}

describeInBrowser('an expression as the reward', () => {
  const studio = useStudio()
  const open = async (): Promise<Page> => {
    const page = await studio.open('#/about')
    await page.locator('footer').getByText('WebAssembly').waitFor()
    return page
  }

  it('gives what the same reward by name gives', async () => {
    const page = await open()
    const { status, error, id } = await scored(page, '-((x[0] - 2) ** 2 + x[1] ** 2) / 2')
    expect({ status, error }).toEqual({ status: 'finished', error: undefined })
    const named = await ask<string>(page, 'start', { ...config, reward: 'near:2,0' })
    await expect.poll(async () => (await ask<RunSummary>(page, 'run', named)).status).toBe('finished')
    const [own, expected] = [treeOf(await eventsOf(page, id)), treeOf(await eventsOf(page, named))]
    expect(own.leaves.length).toBeGreaterThan(10)
    expect(own.parents).toEqual(expected.parents)
    own.rewards.forEach((reward, i) => {
      expect(reward).toBe(expected.rewards[i])
    })
  })

  it('is ended and reported with its row where it does not end, throws, or gives no number', async () => {
    const page = await open()
    const cases: [string, RegExp][] = [
      ['x[0', /the expression cannot be read: /],
      ['x.missing.field', /the expression failed at sample 0 of \d+: Cannot read properties of undefined/],
      ['i === 1 ? Number.NaN : 1', /the expression gave NaN for sample 1 of \d+/],
      ['String(x[0])', /the expression failed at sample 0 of \d+: it gave no number, but string/],
      ['(() => { for (;;); })()', /the expression was not done with sample 0 of \d+ after 5 seconds, and was ended/],
    ]
    for (const [expression, message] of cases) {
      const { status, error } = await scored(page, expression)
      expect({ status, error }).toEqual({ status: 'failed', error: expect.stringMatching(message) })
      expect(error).not.toContain('\n')
    }
    // Nothing of them is left, and the engine goes on.
    await expect.poll(() => page.locator('iframe').count()).toBe(0)
    expect((await scored(page, 'x[0]')).status).toBe('finished')
  })

  it('reaches neither the network nor the page nor what is stored', async () => {
    const seen: string[] = []
    const outside = createServer((request, response) => {
      seen.push(request.url ?? '')
      response.setHeader('access-control-allow-origin', '*')
      response.setHeader('cross-origin-resource-policy', 'cross-origin')
      response.setHeader('content-type', 'text/javascript')
      response.end('')
    })
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`
    const page = await open()
    // That it could be reached from the page: what is tested is the sandbox.
    await page.evaluate((address) => fetch(`${address}/page`), address)
    try {
      const attempts = [
        `(fetch('${address}/fetch', { mode: 'no-cors' }).catch(() => 0), 1)`,
        `(() => { try { importScripts('${address}/import-scripts') } catch {} return 1 })()`,
        `(import('${address}/import').catch(() => 0), 1)`,
        `(() => { try { const r = new XMLHttpRequest(); r.open('GET', '${address}/xhr', false); r.send() } catch {} return 1 })()`,
        `(() => { try { new WebSocket('${address.replace('http', 'ws')}/socket') } catch {} return 1 })()`,
        `(() => { try { new EventSource('${address}/events') } catch {} return 1 })()`,
        `(() => { try { new Worker('${address}/worker') } catch {} return 1 })()`,
        `(() => { try { new Worker(URL.createObjectURL(new Blob(["try { importScripts('${address}/nested') } catch {}"]))) } catch {} return 1 })()`,
        // Out of the function that it is put into.
        `1) } ; fetch('${address}/out'); { (0`,
      ]
      for (const attempt of attempts) await scored(page, attempt)
      // What it sees: an origin of its own, without storage, without the page.
      const { error } = await scored(
        page,
        `(() => { throw Error([self.origin, typeof document, typeof parent, (() => { try { return typeof indexedDB.open('espalier') } catch (e) { return e.name } })()].join()) })()`,
      )
      expect(error).toContain('null,undefined,undefined,SecurityError')
      await page.waitForTimeout(500)
      expect(seen).toEqual(['/page'])
    } finally {
      outside.closeAllConnections()
      outside.close()
    }
  })
})

describeInBrowser('an address as the reward', () => {
  const studio = useStudio()

  it('is asked from the page, where it lets the page ask', async () => {
    let asked = 0
    const server = createServer((request, response) => {
      response.setHeader('access-control-allow-origin', request.headers.origin ?? '')
      response.setHeader('access-control-allow-headers', 'content-type')
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        if (request.method === 'OPTIONS') return response.end()
        const { shape } = JSON.parse(Buffer.concat(parts).toString()) as { readonly shape: number[] }
        asked += shape[0]
        response.end(JSON.stringify({ rewards: Array.from({ length: shape[0] }, (_, i) => i) }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const page = await studio.open('#/about')
      const { status, error, rewardEvaluations } = await ended(
        page,
        `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      )
      expect({ status, error }).toEqual({ status: 'finished', error: undefined })
      expect(asked).toBe(rewardEvaluations)
      expect(asked).toBeGreaterThan(10)
    } finally {
      server.close()
    }
  })
})
