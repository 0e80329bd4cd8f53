import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { dashes, inks, markerPath } from '../src/run/line-styles.ts'
import { faultsOf } from './support/faults.ts'
import { describeInBrowser, runOf, spent, start, status, useStudio } from './support/studio.ts'

/** WCAG's contrast of two colours, #rrggbb. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const share = Number.parseInt(colour.slice(i, i + 2), 16) / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (light + 0.05) / (dark + 0.05)
}

const quick = { model: 'mixture', reward: 'near:2,0' }

describeInBrowser('the studio for everybody', () => {
  const studio = useStudio()
  const go = (page: Page, hash: string) => page.goto(`${page.url().split('#')[0]}${hash}`)

  it('has no fault in views without runs, and where something is wrong', async () => {
    const page = await studio.open()
    const found: string[] = []
    const check = async (view: string) => found.push(...(await faultsOf(page, view)))
    await page.getByText('No runs yet').waitFor()
    await check('runs, empty')
    await go(page, '#/new')
    await page.waitForSelector('#field-model option:nth-child(2)', { state: 'attached' })
    await check('new run')
    await page.fill('#field-budget', 'none')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.getByRole('alert').waitFor()
    await check('new run, wrong')
    await go(page, '#/model')
    await page.waitForSelector('#model-file')
    await check('own model')
    const give = (name: string, buffer: Buffer) =>
      page.setInputFiles('#model-file', { name, mimeType: 'application/octet-stream', buffer })
    await give('empty.onnx', Buffer.alloc(0))
    await page.getByRole('alert').waitFor()
    await check('own model, broken')
    await give('mine.onnx', readFileSync(new URL('../../zoo/models/mnist-small/model.onnx', import.meta.url)))
    await page.waitForSelector('#answer-process')
    await check('own model, read')
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByRole('button', { name: 'Delete mine' }).click()
    await page.getByRole('heading', { name: 'One sample on its way' }).waitFor()
    await check('own model, tried')
    await go(page, '#/compare')
    await page.getByRole('heading', { name: /^Which runs/ }).waitFor()
    await check('compare, empty')
    await go(page, '#/compare/none,such')
    await page.getByText('2 runs of this address are not here').waitFor()
    await check('compare, absent')
    await go(page, '#/solver/dpm++3m')
    await page.getByText('Order conditions').waitFor()
    await check('solver')
    await go(page, '#/solver/nonsense')
    await page.getByRole('alert').waitFor()
    await check('solver, wrong')
    await go(page, '#/about')
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await check('about')
    await go(page, '#/run/none')
    await page.getByRole('alert').waitFor()
    await check('run, absent')
    await go(page, '#/nowhere')
    await page.getByRole('heading', { name: 'No such view' }).waitFor()
    await check('nowhere')
    expect(found).toEqual([])
  })

  it('has no fault while runs go on, and when they have ended', async () => {
    const page = await studio.open()
    const found: string[] = []
    const check = async (view: string) => found.push(...(await faultsOf(page, view)))
    await start(page, { ...quick, budget: '100000000', steps: '500', width: '4' })
    await expect.poll(() => spent(page)).toBeGreaterThan(500)
    await check('run, running')
    await page.getByRole('button', { name: 'Pause' }).click()
    await status(page, 'paused')
    await check('run, paused')
    await page.getByRole('button', { name: 'Stop' }).click()
    await status(page, 'stopped')
    const ids = [runOf(page)]
    await start(page, { ...quick, budget: '2000', steps: '10' })
    await status(page, 'finished')
    ids.push(runOf(page))
    await check('run, finished')
    await page.keyboard.press('b')
    await page.getByRole('heading', { name: /^Node \d/ }).waitFor()
    await page.getByRole('button', { name: 'Show as table' }).first().click()
    await check('run, a node and a table')
    await start(page, { model: 'words', budget: '300', width: '4' })
    await status(page, 'finished')
    await page.locator('.gallery .words').first().waitFor()
    await check('run, of text')
    await page.getByRole('button', { name: 'Focus' }).click()
    await page.locator('.focus .words').first().waitFor()
    await check('run, a neighbourhood of texts')
    await start(page, { ...quick, budget: '2000', method: 'best-of-n' })
    await status(page, 'finished')
    ids.push(runOf(page))
    await check('run, without a tree')
    studio.server.missing.add('mnist-flow/model.onnx')
    try {
      await start(page, { model: 'mnist-flow', reward: 'brightness', solver: 'flow-sde', budget: '100', steps: '5' })
      await page.getByRole('alert').waitFor()
      await check('run, failed')
    } finally {
      studio.server.missing.clear()
    }
    await go(page, '#/')
    await page.getByRole('table').waitFor()
    await check('runs')
    await go(page, `#/compare/${ids[0]},${ids[1]}`)
    await page.getByText('unequal').waitFor()
    await check('compare, unequal')
    await page.getByRole('button', { name: /^Cut to the common/ }).click()
    await page.getByRole('heading', { name: /^At [\d,]+ NFE/ }).waitFor()
    await check('compare')
    expect(found).toEqual([])
  })

  it('has edges, rings and lines that stand out from what is around them', async () => {
    const page = await studio.open()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe(colorScheme)
      const colour = (name: string) =>
        page.evaluate((name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim(), name)
      const [page0, surface, soft] = [await colour('--page'), await colour('--surface'), await colour('--soft')]
      // Edges of controls, and the ring of what has the focus or is chosen.
      for (const name of ['--edge', '--accent']) {
        for (const back of [page0, surface]) expect(contrast(await colour(name), back), name).toBeGreaterThanOrEqual(3)
      }
      expect(contrast(await colour('--accent'), soft)).toBeGreaterThanOrEqual(3)
      for (const ink of inks[colorScheme]) expect(contrast(ink, surface), ink).toBeGreaterThanOrEqual(3)
    }
    // Lines are told apart without colours too.
    expect(new Set(dashes.map((dash, i) => `${dash.join()} ${markerPath(i, 0, 0)}`)).size).toBe(inks.light.length)
  })
})
