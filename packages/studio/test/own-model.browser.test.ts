import { readFileSync } from 'node:fs'
import { GraphBuilder, readModel, writeModel } from '@espalier/graph'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeInBrowser, optionOf, spent, start, status, useStudio } from './support/studio.ts'

const good = readFileSync(new URL('../../zoo/models/mnist-small/model.onnx', import.meta.url))

/** The same network, said to be of another operator set. */
function ofOpset(opset: number): Buffer {
  return Buffer.from(writeModel({ ...readModel(good), opset }))
}

/** A network in double precision. */
function double(): Buffer {
  const b = new GraphBuilder({ opset: 17, name: 'double' })
  b.output('y', b.input('x', ['rows', 2], 'float64'))
  return Buffer.from(writeModel(b.build()))
}

describeInBrowser('a model of the person’s own', () => {
  const studio = useStudio()
  const give = (page: Page, files: readonly (readonly [string, Buffer])[]) =>
    page.setInputFiles(
      '#model-file',
      files.map(([name, buffer]) => ({ name, mimeType: 'application/octet-stream', buffer })),
    )

  it('is dropped, asked about, tried, run, and there after a reload', async () => {
    const page = await studio.open()
    const transfer = await page.evaluateHandle((data) => {
      const files = new DataTransfer()
      files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], 'mine.onnx'))
      return files
    }, good.toString('base64'))
    // Anywhere on the window, whatever is shown.
    await page.dispatchEvent('main', 'drop', { dataTransfer: transfer })
    await page.waitForURL(/#\/model/)
    await page.getByText(/operations, 6\d,\d+ parameters/).waitFor()
    await page.selectOption('#answer-prediction', 'velocity')
    await page.selectOption('#answer-process', 'vp-cosine')
    expect(await page.inputValue('#answer-event')).toBe('1, 28, 28')
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByRole('button', { name: 'Use it in a new run' }).click()
    await expect.poll(() => page.inputValue('#field-model')).toBe('mine')
    await start(page, { model: 'mine', budget: '200', steps: '5' })
    await status(page, 'finished')
    await page.goto(`${studio.server.address}?again#/new`)
    expect(await optionOf(page, '#field-model', 'mine')).toContain('mine')
  })

  it('is deleted behind a question, with its files, and not while a run takes it', async () => {
    const page = await studio.open('#/model')
    const folders = () =>
      page.evaluate(async () => {
        const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('models')
        const names: string[] = []
        for await (const name of (models as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name)
        return names
      })
    await page.getByText('None is kept.').waitFor()
    const kept = page.getByRole('region', { name: 'Models that were brought' })
    await give(page, [['mine.onnx', good]])
    await page.selectOption('#answer-prediction', 'velocity')
    await page.selectOption('#answer-process', 'vp-cosine')
    await page.getByRole('button', { name: 'Try it' }).click()
    await kept.getByText(/^2\d\d kB, in this page$/).waitFor()
    await start(page, { model: 'mine', budget: '100000000', steps: '5' })
    await expect.poll(() => spent(page)).toBeGreaterThan(0)
    await page.getByRole('button', { name: 'Pause' }).click()
    await status(page, 'paused')
    const run = page.url()

    const ask = async () => {
      await page.goto(`${studio.server.address}#/model`)
      await kept.getByRole('button', { name: 'Delete mine' }).click()
    }
    await ask()
    // What the focus is on then takes it back.
    await page.keyboard.press('Enter')
    await kept.getByRole('button', { name: 'Delete mine' }).click()
    await kept.getByRole('button', { name: 'Delete for good: mine' }).click()
    await kept.getByText(/^the run \S+ is paused and takes the model mine; stop it, or wait for its end$/).waitFor()
    expect(await folders()).toEqual(['mine'])
    await page.goto(run)
    await page.getByRole('button', { name: 'Stop' }).click()
    await status(page, 'stopped')
    await ask()
    await kept.getByRole('button', { name: 'Delete for good: mine' }).click()
    await kept.getByText('None is kept.').waitFor()
    expect(await folders()).toEqual([])
    // Its run is there, behind a reload too.
    await page.goto(`${studio.server.address}?again#${run.split('#')[1]}`)
    await status(page, 'stopped')
    await page.getByRole('treeitem').first().waitFor()
    await page.goto(`${page.url().split('#')[0]}#/new`)
    await page.waitForSelector('#field-model option:nth-child(2)', { state: 'attached' })
    expect(await page.locator('#field-model option[value=mine]').count()).toBe(0)
  })

  it('is refused in one line that says what is wrong with it', async () => {
    const page = await studio.open('#/model')
    await page.waitForSelector('#model-file')
    for (const [files, says] of [
      [[['half.onnx', good.subarray(0, good.length / 2)]], /^half\.onnx: ./],
      [[['empty.onnx', Buffer.alloc(0)]], /^empty\.onnx: the file is empty/],
      [[['text.onnx', Buffer.from('not a network')]], /^text\.onnx: ./],
      [[['picture.png', Buffer.from('x')]], /^picture\.png: .*\.onnx is needed/],
      [[['new.onnx', ofOpset(99)]], /^new\.onnx: .*operator set 99.*export it again/],
      [[['old.onnx', ofOpset(3)]], /^old\.onnx: .*operator set 3/],
      [[['double.onnx', double()]], /^double\.onnx: .*float64.*single precision/],
      [
        [
          ['one.onnx', good],
          ['two.onnx', good],
        ],
        /one\.onnx.*two\.onnx/,
      ],
      [
        [
          ['mine.onnx', good],
          ['card.json', Buffer.from('{')],
        ],
        /^card\.json: ./,
      ],
    ] as const) {
      await give(page, files as never)
      await expect.poll(async () => (await page.getByRole('alert').allTextContents()).join('|')).toMatch(says)
      const [told] = await page.getByRole('alert').allTextContents()
      expect(told).not.toMatch(/\n|undefined|\[object/)
      // What was wrong does not stand in the way of what is right.
      await give(page, [['mine.onnx', good]])
      await page.waitForSelector('#answer-process')
      expect(await page.getByRole('alert').count()).toBe(0)
    }
  })
})
