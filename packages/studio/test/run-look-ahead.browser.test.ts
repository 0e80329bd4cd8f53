import type { RunEvent } from '@espalier/engine'
import { vpLinear } from 'espalier/process'
import type { Locator, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { mixture } from '../src/engine/models.ts'
import { faultsOf } from './support/faults.ts'
import { treeOf } from './support/in-node.ts'
import { ask, describeInBrowser, eventsOf, runOf, status, useStudio } from './support/studio.ts'

/** `E[x_0 | x_t]` of the app's own mixture, by other formulas than the library's. */
function expectedAt([x, y]: readonly number[], time: number): [number, number] {
  const { means, stds, weights } = mixture.card as unknown as Record<'means', number[][]> &
    Record<'stds' | 'weights', number[]>
  const [a, s] = [vpLinear().a(time), vpLinear().s(time)]
  let total = 0
  const sum: [number, number] = [0, 0]
  means.forEach(([mx, my], k) => {
    const v = stds[k] ** 2
    const around = a * a * v + s * s
    const weight = (weights[k] / around) * Math.exp(-((x - a * mx) ** 2 + (y - a * my) ** 2) / (2 * around))
    total += weight
    sum[0] += weight * ((s * s * mx + a * v * x) / around)
    sum[1] += weight * ((s * s * my + a * v * y) / around)
  })
  return [sum[0] / total, sum[1] / total]
}

/** Where the dot of a picture of the plane is, in its coordinates; nothing where there is none (yet). */
const dotOf = (canvas: Locator) =>
  canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement
    const context = (element as HTMLCanvasElement).getContext('2d') as CanvasRenderingContext2D
    const { data } = context.getImageData(0, 0, width, height)
    let [count, x, y] = [0, 0, 0]
    for (let i = 0; i < width * height; i++) {
      // The green of the light theme; axes are grey.
      if (!(data[4 * i] < 40 && data[4 * i + 1] > 60 && data[4 * i + 1] < 150 && data[4 * i + 3] > 0)) continue
      count++
      x += (i % width) + 0.5
      y += Math.floor(i / width) + 0.5
    }
    return count === 0 ? [] : [8 * (x / count / width - 0.5), -8 * (y / count / height - 0.5)]
  })

/** How far a dot is from a point; a lot where there is none. Pictures are 80 pixels for 8 units. */
const distance = async (canvas: Locator, [x, y]: readonly number[]) => {
  const [u = 99, v = 99] = await dotOf(canvas)
  return Math.hypot(u - x, v - y)
}
const NEAR = 0.1

/** Holds what the page asks of its worker by this name, until it is let go. */
const hold = (page: Page, method: string) =>
  page.evaluate((method) => {
    const post = Worker.prototype.postMessage
    const held: (() => void)[] = []
    Worker.prototype.postMessage = function (this: Worker, ...given: unknown[]) {
      const send = () => post.apply(this, given as Parameters<typeof post>)
      if ((given[0] as { method?: string }).method === method) held.push(send)
      else send()
    } as typeof post
    Object.assign(window, {
      letGo() {
        Worker.prototype.postMessage = post
        for (const send of held) send()
      },
      held,
    })
  }, method)
const letGo = (page: Page) => page.evaluate(() => (window as unknown as { letGo(): void }).letGo())

describeInBrowser('what the network expects', () => {
  const studio = useStudio()
  const world = { model: 'mixture', reward: 'near:2,0', method: 'dts', budget: 400, steps: 10, width: 4 }
  const inspector = (page: Page) => page.getByRole('region', { name: 'Inspector' })
  const figure = (page: Page, caption: string) => inspector(page).getByRole('figure').filter({ hasText: caption })
  const begin = async (config: object) => {
    const page = await studio.open('', { colorScheme: 'light' })
    await page.goto(`${page.url()}#/run/${await ask(page, 'start', config)}`)
    await status(page, 'finished')
    await page.getByRole('treeitem').first().waitFor()
    return page
  }
  const show = async (page: Page, node: number) => {
    await page.evaluate((node) => {
      const [path, query] = location.hash.split('?')
      const wanted = new URLSearchParams(query)
      wanted.set('node', String(node))
      location.hash = `${path}?${wanted}`
    }, node)
    await page.getByRole('heading', { name: `Node ${node}`, exact: true }).waitFor()
  }

  it('stands between the noisy state of a node and the best sample below, where the closed form has it', async () => {
    const page = await begin(world)
    const id = runOf(page)
    const events = await eventsOf(page, id)
    const { levels } = events.find(({ type }) => type === 'started') as Extract<RunEvent, { type: 'started' }>
    await page.keyboard.press('b')
    await page.getByRole('heading', { name: /^Node \d/ }).waitFor()
    const captions = () => inspector(page).locator('figcaption').allTextContents()
    expect(await captions()).toEqual(['the sample'])
    for (let depth = levels.length - 2; depth > 0; depth--) {
      await page.keyboard.press('Escape')
      await expect.poll(captions).toEqual(['its noisy state', 'look-ahead', 'best sample below'])
      const node = Number(new URLSearchParams(page.url().split('?')[1]).get('node'))
      const { data } = await ask<{ data: number[] }>(page, 'state', id, { node })
      const wanted = expectedAt(data, levels[depth].time)
      await expect.poll(() => distance(figure(page, 'look-ahead').locator('canvas'), wanted)).toBeLessThan(NEAR)
      await expect.poll(() => distance(figure(page, 'noisy state').locator('canvas'), data)).toBeLessThan(NEAR)
    }
    await page.keyboard.press('Escape')
    await expect.poll(captions).toEqual([])
  })

  it('moves nothing when it comes, and says in one line where there is none', async () => {
    const page = await begin({ ...world, method: 'dts(states=recompute)' })
    const id = runOf(page)
    const { parents, leaves } = treeOf(await eventsOf(page, id))
    let [kept, lost] = [0, 0]
    for (let node = 1; node < parents.length && !(kept && lost); node++) {
      if (leaves.includes(node)) continue
      if (await ask(page, 'state', id, { node }).catch(() => undefined)) kept ||= node
      else lost ||= node
    }
    expect([kept, lost]).not.toContain(0)

    await hold(page, 'lookahead')
    await show(page, kept)
    await expect.poll(() => dotOf(figure(page, 'noisy state').locator('canvas'))).toHaveLength(2)
    await page.waitForFunction(() => (window as unknown as { held: unknown[] }).held.length > 0)
    const ahead = figure(page, 'look-ahead').locator('canvas')
    expect(await dotOf(ahead)).toEqual([])
    const places = () =>
      inspector(page)
        .locator('h2, figure, figcaption, p, dl, .actions')
        .evaluateAll((all) => all.map((element) => JSON.stringify(element.getBoundingClientRect())))
    const before = await places()
    await letGo(page)
    await expect.poll(() => dotOf(ahead)).toHaveLength(2)
    expect(await places()).toEqual(before)
    const line = inspector(page).getByText('Look-ahead:')
    const { height } = (await line.boundingBox()) as { height: number }

    await show(page, lost)
    const none = inspector(page).getByText(`No look-ahead: the tree does not keep the state of node ${lost}`)
    await none.waitFor()
    expect((await none.boundingBox())?.height).toBe(height)
    await page.waitForTimeout(100)
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  it('is what nodes show in the neighbourhood where that is chosen, and nobody has a fault with it', async () => {
    const page = await begin(world)
    const id = runOf(page)
    await page.getByRole('button', { name: 'Focus' }).click()
    const board = page.getByRole('region', { name: 'Neighbourhood of the selected node' })
    const inner = board.getByRole('button', { name: /of node \d+, σ/ })
    await inner.first().waitFor()
    // One of those whose two pictures can be told apart.
    let [node, state, ahead]: [number, number[], number[]] = [0, [], []]
    for (const text of await inner.allTextContents()) {
      node = Number(text.match(/of node (\d+)/)?.[1])
      state = (await ask<{ data: number[] }>(page, 'state', id, { node })).data
      ahead = (await ask<{ data: number[] }>(page, 'lookahead', id, { node })).data
      if (Math.hypot(state[0] - ahead[0], state[1] - ahead[1]) > 4 * NEAR) break
    }
    expect(Math.hypot(state[0] - ahead[0], state[1] - ahead[1])).toBeGreaterThan(4 * NEAR)
    const spot = board.getByRole('button', { name: new RegExp(`of node ${node}, σ`) })
    const [picture, sample] = [spot.locator('canvas').first(), spot.locator('canvas').last()]
    await expect.poll(() => distance(picture, state)).toBeLessThan(NEAR)
    const below = await dotOf(sample)
    const choice = page.getByRole('group', { name: 'What nodes show' })
    await choice.getByRole('button', { name: 'Look-ahead' }).click()
    await expect.poll(() => distance(picture, ahead)).toBeLessThan(NEAR)
    expect(await dotOf(sample)).toEqual(below)
    // It stands in the address.
    await page.reload()
    await expect.poll(() => distance(picture, ahead)).toBeLessThan(NEAR)
    await spot.click()
    await figure(page, 'look-ahead').waitFor()
    expect(await faultsOf(page, 'look-aheads')).toEqual([])
    await choice.getByRole('button', { name: 'Noisy state' }).click()
    await expect.poll(() => distance(picture, state)).toBeLessThan(NEAR)
  })

  it('of text has no gap, and what was there', async () => {
    const page = await begin({ model: 'words', reward: 'length:40', method: 'dts', budget: 100, width: 4 })
    await show(page, 1)
    const words = (caption: string) => figure(page, caption).locator('.words')
    await expect.poll(() => words('look-ahead').textContent()).not.toBe('')
    await expect.poll(() => words('noisy state').textContent()).toContain('▁')
    const half = (await words('noisy state').textContent()) ?? ''
    const whole = (await words('look-ahead').textContent()) ?? ''
    expect(whole).not.toContain('▁')
    expect(whole).toHaveLength(half.length)
    for (const [i, sign] of [...half].entries()) if (sign !== '▁') expect(whole[i]).toBe(sign)
  })
})
