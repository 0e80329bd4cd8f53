import { expect, it } from 'vitest'
import { describeInBrowser, numbers, start, status, stopOrEnd, useStudio } from './support/studio.ts'

/** What a form says of the run elsewhere. */
const sections = ['Command line', 'JSON'] as const

describeInBrowser('the form of a run', () => {
  const studio = useStudio()
  const open = async () => {
    const page = await studio.open('#/new')
    await page.waitForSelector('#field-model option:nth-child(2)', { state: 'attached' })
    const config = async () => JSON.parse((await page.locator('.texts pre').nth(1).textContent()) ?? '')
    const command = async () => (await page.locator('.texts pre').first().textContent()) ?? ''
    return { page, config, command }
  }

  it('has the options of a search as fields, with their defaults', async () => {
    const { page, config, command } = await open()
    await page.selectOption('#field-method', 'svdd')
    await page
      .locator('details', { has: page.locator('#method-candidates') })
      .locator('summary')
      .click()
    expect(await page.getAttribute('#method-candidates', 'placeholder')).toBe('5')
    await page.fill('#method-candidates', '7')
    await page.selectOption('#method-selection', 'softmax')
    expect((await config()).method).toBe('svdd(candidates=7, selection=softmax)')
    expect(await command()).toContain("--method 'svdd(candidates=7, selection=softmax)'")
    await page.fill('#method-candidates', '')
    expect((await config()).method).toBe('svdd(selection=softmax)')
    // A search over start noises takes a solver without noise.
    await page.selectOption('#field-method', 'zero-order')
    expect((await config()).solver).toBe('ddim')
    expect(await command()).toContain('--ode-solver ddim')
    await page.getByText(/^Order 1; 20 network calls a sample\.$/).waitFor()
    expect(await page.locator('.texts h3').allTextContents()).toEqual([...sections])
  })

  it('chooses a reward by kind, class and options, or takes it as it is written', async () => {
    const { page, config } = await open()
    const written = () => page.inputValue('#field-reward')
    expect(await page.inputValue('#reward-kind')).toBe('odds')
    await page.selectOption('#reward-class', '7')
    expect(await written()).toBe('odds:7')
    await page.selectOption('#reward-kind', 'class')
    expect(await written()).toBe('class:7')
    await page.selectOption('#reward-kind', 'ink')
    await page
      .locator('details', { has: page.locator('#reward-target') })
      .locator('summary')
      .click()
    await page.fill('#reward-target', '0.2')
    expect(await written()).toBe('ink(target=0.2)')
    await page.fill('#field-reward', 'sum(class:3, 0.5*ink)')
    expect(await page.inputValue('#reward-kind')).toBe('')
    expect((await config()).reward).toBe('sum(class:3, 0.5*ink)')
    await page.selectOption('#field-model', 'mixture')
    expect(await written()).toBe('near:2,0')
    await page.selectOption('#reward-point', { index: 1 })
    expect(await written()).toBe('near:0.618,1.902')
  })

  it('says what the budget pays for, and how long that takes', async () => {
    const { page } = await open()
    await page.getByText('Pays for 300 samples of 20 NFE each.').waitFor()
    await page.getByText(/^(About \d+ s|Less than 1 s) here, by a batch that was tried\.$/).waitFor()
    await page.fill('#field-budget', '19')
    await page.getByText('19 NFE pay for no sample: one costs 20.').waitFor()
    await page.selectOption('#field-solver', 'heun')
    await page.getByText(/one costs (39|40)/).waitFor()
    // It can be started all the same, and then says what is wrong.
    expect(await page.getByRole('button', { name: 'Start', exact: true }).isEnabled()).toBe(true)
  })

  it('goes to the first wrong field, and says what was given, what was expected, what to do', async () => {
    const { page } = await open()
    await page.fill('#field-seed', 'x')
    await page.fill('#field-budget', '')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.textContent()).toBe('budget: expected a whole number from 1 on, got ""; write one, such as 6000')
    const focused = () => page.evaluate(() => document.activeElement?.id)
    expect(await focused()).toBe('field-budget')
    await page.fill('#field-budget', '100')
    expect(await alert.count()).toBe(0)
    await page.fill('#field-seed', '1')
    await page.fill('#field-reward', 'class:12')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await alert.waitFor()
    expect(await alert.textContent()).toMatch(/^reward: .*knows no class "12"/)
    expect(await focused()).toBe('field-reward')
  })

  it('duplicates a run, and takes a config from the address', async () => {
    const { page, config } = await open()
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '400', seed: '9', method: 'smc' })
    await status(page, 'finished')
    await page.getByRole('link', { name: 'Duplicate' }).first().click()
    await expect.poll(async () => (await config()).seed).toBe(9)
    const given = await config()
    expect(given).toMatchObject({ model: 'mixture', method: 'smc', budget: 400 })
    const other = encodeURIComponent(JSON.stringify({ model: 'mixture', reward: 'near:1,1', seed: 4 }))
    await page.goto(`${studio.server.address}?other#/new?config=${other}`)
    await expect.poll(async () => (await config()).seed).toBe(4)
    expect(await config()).toMatchObject({ reward: 'near:1,1', method: 'dts-star', budget: 2000 })
  })

  it('runs on the server where the page came from one', async () => {
    const served = await studio.served()
    const page = await studio.open('#/new', {}, served)
    await page.getByLabel('The server').check()
    await expect.poll(() => page.inputValue('#field-model')).toBe('mixture')
    expect(await page.locator('#field-model option').count()).toBe(1)
    await page.fill('#field-budget', '400')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.waitForURL(/#\/run\//)
    await status(page, 'finished')
    expect(await numbers(page)).toContain('400 NFE')
    await page.goto(`${served.address}#/`)
    const row = page.getByRole('row', { name: /mixture/ })
    expect(await row.getByRole('cell', { name: 'server', exact: true }).count()).toBe(1)
  })

  it('asks for the token of a server that wants one, and works without', async () => {
    const token = 'a-token-of-at-least-128-bits-for-a-test-of-it'
    const served = await studio.served({ token })
    const page = await studio.open('', {}, served)
    await page.fill('#token', 'not it')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').getByText('The server refused this token.').waitFor()
    await page.fill('#token', token)
    await page.getByRole('button', { name: 'Log in' }).click()
    await expect.poll(() => page.locator('#token').count()).toBe(0)
    await page.goto(`${served.address}#/new`)
    await page.getByLabel('The server').check()
    await expect.poll(() => page.inputValue('#field-model')).toBe('mixture')
  })

  it('is not needed for the examples, which start at once', async () => {
    const page = await studio.open()
    for (const [name, sample] of [
      [/^Digits/, '.sample canvas'],
      [/^Words/, '.sample .words'],
    ] as const) {
      await page.goto(studio.server.address)
      await page.getByRole('button', { name }).click()
      await page.waitForURL(/#\/run\//)
      await page.locator(sample).first().waitFor()
      if (sample.endsWith('words')) {
        await status(page, 'finished')
        // The reward that it is about is seen in what it found.
        await expect.poll(() => page.locator(sample).first().textContent()).toMatch(/[a-z]ing\b.*[a-z]ing\b/s)
      } else await stopOrEnd(page)
    }
  })

  it('and the other views fit a window of 320 pixels', async () => {
    const { page } = await open()
    await page.setViewportSize({ width: 320, height: 800 })
    for (const view of ['#/', '#/new', '#/model', '#/compare', '#/solver/unipc']) {
      await page.goto(`${studio.server.address}${view}`)
      await page.waitForTimeout(500)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(wide, view).toBeLessThanOrEqual(0)
    }
    // Nor is anything of a run in the list to be scrolled to sideways.
    await start(page, { model: 'mixture', reward: 'near:2,0', budget: '100' })
    await status(page, 'finished')
    await page.goto(`${studio.server.address}#/`)
    await page.getByRole('button', { name: /^Delete / }).waitFor()
    const cut = await page.evaluate(
      () => [...document.querySelectorAll('.runs *')].filter((part) => part.getBoundingClientRect().right > 320).length,
    )
    expect(cut).toBe(0)
  })
})
