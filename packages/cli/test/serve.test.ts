/** `espalier serve` as a process: killed, ended, started again, and what becomes of its runs. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run, scratch, start } from './cli.ts'

const folder = scratch()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const line = (runs: string) => ['serve', '--port', '0', '--models', 'models', '--runs', runs, '--keep-free', '0']
const config = {
  ...{ model: 'world', reward: 'near:2,0', method: 'dts(alpha=0.5)', steps: 10, budget: 20_000, seed: 3, width: 4 },
}

interface Summary {
  readonly status: string
  readonly nfe: number
  readonly [name: string]: unknown
}

/** Starts a server and waits for its address. */
async function serving(runs: string) {
  mkdirSync(join(folder.path, 'models'), { recursive: true })
  writeFileSync(
    join(folder.path, 'models', 'world.json'),
    JSON.stringify({
      type: 'gaussian-mixture',
      means: [
        [-2, 0],
        [2, 0],
      ],
      stds: [0.3, 0.3],
      weights: [3, 1],
    }),
  )
  const { child, ended } = start(line(runs), folder.path)
  let text = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (data) => {
      text += data
      const [address] = /http:\S+/.exec(text) ?? []
      if (address) resolve(address)
    })
    ended.then(({ stderr }) => reject(new Error(`the server ended: ${stderr}`)))
  })
  const ask = async (method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}${path}`, { method, ...(body && { headers, body: JSON.stringify(body) }) })
    return { status: answer.status, body: await answer.json() }
  }
  const until = async (id: string, wanted: (run: Summary) => boolean): Promise<Summary> => {
    for (;;) {
      const { body } = await ask('GET', `/runs/${id}`)
      if (wanted(body)) return body
      await pause(10)
    }
  }
  return { child, ended, ask, until }
}

const over = ({ status }: { readonly status: string }) => ['finished', 'failed', 'stopped'].includes(status)

describe('espalier serve', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'after %s in a run goes on to the result of a run left alone',
    { timeout: 90_000 },
    async (signal) => {
      const first = await serving(`runs-${signal}`)
      const { body: untouched } = await first.ask('POST', '/runs', config)
      await first.until(untouched.id, over)
      const { body: expected } = await first.ask('GET', `/runs/${untouched.id}/tree`)
      const { body: made } = await first.ask('POST', '/runs', config)
      const { body: waiting } = await first.ask('POST', '/runs', { ...config, budget: 100 })
      await first.until(made.id, ({ nfe }) => nfe > 500)
      first.child.kill(signal)
      const { code, signal: by } = await first.ended
      if (signal === 'SIGKILL') expect(by).toBe('SIGKILL')
      else expect(code).toBe(0)

      const second = await serving(`runs-${signal}`)
      expect((await second.ask('GET', `/runs/${made.id}`)).body.status).toBe('interrupted')
      expect((await second.until(waiting.id, over)).status).toBe('finished')
      await second.ask('POST', `/runs/${made.id}/resume`)
      const found = await second.until(made.id, over)
      expect(found).toMatchObject({ status: 'finished' })
      const { next: _, ...tree } = (await second.ask('GET', `/runs/${made.id}/tree`)).body
      const { next: __, ...alone } = expected
      expect(tree).toEqual(alone)
      const { body: left } = await second.ask('GET', `/runs/${untouched.id}`)
      expect([found.nfe, found.best, found.rewardEvaluations]).toEqual([left.nfe, left.best, left.rewardEvaluations])
      second.child.kill('SIGTERM')
      expect((await second.ended).code).toBe(0)
    },
  )

  it.each(['dts-star(alpha=0.5)', 'zero-order'])(
    'finds what espalier steer finds: %s',
    { timeout: 60_000 },
    async (method) => {
      const server = await serving('runs-steer')
      const { body } = await server.ask('POST', '/runs', { ...config, method, budget: 2000 })
      const served = await server.until(body.id, over)
      server.child.kill('SIGTERM')
      await server.ended
      const line = ['steer', '--model', 'models/world.json', '--reward', 'near:2,0', '--method', method, '--json']
      const options = ['--steps', '10', '--budget', '2000', '--seed', '3', '--width', '4', '--out', `steer-${method}`]
      const { stdout } = await run([...line, ...options], folder.path)
      const [steered] = JSON.parse(stdout).runs
      for (const name of ['nfe', 'best', 'rewardEvaluations'])
        expect([name, served[name]]).toEqual([name, steered[name]])
    },
  )

  it('says in one line why it cannot start', async () => {
    const open = await run([...line('r'), '--host', '0.0.0.0'], folder.path)
    expect([open.code, open.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: serve: an address other than the loopback.*\n$/),
    ])
    const none = await run(['serve', '--models', 'nowhere'], folder.path)
    expect([none.code, none.stderr]).toEqual([2, 'error: nowhere is no folder; --models and --studio name folders\n'])
  })
})
