import { readFileSync } from 'node:fs'
import { readModel, writeModelWithExternalData } from '@espalier/graph'
import { uniformGrid, vpCosine } from 'espalier/process'
import { analyse, dpmSolverPlusPlus } from 'espalier/solve'
import type { Download, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeInBrowser, numbers, start, status, useStudio } from './support/studio.ts'

type Given = readonly (readonly [string, string | Uint8Array])[]

const zoo = (path: string) => readFileSync(new URL(`../../zoo/models/${path}`, import.meta.url))
/** What a download holds. */
async function contentOf(download: Download): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of await download.createReadStream()) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
const buffers = (files: Given) =>
  files.map(([name, content]) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) }))

describeInBrowser('files that a person gives', () => {
  const studio = useStudio()
  const give = (page: Page, files: Given) => page.setInputFiles('#any-file', buffers(files))
  const model = (page: Page, files: Given) => page.setInputFiles('#model-file', buffers(files))

  it('a world runs at once, as a model', async () => {
    const page = await studio.open()
    const world = {
      type: 'gaussian-mixture',
      means: [
        [0, 1],
        [2, 2],
      ],
      stds: [0.3, 0.1],
    }
    await give(page, [['two hills.json', JSON.stringify(world)]])
    await page.waitForURL(/#\/run\//)
    await status(page, 'finished')
    expect(await page.textContent('h1')).toContain('two-hills')
    expect(await numbers(page)).toMatch(/^(19,9\d\d|20,000) \/ 20,000/)
  })

  it('a table is shown with all that follows from it', async () => {
    const process = vpCosine()
    const plan = dpmSolverPlusPlus({ order: 2 })(process, uniformGrid(process, 6))
    const page = await studio.open()
    await give(page, [['mine.json', JSON.stringify(plan)]])
    await page.getByRole('heading', { name: 'Solver mine.json' }).waitFor()
    expect(await page.getByRole('table').last().getByRole('row').count()).toBe(7)
    // The numbers are the library's, as the command line has them.
    const analysis = analyse(plan, process)
    const facts = await page.locator('dl').first().textContent()
    expect(facts).toContain(`${analysis.order?.apparent} at step ${(analysis.order?.step ?? 0) + 1} on this grid`)
    const limit = analysis.stability?.limit ?? 0
    expect(facts).toContain(`down to z = −${Number(limit.toPrecision(4))}`)
    const last = analysis.moments.times.length - 1
    expect(facts).toContain(`${Number(analysis.moments.variance[last].toPrecision(4))}, exact 0.25`)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download JSON' }).click(),
    ])
    expect(JSON.parse((await contentOf(download)).toString())).toEqual(plan)
  })

  it('a config fills in the form', async () => {
    const page = await studio.open()
    await give(page, [['run.json', JSON.stringify({ model: 'mixture', reward: 'near:1,1', budget: 321 })]])
    await page.waitForURL(/#\/new/)
    await expect.poll(() => page.inputValue('#field-budget')).toBe('321')
    expect(await page.inputValue('#field-reward')).toBe('near:1,1')
  })

  it('a run is downloaded, deleted, and comes back from its file', async () => {
    const page = await studio.open()
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '600' })
    await status(page, 'finished')
    const before = await numbers(page)
    await page.goto(studio.server.address)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /^Download dts/ }).click(),
    ])
    const archive = await contentOf(download)
    // Its size in its row, and that of all runs above them.
    const size =
      (await page
        .getByRole('row')
        .nth(1)
        .getByRole('cell', { name: /^\d+ kB$/ })
        .textContent()) ?? ''
    const list = page.getByRole('region', { name: 'Runs' })
    await list.getByText(`${size} in all`).waitFor()
    await page.getByRole('button', { name: /^Delete dts/ }).click()
    expect(await list.getByText('in all').count()).toBe(0)
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByRole('link', { name: /^dts/ }).waitFor()
    await page.getByRole('button', { name: /^Delete dts/ }).click()
    await page.getByText('No runs yet').waitFor()
    await page.waitForFunction(() => !document.body.textContent?.includes('The run was deleted'))
    await give(page, [['run.zip', archive]])
    await page.waitForURL(/#\/run\//)
    await status(page, 'finished')
    const after = await numbers(page)
    expect(after.split('NFE')[0]).toBe(before.split('NFE')[0])
    expect(await page.getByRole('button', { name: /reward of the sample at node/ }).count()).toBeGreaterThan(20)
  })

  it('are refused in one line each: which, what is wrong, what to do', async () => {
    const page = await studio.open()
    for (const [name, content, says] of [
      [
        'weights.safetensors',
        'x',
        'weights.safetensors: it holds weights without a network; export the model as .onnx',
      ],
      ['model.data', 'x', 'model.data: it holds the weights of a network: give its .onnx file together with it'],
      ['card.json', zoo('words/card.json'), 'card.json: it belongs to a network: give its .onnx file together with it'],
      ['odd.json', '{"a": 1}', 'odd.json: what is in it is not known here; expected a network as .onnx'],
      ['cut.json', '{"a": ', 'cut.json: it is not JSON, or is cut short'],
      ['empty.zip', '', 'empty.zip: the file is empty'],
      ['torn.zip', 'PK', 'torn.zip: the archive: it is not a run of Espalier'],
      ['picture.png', 'x', 'picture.png: expected a network as .onnx'],
      ['world.json', '{"type":"gaussian-mixture","means":[[1]],"stds":[]}', 'world.json: '],
    ] as const) {
      await give(page, [[name, content]])
      await page.getByRole('alert').getByText(says).waitFor()
      const [line] = await page.getByRole('alert').locator('span').allTextContents()
      expect(line).not.toMatch(/\n|undefined/)
      await page.getByRole('button', { name: 'Close' }).click()
    }
  })

  it('a network with its weights beside it, its card and its tokenizer is taken whole', async () => {
    const page = await studio.open('#/model')
    const { model: graph, data } = writeModelWithExternalData(readModel(zoo('mnist-small/model.onnx')), 'all.data', 100)
    await model(page, [['part.onnx', graph]])
    await page
      .getByRole('alert')
      .getByText(/^part.onnx: tensor .* lies in "all.data".*: it was not given; give both files together$/)
      .waitFor()
    await model(page, [
      ['part.onnx', graph],
      ['all.data', data],
      ['card.json', JSON.stringify({ ...JSON.parse(zoo('mnist-small/card.json').toString()), name: 'whole' })],
    ])
    await page.getByText('It came with a card').waitFor()
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByText('at little').waitFor()
    expect(await page.locator('.trials canvas').count()).toBe(3)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download card.json' }).click(),
    ])
    expect(JSON.parse((await contentOf(download)).toString())).toMatchObject({ name: 'whole', type: 'network' })
    await page.getByRole('button', { name: 'Use it in a new run' }).click()
    await expect.poll(() => page.inputValue('#field-model')).toBe('whole')

    await page.goto(`${studio.server.address}#/model`)
    await model(page, [
      ['model.onnx', zoo('words/model.onnx')],
      ['card.json', zoo('words/card.json')],
      ['tokenizer.json', zoo('words/tokenizer.json')],
    ])
    await page.getByRole('button', { name: 'Try it' }).click()
    await expect.poll(() => page.locator('.trials .words').count()).toBe(3)
    expect((await page.locator('.trials .words').allTextContents()).join('')).toMatch(/[a-z]{3}/)
  })
})
