import { readFileSync } from 'node:fs'
import { GraphBuilder, readModel, writeModel } from '@espalier/graph'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeInBrowser, optionOf, start, status, useStudio } from './support/studio.ts'

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
