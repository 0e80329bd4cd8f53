import { fileURLToPath } from 'node:url'
import { type LocalEngine, localEngine, type RunConfig, type RunState } from '@espalier/engine'
import { folderSource } from '@espalier/serve'
import { nodeRuntime } from 'espalier/node'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { inNode, treeOf } from './support/in-node.ts'
import { ask, describeInBrowser, eventsOf, numbers, settled, spent, status, useStudio } from './support/studio.ts'

const models = fileURLToPath(new URL('../../zoo/models', import.meta.url))

/** A world in closed form. */
const world: RunConfig = { ...examples[1].config, budget: 3000, seed: 11 }
/** A network of 60,000 parameters. */
const network: RunConfig = { ...examples[0].config, budget: 300, steps: 6, width: 4, seed: 3 }

/** The largest difference of two lists. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])))
}

describeInBrowser('a run in the page', () => {
  const studio = useStudio()

  /** Runs a config in the page's worker to its end, and shows it. */
  const run = async (page: Page, config: RunConfig): Promise<string> => {
    const id = await ask<string>(page, 'start', config)
    await page.goto(`${page.url().split('#')[0]}#/run/${id}`)
    return id
  }

  it('makes the very tree that Node makes, of a world in closed form', async () => {
    const page = await studio.open()
    const id = await run(page, world)
    await status(page, 'finished')
    const expected = await inNode(world)
    const found = treeOf(await eventsOf(page, id))
    const there = treeOf(expected.events)
    expect(there.leaves.length).toBeGreaterThan(100)
    expect({ ...found, rewards: [] }).toEqual({ ...there, rewards: [] })
    // Engines of JavaScript may round transcendental functions in their own way.
    expect(distance(found.rewards as number[], there.rewards as number[])).toBeLessThan(1e-9)
    const text = await numbers(page)
    expect(text).toContain(`${expected.nfe.toLocaleString('en')} / 3,000 NFE`)
    expect(text).toContain(`${expected.rewardEvaluations.toLocaleString('en')} reward evaluations`)
    expect(expected.nfe).toBeLessThanOrEqual(3000)
    expect(expected.nfe).toBeGreaterThan(2900)
  })

  it('draws with a network what Node draws, to 1e-4 in every state', async () => {
    const runtime = nodeRuntime()
    const engine: LocalEngine = await localEngine({ runtime, source: folderSource([models]) })
    try {
      const there = await engine.start(network)
      const events = []
      for await (const { event } of engine.events(there, 0, new AbortController().signal)) events.push(event)
      expect(await engine.run(there)).toMatchObject({ status: 'finished' })
      const expected = treeOf(events)
      const page = await studio.open()
      const here = await run(page, network)
      await status(page, 'finished')
      const found = treeOf(await eventsOf(page, here))
      expect({ ...found, rewards: [] }).toEqual({ ...expected, rewards: [] })
      expect(await spent(page)).toBe((await engine.run(there)).nfe)
      expect(found.leaves.length).toBeGreaterThan(50)
      let worst = 0
      for (let node = 1; node < expected.parents.length; node += 7) {
        const [a, b] = await Promise.all([
          engine.state(there, { node }),
          ask<{ readonly data: readonly number[] } & Omit<RunState, 'data'>>(page, 'state', here, { node }),
        ])
        expect(b.shape).toEqual(a.shape)
        worst = Math.max(worst, distance(a.data, b.data))
      }
      expect(worst).toBeLessThan(1e-4)
      expect(distance(found.rewards as number[], expected.rewards as number[])).toBeLessThan(1e-2)
    } finally {
      await engine.close()
      await runtime.close()
    }
  })

  it.each([
    ['a world', { ...world, budget: 40_000 }, 300],
    ['a network', network, 60],
  ] as const)('ends as if nothing had happened after a pause and a reload: %s', async (_, config, before) => {
    const page = await studio.open()
    // It waits behind another run until it is paused, and goes on by steps: it cannot have ended before, on any machine.
    const other = await run(page, { ...world, budget: 1e9 })
    const id = await run(page, config)
    await ask(page, 'pause', id)
    await ask(page, 'remove', other)
    const { nfe } = await ask<{ nfe: number }>(page, 'run', id)
    expect(nfe).toBe(0)
    await status(page, 'paused')
    for (let held = 0; held < before; held = await settled(page)) await page.keyboard.press('.')
    await status(page, 'paused')
    const held = await settled(page)
    expect(held).toBeLessThan(config.budget)
    await page.reload()
    await page.waitForSelector('.numbers')
    expect(await spent(page)).toBeGreaterThan(0)
    await page.getByRole('button', { name: 'Resume' }).click()
    await status(page, 'finished')
    const broken = treeOf(await eventsOf(page, id))
    const whole = await run(page, config)
    await status(page, 'finished')
    expect(broken).toEqual(treeOf(await eventsOf(page, whole)))
    const [first, second] = await ask<{ nfe: number; rewardEvaluations: number }[]>(page, 'runs')
    expect([first.nfe, first.rewardEvaluations]).toEqual([second.nfe, second.rewardEvaluations])
  })

  it('hears the page within a network call, and so Stop', async () => {
    const page = await studio.open()
    const id = await run(page, { ...network, budget: 1_000_000, steps: 20 })
    await expect.poll(() => spent(page)).toBeGreaterThan(100)
    // Asked again and again, as each answer comes: a worker that listens now and then only lets every one of them wait.
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const asked = performance.now()
      await ask(page, 'run', id)
      waits.push(performance.now() - asked)
    }
    const { nfe, seconds } = await ask<{ nfe: number; seconds: number }>(page, 'run', id)
    const call = (1000 * seconds * network.width) / nfe
    expect(Math.min(...waits)).toBeLessThan(call + 50)
    const asked = performance.now()
    await ask(page, 'stop', id)
    // It comes to an end, and is written, in a time that has nothing to do with what is left of the budget.
    expect(performance.now() - asked).toBeLessThan(20_000)
    await status(page, 'stopped')
    expect(await spent(page)).toBeLessThan(100_000)
  })
})
