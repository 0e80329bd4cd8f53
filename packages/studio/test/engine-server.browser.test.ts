import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeInBrowser, optionOf, runOf, settled, spent, status, useStudio } from './support/studio.ts'

const token = 'c0ffee00c0ffee00c0ffee00c0ffee00'

/** Starts a run by the form, on the server or in the page. */
async function startOn(page: Page, place: 'The server' | 'This page', fields: Readonly<Record<string, string>>) {
  await page.goto(`${page.url().split('#')[0]}#/new`)
  await page.getByLabel(place).check()
  await optionOf(page, '#field-model', 'mixture')
  await page.selectOption('#field-model', 'mixture')
  for (const [name, value] of Object.entries({ reward: 'near:2,0', ...fields })) {
    await page.locator(`#field-${name}`).fill(value)
  }
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.waitForURL(/#\/run\//)
}

describeInBrowser('the server that a page came from', () => {
  const studio = useStudio()

  it('runs what it is given while the page is gone, and is resumed from it', async () => {
    const server = await studio.served()
    const page = await studio.open('', {}, server)
    await startOn(page, 'The server', { budget: '1000000' })
    const id = runOf(page)
    await expect.poll(() => spent(page)).toBeGreaterThan(1000)
    const before = await spent(page)
    await page.reload()
    await page.waitForSelector('.numbers')
    // It went on: nobody paused it.
    await expect.poll(() => spent(page)).toBeGreaterThan(before)
    await page.getByRole('button', { name: 'Pause' }).click()
    await status(page, 'paused')
    const paused = await settled(page)
    await page.getByRole('button', { name: 'Resume' }).click()
    await expect.poll(() => spent(page)).toBeGreaterThan(paused)
    await page.getByRole('button', { name: 'Stop' }).click()
    await status(page, 'stopped')

    // Beside a run of the page in one list; each is opened from there.
    await startOn(page, 'This page', { budget: '2000', seed: '7' })
    await status(page, 'finished')
    const own = runOf(page)
    await page.goto(`${server.address}#/`)
    for (const run of [id, own]) await page.locator(`a[href*="${run}"]`).first().waitFor()
    const { runs } = await (await fetch(`${server.address}runs`)).json()
    expect(runs.map((run: { id: string }) => run.id)).toEqual([id])
    await page.goto(`${server.address}#/run/${id}`)
    await status(page, 'stopped')
  })

  it('is logged in to by the fragment that it was opened with, which is erased', async () => {
    const server = await studio.served({ token })
    const page = await studio.open(`#token=${token}`, {}, server)
    await page.getByText('No runs yet').waitFor()
    expect(page.url()).toBe(server.address)
    await startOn(page, 'The server', { budget: '2000' })
    await status(page, 'finished')
    // A cookie says so from now on.
    await page.reload()
    await status(page, 'finished')
  })

  it('asks for its token where there is none, and says when it is another', async () => {
    const server = await studio.served({ token })
    const page = await studio.open('', {}, server)
    const field = page.getByLabel(/token/i)
    await field.fill(token.replace('c', 'd'))
    await field.press('Enter')
    await page.getByRole('alert').getByText('The server refused this token.').waitFor()
    await field.fill(token)
    await field.press('Enter')
    await field.waitFor({ state: 'detached' })
    await startOn(page, 'The server', { budget: '2000' })
    await status(page, 'finished')
  })
})
