import { readFileSync } from 'node:fs'
import { AxeBuilder } from '@axe-core/playwright'
import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import {
  describeInBrowser,
  inNode,
  numbers,
  runOf,
  settled,
  spent,
  start,
  status,
  useStudio,
} from './support/studio.ts'

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
    expect(await page.getByRole('button', { name: /^Sample at node/ }).count()).toBe(48)
  })

  it('searches with a network: samples as pictures, in order of their reward', async () => {
    const page = await studio.open()
    await start(page, { budget: '600', steps: '10', width: '8' })
    await status(page, 'finished')
    expect(await spent(page)).toBeGreaterThan(540)
    expect(await spent(page)).toBeLessThanOrEqual(600)
    const labels = await page
      .getByRole('button', { name: /^Sample at node/ })
      .evaluateAll((buttons) =>
        buttons.map((button) => Number(button.getAttribute('aria-label')?.split('reward ')[1].replace('−', '-'))),
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
    await page.waitForFunction(() => !document.querySelector('.numbers strong')?.textContent?.startsWith('0 /'))
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

  it('keeps a run over a reload, and ends it as if nothing had happened', async () => {
    const page = await studio.open()
    const config = { ...examples[1].config, budget: 60_000, seed: 5 }
    await start(page, { model: 'mixture', reward: config.reward, budget: '60000', seed: '5', lambda: '1' })
    await page.waitForFunction(() => Number(document.querySelector('progress')?.value) > 2000)
    await page.keyboard.press('p')
    await status(page, 'paused')
    const before = await settled(page)
    await page.reload()
    await page.waitForSelector('.numbers')
    expect(await spent(page)).toBeGreaterThan(0)
    expect(await spent(page)).toBeLessThanOrEqual(before)
    await page.getByRole('button', { name: 'Resume' }).click()
    await status(page, 'finished')
    const expected = await inNode(config)
    expect(await numbers(page)).toContain(`${expected.nfe.toLocaleString('en')} / 60,000 NFE`)
    expect(await numbers(page)).toContain(`${expected.rewardEvaluations.toLocaleString('en')} reward evaluations`)

    // It is in the list, is opened again from there, and can be deleted.
    await page.goto(studio.server.address)
    await page.getByRole('link', { name: 'dts(alpha=0.6), near:2,0' }).click()
    await status(page, 'finished')
    // A second tab leaves the stored runs to the first.
    const second = await page.context().newPage()
    await second.goto(studio.server.address)
    await second.getByText('Another tab of Studio holds the stored runs').waitFor({ timeout: 20_000 })
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
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.map(({ id, nodes }) => `${id} ${nodes[0].html}`)).toEqual([])
  })

  it('shows what follows from a solver', async () => {
    const page = await studio.open('#/solver/dpm%2B%2B2m')
    await page.getByRole('heading', { name: 'Solver dpm++2m' }).waitFor()
    await page.getByText(/^\d at step \d+ on this grid/).waitFor()
    await page.getByRole('img', { name: /^Stability region/ }).waitFor()
    await page.selectOption('#solver-name', 'ddpm')
    await page.getByText('drawn: it has no order conditions').waitFor()
  })

  it('takes a model of the person’s own, and says what is wrong with a broken one', async () => {
    const page = await studio.open('#/model')
    const bytes = readFileSync(new URL('../../zoo/models/mnist-small/model.onnx', import.meta.url))
    const give = (name: string, buffer: Buffer) =>
      page.setInputFiles('#model-file', { name, mimeType: 'application/octet-stream', buffer })
    await page.waitForSelector('#model-file')
    for (const [name, buffer, says] of [
      ['half.onnx', bytes.subarray(0, bytes.length / 2), 'half.onnx: '],
      ['empty.onnx', Buffer.alloc(0), 'empty.onnx: the file is empty'],
      ['text.onnx', Buffer.from('not a network'), 'text.onnx: '],
      ['picture.png', Buffer.from('x'), 'a file that ends in .onnx is needed'],
    ] as const) {
      await give(name, buffer)
      await page.getByRole('alert').getByText(says).waitFor()
    }
    // Dropped on the window, as a person does.
    const transfer = await page.evaluateHandle((data) => {
      const files = new DataTransfer()
      files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], 'mine.onnx'))
      return files
    }, bytes.toString('base64'))
    await page.dispatchEvent('main', 'drop', { dataTransfer: transfer })
    await page.getByText(/operations, 6\d,\d+ parameters/).waitFor()
    await page.selectOption('#answer-prediction', 'velocity')
    await page.selectOption('#answer-process', 'vp-cosine')
    expect(await page.inputValue('#answer-event')).toBe('1, 28, 28')
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.map(({ id, nodes }) => `${id} ${nodes[0].html}`)).toEqual([])
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByRole('button', { name: 'Use it in a new run' }).click()
    await page.waitForFunction(() => document.querySelector<HTMLSelectElement>('#field-model')?.value === 'mine')
    await page.fill('#field-budget', '200')
    await page.fill('#field-steps', '5')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.waitForURL(/#\/run\//)
    await status(page, 'finished')
    // It is there after a reload.
    await page.goto(`${studio.server.address}?again#/new`)
    await page.locator('#field-model option[value=mine]').waitFor({ state: 'attached' })
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

  it('says why there is no engine, and runs on one thread without isolation', async () => {
    studio.server.missing.add('network.worker')
    const page = await studio.open()
    try {
      await page.getByText('Nothing can be run: the network worker could not be loaded').waitFor()
    } finally {
      studio.server.missing.clear()
    }
    const plain = await studio.plain()
    const other = await studio.open('', {}, plain)
    await other.getByText('the page is not isolated, so one thread').waitFor()
    await start(other, { budget: '100', steps: '5' })
    await status(other, 'finished')
  })

  it('is isolated on a plain host after one reload, and runs without a network', async () => {
    const plain = await studio.plain()
    const page = await studio.open('', { serviceWorkers: 'allow' }, plain)
    await page.waitForFunction(() => crossOriginIsolated)
    await page.getByText('No runs yet').waitFor()
    await plain.close()
    await page.reload()
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '2000' })
    await status(page, 'finished')
  })

  it('has no fault that axe finds, in both themes and at both widths', async () => {
    const found: string[] = []
    const page = await studio.open()
    const two = [
      ['light', 1280],
      ['dark', 390],
    ] as const
    const check = async (view: string, looks: readonly (readonly ['light' | 'dark', number])[] = two) => {
      for (const [colorScheme, width] of looks) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.setViewportSize({ width, height: 844 })
        const { violations } = await new AxeBuilder({ page })
          .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
          .analyze()
        for (const { id, nodes } of violations) found.push(`${view} ${colorScheme} ${width}: ${id} ${nodes[0].html}`)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        if (wide > 0) found.push(`${view} ${colorScheme} ${width}: ${wide} pixels too wide`)
      }
    }
    await page.getByText('No runs yet').waitFor()
    await check('home, empty')
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '2000' })
    await status(page, 'finished')
    await page.keyboard.press('b')
    await page.getByRole('heading', { name: /^Node \d/ }).waitFor()
    await check('run', [...two, ['dark', 1280], ['light', 390]])
    await page.getByRole('button', { name: 'Show as table' }).click()
    await check('run, table')
    await page.goto(`${studio.server.address}#/new`)
    await page.waitForSelector('#field-model option:nth-child(2)', { state: 'attached' })
    await check('new run')
    await page.goto(`${studio.server.address}#/solver/dpm++3m`)
    await page.getByText('Order conditions').waitFor()
    await check('solver')
    await page.goto(`${studio.server.address}#/about`)
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await check('about')
    await page.goto(`${studio.server.address}#/`)
    await page.getByRole('link', { name: /near/ }).waitFor()
    await check('home', [...two, ['dark', 1280], ['light', 390]])
    expect(found).toEqual([])
  }, 120_000)
})
