/** Rewards of runs: what a config may say, and what whoever runs the engine allows. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { jpegCodec, nodeRuntime } from 'espalier/node'
import { incompressibility, jpegBytes } from 'espalier/reward'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LocalEngineOptions, localEngine, memorySource, type RunConfig } from '../src/index.ts'
import { allEvents, config, textConfig, toldIn, until } from './support/conformance.ts'
import { letters } from './support/letters.ts'
import { plane, sides } from './support/plane.ts'

const node = nodeRuntime({ workers: 0 })
const wanted: RunConfig = { ...config, model: 'plane', method: 'best-of-n', budget: 50 }
/** A world of pictures. */
const picture = { type: 'gaussian-mixture', means: [new Array(16).fill(0)], stds: [0.5], event: [1, 4, 4] } as const

let server: Server
let url: string
const asked: unknown[] = []
/** Requests that are left without an answer. */
const slow: Socket[] = []
beforeAll(async () => {
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      if (request.url === '/slow') return void slow.push(request.socket)
      if (request.url === '/elsewhere') return response.writeHead(307, { location: '/judge' }).end()
      const { shape, texts } = JSON.parse(body) as { readonly shape?: number[]; readonly texts?: string[] }
      asked.push({ shape, texts })
      response.end(JSON.stringify({ rewards: new Array(shape?.[0] ?? texts?.length).fill(7) }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await node.close()
})

async function open(options: Partial<LocalEngineOptions> = {}) {
  const source = memorySource(new Map([['picture', { card: picture }]]))
  const engine = await localEngine({ runtime: node, source, ...options })
  for (const model of [plane(), sides(), letters]) await engine.addModel(model)
  return engine
}

/** Rewards that a run tells, and its samples. */
async function run(given: RunConfig, options?: Partial<LocalEngineOptions>) {
  const engine = await open(options)
  const id = await engine.start(given)
  const { samples: rewards } = toldIn(await allEvents(engine, id))
  const { status, error } = await engine.run(id)
  expect([status, error]).toEqual(['finished', undefined])
  const states = await Promise.all(rewards.map((_, sample) => engine.state(id, { sample })))
  await engine.close()
  return { rewards: rewards.map((reward) => reward ?? -Infinity), states }
}

const near = ([x, y]: ArrayLike<number> & Iterable<number>, [a, b]: readonly number[]) =>
  -((x - a) ** 2 + (y - b) ** 2) / 2
const right = ([x]: ArrayLike<number> & Iterable<number>) => 1 / (1 + Math.exp(-2 * x))

describe('a reward of text that is much work', () => {
  const long = { ...textConfig, reward: 'edits:/c{500}/', method: 'best-of-n', budget: 40 }

  it('ends the run in one line where that is more than is allowed, and not elsewhere', async () => {
    const engine = await open({ work: 100 })
    const id = await engine.start(long)
    await allEvents(engine, id)
    const { status, error } = await engine.run(id)
    expect([status, error]).toEqual(['failed', expect.stringMatching(/more work than is allowed \(100\)/)])
    expect(error).not.toMatch(/\n/)
    await engine.close()
    const { rewards } = await run(long)
    for (const reward of rewards) expect(reward).toBeGreaterThanOrEqual(-500)
  })

  it('compares runs of words that are not too long', async () => {
    const engine = await open()
    const start = engine.start({ ...long, reward: 'distinct:101' })
    await expect(start).rejects.toThrow(/^reward: distinct counts runs of 1 to 100 words, got 101$/)
    await engine.close()
  })
})

describe('a reward of a config', () => {
  it.each<[string, (x: Float32Array) => number]>([
    ['near:1,-1', (x) => near(x, [1, -1])],
    ['-near:1,-1', (x) => -near(x, [1, -1])],
    ['0.5*class:right', (x) => Math.log(right(x)) / 2],
    ['odds:left', (x) => -2 * x[0]],
    ['sum(prob:right,2*near(0,0))', (x) => right(x) + 2 * near(x, [0, 0])],
    ['min(near(0,0),class:right)', (x) => Math.min(near(x, [0, 0]), Math.log(right(x)))],
    ['clip(near(0,0),-0.3,0)', (x) => Math.max(-0.3, near(x, [0, 0]))],
    ['threshold(near(0,0),-0.3)', (x) => Number(near(x, [0, 0]) >= -0.3)],
    ['constraint(prob:right>=0.5,near(0,0))', (x) => (right(x) >= 0.5 ? near(x, [0, 0]) : -Infinity)],
  ])('%s', async (reward, formula) => {
    const { rewards, states } = await run({ ...wanted, reward })
    expect(rewards).toHaveLength(5)
    states.forEach(({ data }, i) => {
      const value = formula(data)
      if (Number.isFinite(value)) expect(rewards[i]).toBeCloseTo(value, 4)
      else expect(rewards[i]).toBe(value)
    })
  })

  it('may be an expression where there is a place to run it, which is ended with the run', async () => {
    const made: [string, readonly number[]][] = []
    let released = 0
    const { rewards, states } = await run(
      { ...wanted, reward: 'sum(js: x[0] - 1, near(0,0))' },
      {
        async expression(source, event) {
          made.push([source, event])
          return {
            name: source,
            evaluate: async (samples) => samples.map(({ data }) => data[0] - 1),
            release: async () => void released++,
          }
        },
      },
    )
    expect(made).toEqual([['x[0] - 1', [2]]])
    expect(released).toBe(1)
    states.forEach(({ data }, i) => {
      expect(rewards[i]).toBeCloseTo(data[0] - 1 + near(data, [0, 0]), 4)
    })
  })

  it('may be the size as JPEG where there is an encoder', async () => {
    const jpeg: LocalEngineOptions['jpeg'] = (options) => incompressibility({ ...options, codec: jpegCodec() })
    const given = { ...wanted, model: 'picture', reward: '-jpeg', budget: 20 }
    const { rewards, states } = await run(given, { jpeg })
    const valueRange = [-1, 1] as const
    for (const [i, { shape, data }] of states.entries()) {
      expect(rewards[i]).toBe(-(await jpegBytes({ shape, data }, { valueRange, codec: jpegCodec() })))
    }
    const engine = await open()
    await expect(engine.start(given)).rejects.toThrow('reward: jpeg needs an encoder of JPEG, which is not here')
    const offered = (await (await open({ jpeg })).models()).find(({ key }) => key === 'picture')?.rewards
    expect(offered?.some((reward) => reward.startsWith('near:'))).toBe(true)
  })

  it('of words is there where lists of words are', async () => {
    const words = {
      sentiment: async () => ({ abba: 3, cc: -2 }),
      dictionary: async () => ({ aaaa: 'EY1', bbbb: 'B IY1' }),
    }
    const { rewards, states } = await run({ ...textConfig, method: 'best-of-n', reward: 'words' }, { words })
    states.forEach(({ text }, i) => {
      expect(rewards[i]).toBe(Number(text === 'aaaa' || text === 'bbbb'))
    })
    const [bare, rich] = await Promise.all([open(), open({ words })])
    const rewardsOf = async (engine: typeof bare) =>
      (await engine.models()).find(({ key }) => key === 'letters')?.rewards
    expect(await rewardsOf(bare)).not.toContain('sentiment')
    expect(await rewardsOf(rich)).toContain('sentiment')
    await expect(bare.start({ ...textConfig, reward: 'rhyme' })).rejects.toThrow(
      'reward: rhyme needs lists of words, which are not here',
    )
  })
})

describe('an address as a reward', () => {
  it('is asked where that is allowed, with samples or texts', async () => {
    const allow = { url: true }
    asked.length = 0
    const points = await run({ ...wanted, reward: `0.5*${url}/judge` }, { allow })
    expect(points.rewards).toEqual(new Array(5).fill(3.5))
    const texts = await run({ ...textConfig, method: 'best-of-n', budget: 8, reward: `${url}/judge` }, { allow })
    expect(texts.rewards).toEqual([7, 7])
    expect(asked.every((body) => JSON.stringify(body).includes('[') && body !== null)).toBe(true)
    expect(asked).toContainEqual({ shape: expect.arrayContaining([2]), texts: undefined })
    expect(asked).toContainEqual({ shape: undefined, texts: expect.arrayContaining([texts.states[0].text]) })
  })

  it('is refused where it is not, before anything is asked', async () => {
    asked.length = 0
    const engine = await open()
    for (const given of [wanted, textConfig]) {
      await expect(engine.start({ ...given, reward: `${url}/judge` })).rejects.toThrow(
        /^reward: addresses are not asked here; whoever runs this engine can allow them$/,
      )
    }
    const looked: string[] = []
    const careful = await open({
      allow: {
        async url(address) {
          looked.push(address.pathname)
          if (address.hostname === '127.0.0.1') throw new Error(`${address.hostname} is a private address`)
        },
      },
    })
    await expect(careful.start({ ...wanted, reward: `${url}/judge` })).rejects.toThrow(
      /^reward: 127\.0\.0\.1 is a private address$/,
    )
    await expect(careful.start({ ...wanted, reward: 'https://' })).rejects.toThrow(/^reward: a reward's address/)
    expect(looked).toEqual(['/judge'])
    expect(asked).toEqual([])
  })

  it('is looked at before each call, and leads nowhere else', async () => {
    let looks = 0
    const engine = await open({
      allow: {
        url() {
          if (++looks > 3) throw new Error('it is another one now')
        },
      },
    })
    const id = await engine.start({ ...wanted, reward: `${url}/judge`, width: 1 })
    await allEvents(engine, id)
    expect((await engine.run(id)).error).toMatch(/it is another one now/)
    asked.length = 0
    const led = await open({ allow: { url: true } })
    const other = await led.start({ ...wanted, reward: `${url}/elsewhere` })
    // Tries again for seconds, as with any network error.
    await until(led, other, ({ type }) => type === 'started')
    await led.stop(other)
    expect(asked).toEqual([])
  })

  it('holds no stop up', async () => {
    const engine = await open({ allow: { url: true } })
    const id = await engine.start({ ...wanted, reward: `${url}/slow` })
    await expect.poll(() => slow.length).toBeGreaterThan(0)
    const begun = performance.now()
    await engine.stop(id)
    expect(performance.now() - begun).toBeLessThan(10_000)
    // Nobody goes on asking.
    await expect.poll(() => slow.filter((request) => !request.destroyed)).toEqual([])
    expect((await engine.run(id)).status).toBe('stopped')
  })
})

describe('what a config may not', () => {
  it.each([
    ['js: x[0]', /^reward: js: expressions are run in the page of the Studio alone, and not here$/],
    ['./mine.mjs', /^reward: \.\/mine\.mjs is a file, and a run opens none/],
    ['-/tmp/mine.js', /^reward: \/tmp\/mine\.js is a file/],
    ['like:/etc/passwd', /^reward: like reads a file, and no files are read here$/],
    ['class:up', /^reward: the classifier plane-classifier knows no class "up"; it knows left, right$/],
    ['sum(near:1,1)', /^reward: near needs 2 numbers/],
    ['clip(near(0,0),1,0)', /^reward: clip needs low <= high, got 1 and 0$/],
    ['max(near(0,0))', /^reward: there is no reward "max"; there are class:<label>, .*js:<expression>, https:/],
    ['matches:/a/', /^reward: matches is a reward of text, and the model makes images; there are/],
  ])('%s', async (reward, message) => {
    const engine = await open()
    await expect(engine.start({ ...wanted, reward })).rejects.toThrow(message)
  })
})
