import type { Page } from 'playwright-core'

/** Has the worker of the app run some code before its own, and loads the page again. */
export async function patchWorker(page: Page, code: string): Promise<void> {
  await page.route(/network\.worker.*\.js/, async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: `{ ${code}\n}\n${await response.text()}` })
  })
  await page.reload()
}
