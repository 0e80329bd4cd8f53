import { mean95 } from 'espalier/measure'
import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { faultsOf, show } from './support/faults.ts'
import { inNode } from './support/in-node.ts'
import { describeInBrowser, start, status, useStudio } from './support/studio.ts'

/** Four digits, as the page has numbers. */
const shown = (value: number) =>
  (value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : `${Number(value.toPrecision(4))}`).replace(
    /-/g,
    '−',
  )

describeInBrowser('runs that are compared', () => {
  const studio = useStudio()

  it('are one line for all seeds of a method, with mean and interval, beside best-of-N at the same budget', async () => {
    const page = await studio.open()
    const config = { ...examples[1].config, budget: 800, seed: 3, method: 'smc', width: 8, lambda: 0.5 }
    const fields = { model: 'mixture', reward: 'near:2,0', budget: '800', seed: '3', method: 'smc' }
    await start(page, fields)
    await status(page, 'finished')
    await page.goto(studio.server.address)
    await page.getByRole('button', { name: /^smc.* vs best-of-N/ }).click()
    await page.waitForURL(/#\/compare\//)
    await page.getByRole('button', { name: 'Run each with 5 seeds' }).click()
    const results = page.getByRole('region', { name: 'Results' })
    await expect.poll(() => results.getByRole('link').count()).toBe(10)
    await page.waitForFunction(() => !document.body.textContent?.includes('runs have ended'))
    const rows = results.getByRole('row')
    expect(await rows.count()).toBe(3)
    for (const [row, method] of [
      [1, 'smc'],
      [2, 'best-of-n'],
    ] as const) {
      const bests = await Promise.all(
        [3, 4, 5, 6, 7].map(async (seed) => (await inNode({ ...config, method, seed })).best as number),
      )
      const { mean, low, high } = mean95(bests)
      const cells = await rows.nth(row).getByRole('cell').allTextContents()
      expect(cells[0]).toBe('5')
      expect(cells[1]).toBe(`${shown(mean)} [${shown(low)}, ${shown(high)}]`)
    }
    await page.getByRole('img', { name: /^Reward against NFE: 1: smc, 5 seeds ends at/ }).waitFor()
    expect(await faultsOf(page, 'runs over seeds')).toEqual([])
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 390],
    ] as const) {
      await show(page, colorScheme, width)
      // Side by side, at either width.
      const [one, two] = await page
        .locator('.beside section')
        .evaluateAll((all) => all.map((each) => each.getBoundingClientRect()))
      expect(one.top).toBe(two.top)
      expect(one.right).toBeLessThanOrEqual(two.left)
    }
  })

  it('are refused at unequal budgets, and cut to the common one', async () => {
    const page = await studio.open()
    const ids: string[] = []
    for (const budget of ['400', '800']) {
      await start(page, { model: 'mixture', reward: 'near:2,0', budget, method: 'best-of-n' })
      await status(page, 'finished')
      ids.push(page.url().split('/run/')[1].split('?')[0])
    }
    await page.goto(`${studio.server.address}#/compare/${ids.join()}`)
    await page.getByText('at unequal budgets they cannot be compared').waitFor()
    expect(await page.getByRole('region', { name: 'Results' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Cut to the common 400 NFE' }).click()
    await page.getByRole('heading', { name: 'At 400 NFE' }).waitFor()
    // Both drew the same samples up to there.
    const cells = await page.getByRole('region', { name: 'Results' }).getByRole('row').allTextContents()
    const best = (row: string) => /(−[\d.e−]+)/.exec(row)?.[1]
    expect(best(cells[1])).toBeDefined()
    await page.goto(`${studio.server.address}#/compare/${ids[0]},gone`)
    await page.getByText('One run of this address is not here').waitFor()
  })
})
