import type { Download, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { faultsOf } from './support/faults.ts'
import { describeInBrowser, runOf, start, status, useStudio } from './support/studio.ts'

/** A world: quick, and the same on every machine. */
const quick = { model: 'mixture', reward: 'near:2,0', budget: '2000', steps: '10', width: '4' }

describeInBrowser('the view of a run', () => {
  const studio = useStudio()
  const finished = async (page: Page, change: Readonly<Record<string, string>> = {}) => {
    await start(page, { ...quick, ...change })
    await status(page, 'finished')
    await page.getByRole('treeitem').first().waitFor()
  }
  const query = (page: Page) => new URLSearchParams(page.url().split('?')[1] ?? '')
  const tree = (page: Page) => page.getByRole('img', { name: /^Search tree/ })
  /** The picture of the tree, to compare with another, once nothing more comes. */
  const drawn = async (page: Page) => {
    for (let last = ''; ; ) {
      const now = await page.evaluate(async () => {
        const canvas = document.querySelector<HTMLCanvasElement>('.icicle')
        const picture = new TextEncoder().encode(canvas?.toDataURL())
        return [...new Uint8Array(await crypto.subtle.digest('SHA-1', picture))].join()
      })
      if (now === last) return now
      last = now
      await page.waitForTimeout(200)
    }
  }
  const samples = async (page: Page) => {
    const text = await page.locator('.gallery .bar .quiet').textContent()
    return Number(text?.replace(/^.* of /, '').replace(/\D/g, ''))
  }
  const saved = async (download: Download) => {
    const parts: Buffer[] = []
    for await (const part of await download.createReadStream()) parts.push(part as Buffer)
    return Buffer.concat(parts)
  }

  it('shows the run as it was at any moment, by slider, by buttons, by replay and by address', async () => {
    const page = await studio.open()
    await finished(page)
    const slider = page.getByRole('slider', { name: 'Moment that is shown' })
    const now = await drawn(page)
    const all = await samples(page)
    const end = Number(await slider.getAttribute('max'))
    await slider.fill(String(Math.round(end / 2)))
    await expect.poll(() => query(page).get('t')).toBe(String(Math.round(end / 2)))
    await expect.poll(() => samples(page)).toBeLessThan(all)
    const half = await samples(page)
    expect(half).toBeGreaterThan(all / 4)
    expect(await drawn(page)).not.toBe(now)
    await page.getByRole('button', { name: 'To the next sample' }).click()
    // One, or those that were found at one NFE.
    await expect.poll(() => samples(page)).toBeGreaterThan(half)
    await page.getByRole('button', { name: 'To the sample before' }).click()
    await expect.poll(() => samples(page)).toBe(half)
    await expect.poll(() => query(page).get('t')).toBe(await slider.inputValue())

    await page.reload()
    await expect.poll(() => samples(page)).toBe(half)
    // A node that came later is not there yet.
    const newest = all * 5
    await page.goto(`${page.url()}&node=${newest}`)
    await expect.poll(async () => page.locator('.inspector').textContent()).toMatch(/not there yet|Choose/)

    await page.getByRole('button', { name: 'Now', exact: true }).click()
    await expect.poll(() => samples(page)).toBe(all)
    await expect.poll(() => query(page).get('t')).toBeNull()
    await page.keyboard.press('r')
    await page.getByRole('button', { name: 'Pause the replay' }).waitFor()
    await expect.poll(() => samples(page)).toBeLessThan(all)
    await page.keyboard.press('r')
    await page.getByRole('button', { name: 'Replay' }).waitFor()
    await page.keyboard.press('n')
    await expect.poll(() => samples(page)).toBe(all)
  })

  it('zooms by wheel, buttons and keys, moves by drag, buttons and keys, and shows where it is', async () => {
    const page = await studio.open()
    await finished(page)
    const out = page.getByRole('button', { name: 'Show all' })
    const whole = await drawn(page)
    const box = await tree(page).boundingBox()
    if (!box) throw new Error('no tree')
    const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    await page.mouse.move(middle.x, middle.y)
    await page.mouse.wheel(0, -200)
    expect(await out.isDisabled()).toBe(true)
    await page.keyboard.down('Control')
    await page.mouse.wheel(0, -200)
    await page.keyboard.up('Control')
    await expect.poll(() => out.isDisabled()).toBe(false)
    await page.keyboard.press('0')
    await expect.poll(() => drawn(page)).toBe(whole)

    // Each of the ways comes to the same picture.
    await page.getByRole('button', { name: 'Zoom in' }).click()
    const near = await drawn(page)
    await page.getByRole('button', { name: 'To the right' }).click()
    await expect.poll(() => drawn(page)).not.toBe(near)
    await page.getByRole('button', { name: 'To the left' }).click()
    await expect.poll(() => drawn(page)).toBe(near)
    await page.keyboard.press(']')
    await expect.poll(() => drawn(page)).not.toBe(near)
    await page.keyboard.press('[')
    await expect.poll(() => drawn(page)).toBe(near)
    await page.mouse.move(middle.x, middle.y)
    await page.mouse.down()
    await page.mouse.move(middle.x - 100, middle.y, { steps: 4 })
    await page.mouse.up()
    expect(await drawn(page)).not.toBe(near)
    // A drag selects nothing; a press does.
    expect(query(page).get('node')).toBeNull()
    await page.mouse.click(middle.x, middle.y)
    await page.getByRole('heading', { name: /^Node \d/ }).waitFor()
    await page.keyboard.press('0')
    await expect.poll(() => query(page).get('z')).toBeNull()
    await page.keyboard.press('f')
    await expect.poll(() => out.isDisabled()).toBe(false)
    // What is shown stands in the address.
    await expect.poll(() => query(page).get('z')).toMatch(/^[\d.]+,[\d.]+$/)
    const shown = query(page).get('z')
    await page.reload()
    await page.getByRole('treeitem').first().waitFor()
    await expect.poll(() => out.isDisabled()).toBe(false)
    expect(await drawn(page)).not.toBe(whole)
    expect(query(page).get('z')).toBe(shown)
    // On the map of the whole a press goes there.
    const before = await drawn(page)
    await page.mouse.click(box.x + 70, box.y + 10)
    await expect.poll(() => drawn(page)).not.toBe(before)
  })

  it('shows the neighbourhood of a node as a tree with pictures', async () => {
    const page = await studio.open()
    await finished(page)
    await page.getByRole('button', { name: 'Focus' }).click()
    const board = page.getByRole('region', { name: 'Neighbourhood of the selected node' })
    await board.getByRole('button').first().waitFor()
    expect(query(page).get('view')).toBe('focus')
    const [root] = await board.getByRole('button').all()
    await board.getByRole('button', { name: /^root −?[\d.]+ [\d,]+× .*value, passes.* of the root$/ }).waitFor()
    expect(await root.textContent()).toContain('of the root')
    const first = board.getByRole('button', { name: /of node \d+, σ/ }).first()
    const node = (await first.textContent())?.match(/of node (\d+)/)?.[1]
    await first.click()
    await page.getByRole('heading', { name: `Node ${node}`, exact: true }).waitFor()
    expect(await board.getByRole('button', { pressed: true }).textContent()).toContain(`of node ${node},`)
    expect(await board.locator('svg path').count()).toBe((await board.getByRole('button').count()) - 1)
    // Every node is on the board.
    const outside = await board.evaluate((element) => {
      const { width, height } = (element.querySelector('.board') as HTMLElement).getBoundingClientRect()
      return [...element.querySelectorAll<HTMLElement>('.board > button')].filter(
        ({ offsetLeft, offsetTop, offsetWidth, offsetHeight }) =>
          offsetLeft < 0 || offsetTop < 0 || offsetLeft + offsetWidth > width || offsetTop + offsetHeight > height,
      ).length
    })
    expect(outside).toBe(0)
  })

  it('shows texts as texts, their masks as gaps', async () => {
    const page = await studio.open()
    await start(page, { model: 'words', budget: '300', width: '4' })
    await status(page, 'finished')
    const cards = page.getByRole('button', { name: /^[a-z].* [−\d.]+ reward of the sample at node \d+$/ })
    await cards.first().waitFor()
    expect(await page.locator('.gallery canvas').count()).toBe(0)
    await page.keyboard.press('b')
    const inspector = page.getByRole('region', { name: 'Inspector' })
    const text = await inspector.locator('.words').textContent()
    expect(text).not.toContain('▁')
    expect(await cards.first().textContent()).toContain(text)
    // On the way to it there are gaps.
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await inspector.getByText('its noisy state').waitFor()
    await inspector
      .getByRole('img', { name: /^\d+ masked$/ })
      .first()
      .waitFor()
    const coming = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export as text' }).click()
    const file = (await saved(await coming)).toString()
    expect(file).toContain('▁')
    expect(file).toBe(await inspector.locator('.words').first().textContent())
    expect(await faultsOf(page, 'texts')).toEqual([])
    await page.getByRole('button', { name: 'Focus' }).click()
    await page.locator('.board .words').first().waitFor()
  })

  it('hands out the run, its tree as a picture, its curve, and its states', async () => {
    const page = await studio.open()
    await finished(page)
    const take = async (name: string) => {
      const coming = page.waitForEvent('download')
      if ((await page.locator('.run-head .menu').getAttribute('open')) === null)
        await page.getByText('Download').click()
      await page.getByRole('button', { name }).click()
      return coming
    }
    const run = await take('Run (.zip)')
    expect(run.suggestedFilename()).toMatch(/^dts.*mixture.*\.zip$/)
    expect((await saved(run)).length).toBeGreaterThan(1000)
    const svg = (await saved(await take('Picture of the tree (.svg)'))).toString()
    expect(
      await page.evaluate(
        (text) => new DOMParser().parseFromString(text, 'image/svg+xml').documentElement.nodeName,
        svg,
      ),
    ).toBe('svg')
    expect(svg).toContain('near:2,0 on mixture')
    expect((await saved(await take('Picture of the tree (.png)'))).subarray(1, 4).toString()).toBe('PNG')
    const rows = (await saved(await take('Curve (.csv)'))).toString().trim().split('\n')
    expect(rows[0]).toBe('line,nfe,best_reward')
    const own = rows.filter((row) => row.startsWith('This run,')).map((row) => Number(row.split(',')[2]))
    expect(own.length).toBeGreaterThan(2)
    expect(own).toEqual([...own].sort((a, b) => a - b))

    await page.keyboard.press('b')
    await page.keyboard.press('Escape')
    const coming = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export as .npy' }).click()
    const file = await saved(await coming)
    expect(file.subarray(1, 6).toString()).toBe('NUMPY')
    expect(file.toString('latin1')).toContain("'shape': (2,)")
  })

  it('goes on from a node in a run of its own', async () => {
    const page = await studio.open()
    await finished(page)
    const id = runOf(page)
    await page.keyboard.press('b')
    await page.getByRole('heading', { name: /^Node \d/ }).waitFor()
    // A sample is at its end.
    expect(await page.getByRole('button', { name: 'Continue from here' }).count()).toBe(0)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Continue from here' }).click()
    await page.waitForURL((url) => url.hash.includes('/run/') && !url.hash.includes(id))
    await status(page, 'finished')
    // It says where it began.
    const origin = page.getByRole('link', { name: /^node \d+ of another run$/ })
    expect(await origin.getAttribute('href')).toContain(`/run/${id}?node=`)
    await page.getByRole('treeitem').first().waitFor()
  })

  it('puts earlier runs of the same model and reward beside this one', async () => {
    const page = await studio.open()
    await finished(page, { seed: '5' })
    await finished(page, { seed: '6' })
    const chart = page.getByRole('region', { name: 'Reward against NFE' })
    await chart.getByText('Earlier runs').click()
    await chart.getByRole('checkbox', { name: /seed 5/ }).check()
    await chart.getByRole('img', { name: /seed 5 ends at/ }).waitFor()
    await page.keyboard.press('Escape')
    expect(await chart.locator('.menu').getAttribute('open')).toBeNull()
    await page.reload()
    await chart.getByRole('img', { name: /This run ends at .*; Best of N.*; .*seed 5 ends at/ }).waitFor()
    const plot = () =>
      chart.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
        return [...(canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [])].join('')
          .length
      })
    const before = await plot()
    await chart.getByRole('button', { name: 'Log NFE' }).click()
    await expect.poll(plot).not.toBe(before)
  })

  it('has the inspector as a sheet from below on a phone, and a list of its keys', async () => {
    const page = await studio.open('', { viewport: { width: 390, height: 844 } })
    await finished(page)
    const box = await tree(page).boundingBox()
    if (!box) throw new Error('no tree')
    expect(box.height).toBe(320)
    await tree(page).click({ position: { x: 200, y: 60 } })
    const sheet = page.getByRole('dialog', { name: 'Inspector' })
    await sheet.getByRole('heading', { name: /^Node \d/ }).waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => sheet.count()).toBe(0)
    await tree(page).click({ position: { x: 200, y: 60 } })
    await sheet.getByRole('button', { name: 'Close' }).click()
    await expect.poll(() => sheet.count()).toBe(0)
    expect(query(page).get('node')).toBeNull()
    const wide = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(wide).toBeLessThanOrEqual(390)

    await page.keyboard.press('?')
    const keys = page.getByRole('dialog', { name: 'Keys' })
    await keys.waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => keys.count()).toBe(0)
  })

  it('has no fault for anybody in what opens: focus, menus, dialogs, the sheet', async () => {
    const page = await studio.open()
    const found: string[] = []
    const check = async (view: string) => found.push(...(await faultsOf(page, view)))
    await finished(page)
    await page.keyboard.press('b')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Focus' }).click()
    await page.locator('.board button').first().waitFor()
    await check('focus')
    await page.getByRole('button', { name: 'Whole' }).click()
    await page.getByRole('slider').fill('500')
    await page.keyboard.press('+')
    await page.locator('.run-head .menu summary').click()
    await check('an earlier moment, zoomed, with the menu open')
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    await check('keys')
    await page.keyboard.press('Escape')
    await page.setViewportSize({ width: 390, height: 844 })
    await page.getByRole('dialog', { name: 'Inspector' }).waitFor()
    await check('the sheet')
    expect(found).toEqual([])
  })
})
