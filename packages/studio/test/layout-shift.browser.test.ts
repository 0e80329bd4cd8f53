import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeInBrowser, spent, start, status, useStudio } from './support/studio.ts'

interface Shift {
  readonly value: number
  /** The address, and when. */
  readonly at: string
  readonly sources: readonly string[]
}

/** Notes what moves by itself in the page, and what is said aloud, with the milliseconds. */
function note(): void {
  const shifts: Shift[] = []
  const said: [number, string][] = []
  const draws: number[] = []
  Object.assign(window, { shifts, said, draws })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & {
      value: number
      hadRecentInput: boolean
      sources: { node?: Node }[]
    })[]) {
      if (entry.hadRecentInput) continue
      const sources = entry.sources.map(({ node }) => (node instanceof Element ? node.outerHTML : '').slice(0, 80))
      shifts.push({ value: entry.value, at: `${location.hash} ${Math.round(entry.startTime)} ms`, sources })
    }
  }).observe({ type: 'layout-shift', buffered: true })
  new MutationObserver(() => {
    for (const region of document.querySelectorAll('[role=status]')) {
      const text = region.textContent ?? ''
      if (text && said.at(-1)?.[1] !== text) said.push([performance.now(), text])
    }
  }).observe(document, { subtree: true, childList: true, characterData: true })
  const { clearRect } = CanvasRenderingContext2D.prototype
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    if (this.canvas.getAttribute('aria-label')?.startsWith('Search tree')) draws.push(performance.now())
    clearRect.apply(this, box)
  }
}

describeInBrowser('what moves', () => {
  const studio = useStudio()
  const noted = <T>(page: Page, name: string) =>
    page.evaluate((name) => (window as unknown as Record<string, T>)[name], name)
  const open = async (options = {}) => {
    const page = await studio.open('', options)
    await page.context().addInitScript(note)
    await page.reload()
    return page
  }
  /** The sum of what moved, and the worst of it. */
  const moved = async (page: Page) => {
    const shifts = await noted<Shift[]>(page, 'shifts')
    const worst = [...shifts].sort((a, b) => b.value - a.value).slice(0, 3)
    return { sum: shifts.reduce((sum, { value }) => sum + value, 0), worst }
  }

  it.each([1280, 390])('is nothing that is read, during a whole run at a width of %i', async (width) => {
    const page = await open({ viewport: { width, height: 900 } })
    await start(page, { budget: '500', steps: '10', width: '8' })
    await status(page, 'finished')
    await page.waitForTimeout(700)
    const { sum, worst } = await moved(page)
    expect(sum, JSON.stringify(worst)).toBeLessThan(0.02)
    // The same of a run that is opened again.
    await page.reload()
    await status(page, 'finished')
    await page.waitForTimeout(700)
    const again = await moved(page)
    expect(again.sum, JSON.stringify(again.worst)).toBeLessThan(0.02)
  })

  it('is said aloud seldom', async () => {
    const page = await open()
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '200000', steps: '20', width: '2' })
    await status(page, 'finished')
    await expect.poll(async () => (await noted<[number, string][]>(page, 'said')).at(-1)?.[1]).toContain('finished')
    const said = (await noted<[number, string][]>(page, 'said')).filter(([, text]) => text !== '')
    const bests = said.filter(([, text]) => text.startsWith('New best'))
    for (let i = 1; i < bests.length; i++) expect(bests[i][0] - bests[i - 1][0]).toBeGreaterThanOrEqual(10_000)
    // Queued, running, three quarters, the end.
    expect(said.length - bests.length).toBeLessThanOrEqual(8)
    expect(said.some(([, text]) => /^(25|50|75) % of the budget is spent/.test(text))).toBe(true)
  })

  it('is the tree once a second at most where little motion is wanted, and more often elsewhere', async () => {
    for (const reducedMotion of ['reduce', 'no-preference'] as const) {
      const page = await open({ reducedMotion })
      await start(page, { model: 'mixture', reward: 'near:2,0', budget: '100000000', width: '2' })
      await expect.poll(() => spent(page)).toBeGreaterThan(1000)
      if (reducedMotion === 'no-preference') {
        const closest = async () => {
          const draws = await noted<number[]>(page, 'draws')
          return Math.min(
            ...draws
              .slice(1)
              .map((at, i) => at - draws[i])
              .filter((gap) => gap > 0),
          )
        }
        await expect.poll(closest).toBeLessThan(500)
      } else {
        const from = await page.evaluate(() => performance.now())
        await page.waitForTimeout(3000)
        const draws = (await noted<number[]>(page, 'draws')).filter((at) => at > from && at <= from + 3000)
        expect(draws.length).toBeGreaterThan(0)
        expect(draws.length).toBeLessThanOrEqual(4)
        const eased = await page.evaluate(
          () =>
            [...document.querySelectorAll('*')].filter((element) => {
              const { transitionDuration, animationName } = getComputedStyle(element)
              return animationName !== 'none' || /[1-9]/.test(transitionDuration)
            }).length,
        )
        expect(eased).toBe(0)
      }
      await page.getByRole('button', { name: 'Stop' }).click()
      await status(page, 'stopped')
    }
  })

  it('can be told apart with the colours that a person forces', async () => {
    const page = await studio.open('', { forcedColors: 'active', reducedMotion: 'reduce' })
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '600', steps: '8' })
    await status(page, 'finished')
    await page.keyboard.press('b')
    await page.getByRole('heading', { name: /^Node \d/ }).waitFor()
    const border = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((element) => {
          const { borderTopWidth, borderTopColor } = getComputedStyle(element)
          return `${borderTopWidth} ${borderTopColor}`
        })
    // What is chosen is not told by its fill alone.
    expect(await border('.choice [aria-pressed=true]')).not.toBe(await border('.choice [aria-pressed=false]'))
    expect(await border('[role=treeitem][aria-selected=true]')).not.toBe(
      await border('[role=treeitem][aria-selected=false]'),
    )
    expect(await border('nav [aria-current=page], nav a')).toBeTruthy()
    // The picture of the tree keeps its own colours.
    const shades = await page
      .locator('canvas[role=img]')
      .first()
      .evaluate((element) => {
        const canvas = element as HTMLCanvasElement
        const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
        const found = new Set<number>()
        for (let i = 0; i < data.length; i += 4) found.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2])
        return found.size
      })
    expect(shades).toBeGreaterThan(10)
  })
})
