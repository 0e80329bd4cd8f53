import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { inNode, treeOf } from './support/in-node.ts'
import { describeInBrowser, numbers, optionOf, spent, start, status, useStudio } from './support/studio.ts'

/** A run that is the same on every machine: the model is a closed form, in double precision. */
const seededConfig = { model: 'mixture', reward: 'near:2,0', lambda: 0.5, budget: 600, steps: 8, width: 4, seed: 7 }
const seeded = Object.fromEntries(Object.entries(seededConfig).map(([name, value]) => [name, String(value)]))

describeInBrowser('the studio by keyboard', () => {
  const studio = useStudio()

  /** Presses Tab until the focus is on what has this role and name; whoever types needs as many. */
  const tabTo = async (page: Page, role: 'link' | 'button' | 'combobox' | 'textbox' | 'treeitem', name: RegExp) => {
    const wanted = page.getByRole(role, { name }).first()
    for (let presses = 0; presses < 80; presses++) {
      if ((await wanted.count()) > 0 && (await wanted.evaluate((element) => element === document.activeElement))) return
      await page.keyboard.press('Tab')
    }
    throw new Error(`80 times Tab did not lead to the ${role} ${name}`)
  }
  const fill = async (page: Page, name: RegExp, text: string) => {
    await tabTo(page, 'textbox', name)
    await page.keyboard.press('Control+A')
    await page.keyboard.type(text)
  }
  const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? '')

  it('starts, pauses, steps, looks at nodes, resumes and stops without a pointer', async () => {
    const page = await studio.open()
    await page.getByText('No runs yet').waitFor()
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    await tabTo(page, 'link', /^Choose model/)
    await page.keyboard.press('Enter')
    await page.waitForSelector('#field-model option:nth-child(2)', { state: 'attached' })
    await tabTo(page, 'combobox', /^Model/)
    // The list of models by the first letters of one.
    await page.keyboard.type((await optionOf(page, '#field-model', 'mixture')).slice(0, 4))
    await expect.poll(() => page.inputValue('#field-model')).toBe('mixture')
    await fill(page, /^Budget/, '100000000')
    // Long rollouts: the tree stays small however long the keys take.
    await fill(page, /^Steps of one sample/, '500')
    await tabTo(page, 'button', /^Start$/)
    await page.keyboard.press('Enter')
    await page.waitForURL(/#\/run\//)
    await expect.poll(() => spent(page)).toBeGreaterThan(1000)

    await tabTo(page, 'button', /^Pause$/)
    await page.keyboard.press('Space')
    await status(page, 'paused')
    // The same button, under the same focus.
    await expect.poll(() => focused(page)).toBe('Resume')
    const paused = await spent(page)
    await tabTo(page, 'button', /^Step$/)
    await page.keyboard.press('Enter')
    await expect.poll(() => spent(page)).toBeGreaterThan(paused)
    await status(page, 'paused')

    await tabTo(page, 'treeitem', /^root/)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Enter')
    await page.waitForURL(/node=\d+/)
    const node = new URLSearchParams(page.url().split('?')[1]).get('node')
    await page.getByRole('heading', { name: `Node ${node}`, exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { name: 'Root', exact: true }).waitFor()
    await page.keyboard.press('p')
    await status(page, 'running')
    await page.keyboard.press('Shift+Tab')
    await tabTo(page, 'button', /^Stop$/)
    await page.keyboard.press('Enter')
    await status(page, 'stopped')
    expect(await numbers(page)).not.toContain('100,000,000 / 100,000,000')
  })

  it('walks the list of nodes as lists of trees are walked, and tells of it what it should', async () => {
    const page = await studio.open()
    await start(page, seeded)
    await status(page, 'finished')
    const tree = page.getByRole('tree')
    await tree.waitFor()
    const at = () => page.evaluate(() => Number((document.activeElement as HTMLElement)?.dataset.node))
    const visible = () => tree.getByRole('treeitem').evaluateAll((items) => items.map((i) => Number(i.dataset.node)))
    const press = (key: string) => page.keyboard.press(key)
    await tabTo(page, 'treeitem', /^root/)
    const closed = await visible()
    await press('ArrowDown')
    expect(await at()).toBe(closed[1])
    await press('ArrowRight')
    await expect.poll(async () => (await visible()).length).toBeGreaterThan(closed.length)
    await press('ArrowRight')
    const child = (await visible())[2]
    await expect.poll(at).toBe(child)
    await press('ArrowLeft')
    await expect.poll(at).toBe(closed[1])
    await press('ArrowLeft')
    await expect.poll(visible).toEqual(closed)
    await press('End')
    await expect.poll(at).toBe(closed.at(-1))
    await press('Home')
    await expect.poll(at).toBe(0)
    // One stop of Tab for the whole list.
    expect(await tree.locator('[tabindex="0"]').count()).toBe(1)
    await press('ArrowDown')
    await press('*')
    await expect.poll(async () => (await visible()).length).toBeGreaterThan(closed.length + 3)
    await press('b')
    await page.waitForURL(/node=/)
    await expect.poll(() => tree.getByRole('treeitem', { selected: true }).count()).toBe(1)
    expect(await tree.ariaSnapshot()).toMatchSnapshot()
    // Places count the children that are not in the list too.
    const places = await tree
      .getByRole('treeitem')
      .evaluateAll((items) => items.map((i) => [i.ariaLevel, i.ariaPosInSet, i.ariaSetSize].map(Number)))
    expect(places[0]).toEqual([1, 1, 1])
    const top = places.filter(([level]) => level === 2)
    expect(top.map(([, place]) => place)).toEqual(top.map((_, i) => i + 1))
    const { parents } = treeOf((await inNode({ ...examples[1].config, ...seededConfig })).events)
    expect(top[0][2]).toBe(parents.filter((parent) => parent === 0).length)
  })

  it('hears every key of those that are pressed between two pictures', async () => {
    const page = await studio.open()
    await start(page, seeded)
    await status(page, 'finished')
    const press = (keys: readonly string[]) =>
      page.evaluate((all) => {
        for (const key of all) document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
      }, keys)
    const above = async () => (await page.getByRole('button', { name: /^Up to node/ }).textContent())?.match(/\d+/)?.[0]
    await press(['b'])
    const parent = await above()
    await press(['Escape'])
    await page.getByRole('heading', { name: `Node ${parent}`, exact: true }).waitFor()
    const grandparent = await above()
    await page.goto(page.url().split('?')[0])
    await page.getByText('Choose a node of the tree').waitFor()
    await press(['b', 'Escape', 'Escape'])
    await page.getByRole('heading', { name: `Node ${grandparent}`, exact: true }).waitFor()
  })

  it('leaves letters alone where that is wanted', async () => {
    const page = await studio.open('#/about')
    await page.getByRole('checkbox', { name: /letter/i }).uncheck()
    await start(page, { ...seeded, budget: '100000000', steps: '500' })
    await expect.poll(() => spent(page)).toBeGreaterThan(100)
    await page.keyboard.press('p')
    await page.waitForTimeout(300)
    expect(await numbers(page)).toContain('running')
    await page.getByRole('button', { name: 'Stop' }).click()
    await status(page, 'stopped')
  })

  it('puts the focus on the heading of each view', async () => {
    const page = await studio.open('#/about')
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    let before = 'About'
    for (const link of await page.getByRole('navigation').getByRole('link').all()) {
      await link.focus()
      await page.keyboard.press('Enter')
      await page.waitForFunction(
        (old) => ![old, 'Loading…'].includes(document.querySelector('h1')?.textContent ?? ''),
        before,
      )
      before = (await page.textContent('h1')) ?? ''
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1')
      expect(await page.title()).toBe(`${before} – Espalier`)
    }
  })

  it('shows what has the focus: with a ring, and not under the sticky bar', async () => {
    const page = await studio.open('', { reducedMotion: 'reduce' })
    await start(page, seeded)
    await status(page, 'finished')
    for (const [width, height] of [
      [1280, 500],
      [390, 600],
    ]) {
      await page.setViewportSize({ width, height })
      const covered: string[] = []
      const seen = new Set<string>()
      // Down to the end, and up again, where the bar is in the way.
      for (const [key, presses] of [
        ['Tab', 50],
        ['Shift+Tab', 50],
      ] as const) {
        for (let i = 0; i < presses; i++) {
          await page.keyboard.press(key)
          const found = await page.evaluate(() => {
            const element = document.activeElement as HTMLElement
            const bar = document.querySelector('.topline') as HTMLElement
            if (element === document.body || bar.contains(element)) return undefined
            const { top, bottom, left, right } = element.getBoundingClientRect()
            const under = bar.getBoundingClientRect()
            const visible = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth
            const hidden = bottom <= under.bottom && top >= under.top - 1
            const { outlineStyle, outlineWidth } = getComputedStyle(element)
            const ringed = outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
            return { html: element.outerHTML, bad: !visible || !ringed || (hidden && under.top >= -1) }
          })
          if (!found) continue
          seen.add(found.html)
          if (found.bad) covered.push(`${width}, ${key}: ${found.html.slice(0, 120)}`)
        }
      }
      expect(seen.size).toBeGreaterThan(20)
      expect(covered).toEqual([])
    }
  })
})
