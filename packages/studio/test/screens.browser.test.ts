import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'vitest'
import { show } from './support/faults.ts'
import { describeInBrowser, runOf, spent, start, status, useStudio } from './support/studio.ts'

/**
 * Pictures of every view in both themes and at both widths, for eyes:
 *
 *     SCREENS=<folder> npx vitest run packages/studio/test/screens
 */
const folder = process.env.SCREENS

describeInBrowser('pictures for eyes', () => {
  const studio = useStudio()

  it.skipIf(!folder)(
    'of every view',
    async () => {
      const page = await studio.open('', { reducedMotion: 'reduce' })
      const go = (hash: string) => page.goto(`${studio.server.address}${hash}`)
      const take = async (name: string) => {
        for (const width of [1280, 390]) {
          for (const theme of ['light', 'dark'] as const) {
            await show(page, theme, width)
            await page.waitForTimeout(400)
            await page.screenshot({ path: join(folder as string, `${name}-${width}-${theme}.png`), fullPage: true })
          }
        }
        await show(page, 'light', 1280)
      }
      await page.getByText('No runs yet').waitFor()
      await take('runs-empty')
      await start(page, { budget: '3000', steps: '20', width: '8' })
      await page.waitForTimeout(1500)
      await take('run-running')
      await status(page, 'finished')
      await page.keyboard.press('b')
      await page.waitForURL(/node=/)
      await page.keyboard.press('Escape')
      await take('run-digits')
      await page.getByRole('button', { name: 'Focus' }).click()
      await page.getByRole('button', { name: 'Look-ahead' }).click()
      await page.waitForTimeout(2000)
      await take('run-focus')
      const world = { model: 'mixture', reward: 'near:2,0', width: '4' }
      const ids: string[] = []
      const changes: Record<string, string>[] = [{ seed: '1' }, { seed: '2' }, { method: 'best-of-n' }]
      for (const fields of changes) {
        await start(page, { ...world, budget: '4000', ...fields })
        await status(page, 'finished')
        ids.push(runOf(page))
        if (ids.length === 1) {
          await page.keyboard.press('b')
          await page.waitForURL(/node=/)
          await take('run-world')
        }
      }
      await take('run-without-tree')
      await start(page, { ...world, budget: '100000000' })
      while ((await spent(page)) < 20_000) await page.waitForTimeout(200)
      await page.keyboard.press('p')
      await status(page, 'paused')
      await take('run-paused')
      await page.reload()
      await page.getByRole('button', { name: 'Stop' }).click()
      await status(page, 'stopped')
      studio.server.missing.add('mnist-flow/model.onnx')
      await start(page, { model: 'mnist-flow', solver: 'flow-sde', budget: '100', steps: '5' })
      await page.getByRole('alert').waitFor()
      await take('run-failed')
      studio.server.missing.clear()
      await go('#/')
      await page.getByRole('link', { name: 'Duplicate' }).first().waitFor()
      await take('runs')
      await go('#/new')
      await page.waitForSelector('#field-model option:nth-child(2)', { state: 'attached' })
      await take('new-run')
      await page.fill('#field-budget', 'none')
      await page.getByRole('button', { name: 'Start', exact: true }).click()
      await page.getByRole('alert').waitFor()
      await take('new-run-wrong')
      await go('#/model')
      await page.waitForSelector('#model-file')
      const buffer = readFileSync(new URL('../../zoo/models/mnist-small/model.onnx', import.meta.url))
      await page.setInputFiles('#model-file', { name: 'mine.onnx', mimeType: 'application/octet-stream', buffer })
      await page.selectOption('#answer-prediction', 'velocity')
      await page.selectOption('#answer-process', 'vp-cosine')
      await page.getByRole('button', { name: 'Try it' }).click()
      await page.getByRole('button', { name: 'Use it in a new run' }).waitFor()
      await take('own-model')
      await go(`#/compare/${ids.join()}`)
      await page.getByRole('heading', { name: 'Reward against NFE' }).waitFor()
      await take('compare')
      await go('#/solver/dpm%2B%2B2m')
      await page.getByRole('img', { name: /^Stability region/ }).waitFor()
      await take('solver')
      await go('#/about')
      await page.getByRole('heading', { name: 'Keys' }).waitFor()
      await take('about')
      await start(page, { model: 'words', budget: '1000', reward: 'count:/[a-z]ing\\b/' })
      await status(page, 'finished')
      await page.keyboard.press('b')
      await page.waitForURL(/node=/)
      await page.keyboard.press('Escape')
      await take('run-words')
    },
    300_000,
  )
})
