import type { Page } from 'playwright-core'

/** Has a worker of the app run some code before its own, from the next load on, and loads the page again. */
export async function patchWorker(page: Page, code: string, worker = 'network.worker'): Promise<void> {
  await page.route(new RegExp(`${worker}.*\\.js`), async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: `{ ${code}\n}\n${await response.text()}` })
  })
  await page.reload()
}
