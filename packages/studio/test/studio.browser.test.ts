import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { inNode } from './support/in-node.ts'
import { describeInBrowser, numbers, runOf, settled, spent, start, status, useStudio } from './support/studio.ts'

describeInBrowser('the studio in a browser', () => {
  const studio = useStudio()

  it('runs an example to its end, as Node does', async () => {
    const page = await studio.open()
    const example = examples[1]
    await page.getByRole('button', { name: new RegExp(example.title) }).click()
    await status(page, 'finished')
    const expected = await inNode(example.config)
    const text = await numbers(page)
    expect(text).toContain(`${expected.nfe.toLocaleString('en')} / 20,000 NFE`)
    expect(text).toContain(`${expected.rewardEvaluations.toLocaleString('en')} reward evaluations`)

    // The tree, its twin, and the inspector tell of the same node.
    const items = page.getByRole('treeitem')
    await items.first().waitFor()
    // The value of the root, and what it converges to.
    await page.goto(`${page.url()}?node=0`)
    const exact = page.locator('.inspector div', { hasText: 'Exact value' }).locator('dd')
    await exact.waitFor()
    const value = Number((await exact.textContent())?.replace('−', '-'))
    expect(value).toBeGreaterThan(-4)
    expect(value).toBeLessThan(-1)
    await items.first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    const node = Number(new URLSearchParams(page.url().split('?')[1]).get('node'))
    await page.getByRole('heading', { name: `Node ${node}`, exact: true }).waitFor()
    expect(await page.getByRole('treeitem', { selected: true }).getAttribute('data-node')).toBe(String(node))
    // One level up is the root.
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { name: 'Root' }).waitFor()
    await page.getByRole('img', { name: /^Search tree: [\d,]+ nodes, best reward/ }).waitFor()
    expect(await page.getByRole('button', { name: /reward of the sample at node/ }).count()).toBe(48)
  })

  it('searches with a network: samples as pictures, in order of their reward', async () => {
    const page = await studio.open()
    await start(page, { budget: '600', steps: '10', width: '8' })
    await status(page, 'finished')
    expect(await spent(page)).toBeGreaterThan(540)
    expect(await spent(page)).toBeLessThanOrEqual(600)
    const labels = await page
      .getByRole('button', { name: /reward of the sample at node/ })
      .evaluateAll((buttons) =>
        buttons.map((button) => Number(button.textContent?.split(' reward ')[0].replace('−', '-'))),
      )
    expect(labels.length).toBeGreaterThan(20)
    expect(labels).toEqual([...labels].sort((a, b) => b - a))
    // A digit has black and white in it.
    const shades = () =>
      page.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>('.sample canvas')
        const data = canvas?.width === 28 ? canvas.getContext('2d')?.getImageData(0, 0, 28, 28).data : undefined
        return data
          ? Math.max(...data.filter((_, i) => i % 4 === 0)) - Math.min(...data.filter((_, i) => i % 4 === 0))
          : 0
      })
    await expect.poll(shades, { timeout: 10_000 }).toBeGreaterThan(150)
  })

  it('pauses, steps, stops', async () => {
    const page = await studio.open()
    await start(page, { budget: '1000000', steps: '10', width: '4' })
    await expect.poll(() => spent(page)).toBeGreaterThan(0)
    await page.keyboard.press('p')
    await status(page, 'paused')
    const paused = await settled(page)
    await page.waitForTimeout(300)
    expect(await spent(page)).toBe(paused)
    await page.keyboard.press('.')
    await expect.poll(() => spent(page)).toBeGreaterThan(paused)
    await status(page, 'paused')
    const stepped = await settled(page)
    // One wave of rollouts, and what was under way with them.
    expect(stepped - paused).toBeLessThan(1000)
    await page.getByRole('button', { name: 'Resume' }).click()
    await status(page, 'running')
    await page.getByRole('button', { name: 'Stop' }).click()
    await status(page, 'stopped')
    expect(await spent(page)).toBeLessThan(1_000_000)
    expect(await page.getByText('Stopped early').count()).toBe(1)
  })

  it('compares runs at equal NFE alone', async () => {
    const page = await studio.open()
    const ids: string[] = []
    for (const [budget, method] of [
      ['2000', 'dts'],
      ['4000', 'best-of-n'],
    ]) {
      await start(page, { model: 'mixture', reward: 'near:2,0', budget, method })
      await status(page, 'finished')
      ids.push(runOf(page))
    }
    await page.goto(`${studio.server.address}#/compare/${ids.join()}`)
    await page.getByText('at unequal budgets they cannot be compared').waitFor()
    await page.getByRole('button', { name: /^Cut to the common/ }).click()
    await page.getByRole('heading', { name: /^At (1,9|2,0)\d\d NFE/ }).waitFor()
    expect(await page.getByRole('row').count()).toBe(3)
  })

  it('shows what follows from a solver', async () => {
    const page = await studio.open('#/solver/dpm%2B%2B2m')
    await page.getByRole('heading', { name: 'Solver dpm++2m' }).waitFor()
    await page.getByText(/^\d at step \d+ on this grid/).waitFor()
    await page.getByRole('img', { name: /^Stability region/ }).waitFor()
    await page.selectOption('#solver-name', 'ddpm')
    await page.getByText('drawn: it has no order conditions').waitFor()
  })

  it('says what is wrong with a form, and goes there', async () => {
    const page = await studio.open()
    await page.goto(`${studio.server.address}#/new`)
    await page.locator('#field-budget').fill('none')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').textContent()).toContain('budget: ')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('field-budget')
  })
})
