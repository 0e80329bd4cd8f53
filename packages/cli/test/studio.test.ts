/** `espalier studio` as a process. The app itself is tested in packages/studio; here a folder stands for it. */

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run, scratch, start } from './cli.ts'

const folder = scratch()
const token = '0123456789abcdef0123456789abcdef'
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Starts a command that serves; `line` is what it says first. */
async function serving(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { child, ended } = start([...args, '--port', '0', '--keep-free', '0'], folder.path, environment)
  let text = ''
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (data) => {
      text += data
      if (text.includes('\n')) resolve(text.trim())
    })
    ended.then(({ stderr }) => reject(new Error(`it ended: ${stderr}`)))
  })
  const url = /http:[^\s#]+/.exec(line)?.[0].replace(/\/$/, '') as string
  const end = async () => {
    child.kill('SIGTERM')
    return ended
  }
  return { line, url, end }
}

/** A folder with an opener of pages that writes down what it was given. */
function opener(): { readonly path: string; opened(): string | undefined } {
  const bin = join(folder.path, 'bin')
  const note = join(folder.path, 'opened.txt')
  mkdirSync(bin, { recursive: true })
  for (const name of ['xdg-open', 'open']) {
    writeFileSync(join(bin, name), `#!/bin/sh\nprintf %s "$1" > '${note}'\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return {
    path: `${bin}:${process.env.PATH}`,
    opened: () => (existsSync(note) ? readFileSync(note, 'utf8') : undefined),
  }
}

describe('espalier studio', { timeout: 120_000 }, () => {
  it('writes a static site that has all it needs, and writes over nothing', async () => {
    const done = await run(['studio', '--out', 'site'], folder.path)
    expect(done.code, done.stderr).toBe(0)
    expect(done.stdout).toMatch(/^The Studio is in .*site: files for any host[^\n]*\n$/)
    expect(readdirSync(join(folder.path, 'site'))).toEqual(
      expect.arrayContaining(['assets', 'index.html', 'models', 'service-worker.js']),
    )
    const page = readFileSync(join(folder.path, 'site', 'index.html'), 'utf8')
    for (const [, file] of page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) {
      expect([file, existsSync(join(folder.path, 'site', file))]).toEqual([file, true])
    }
    const again = await run(['studio', '--out', 'site'], folder.path)
    expect([again.code, again.stderr]).toEqual([2, 'error: site is not empty; --out names a new folder\n'])
  })

  it.skipIf(process.platform === 'win32')('serves the app and opens it', async () => {
    const browser = opener()
    const { line, url, end } = await serving(['studio'], { PATH: browser.path })
    expect(line).toMatch(/^Studio at http:\/\/127\.0\.0\.1:\d+\/ \(runs in runs\/serve\)\. Ctrl-C ends it/)
    for (let i = 0; i < 200 && !browser.opened(); i++) await pause(10)
    expect(browser.opened()).toBe(`${url}/`)
    const page = await fetch(`${url}/`)
    expect(page.headers.get('content-type')).toMatch(/^text\/html/)
    const files = [...(await page.text()).matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, file]) => file)
    expect(files.length).toBeGreaterThan(1)
    for (const file of files) {
      const { status, headers } = await fetch(`${url}/${file}`)
      expect([file, status, headers.get('cross-origin-embedder-policy')]).toEqual([file, 200, 'require-corp'])
    }
    expect((await fetch(`${url}/engine`)).status).toBe(200)
    expect((await end()).code).toBe(0)
  })

  it('is entered over a token by an address that works once', async () => {
    const { line, url, end } = await serving(['studio', '--no-open'], { ESPALIER_TOKEN: token })
    expect(line).not.toContain(token)
    const [, invitation] = /#token=([0-9a-f]{32}) /.exec(line) as RegExpExecArray
    expect((await fetch(`${url}/`)).status).toBe(200)
    expect((await fetch(`${url}/engine`)).status).toBe(401)
    const login = (given: string) =>
      fetch(`${url}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token: given }),
      })
    const entered = await login(invitation)
    expect(entered.status).toBe(204)
    const cookie = (entered.headers.get('set-cookie') as string).split(';')[0]
    expect((await fetch(`${url}/engine`, { headers: { cookie } })).status).toBe(200)
    expect((await login(invitation)).status).toBe(401)
    expect((await login(token)).status).toBe(204)
    expect((await end()).code).toBe(0)
  })

  it('says what else to do where there is no browser, and goes on', async () => {
    const { url, end } = await serving(['studio'], { PATH: join(folder.path, 'nowhere') })
    expect((await fetch(`${url}/health`)).status).toBe(200)
    await pause(200)
    const { code, stderr } = await end()
    expect(code).toBe(0)
    expect(stderr).toMatch(/^No browser could be opened \([^)]+\); open the address above yourself\.$/m)
  })
})

describe('espalier serve', { timeout: 120_000 }, () => {
  it('serves the app where it is built, another folder, or none', async () => {
    const home = async (args: readonly string[]) => {
      const { url, end } = await serving(['serve', ...args])
      const answer = await fetch(`${url}/`)
      await end()
      return { status: answer.status, text: await answer.text() }
    }
    expect(await home([])).toMatchObject({ status: 200, text: expect.stringContaining('<title>') })
    expect((await home(['--no-studio'])).status).toBe(404)
    mkdirSync(join(folder.path, 'mine'))
    writeFileSync(join(folder.path, 'mine', 'index.html'), 'mine')
    expect(await home(['--studio', 'mine'])).toEqual({ status: 200, text: 'mine' })
  })

  it('says which port is taken', async () => {
    const { url, end } = await serving(['serve'])
    const { port } = new URL(url)
    const other = await run(['serve', '--port', port, '--runs', 'other'], folder.path)
    expect([other.code, other.stderr]).toEqual([
      2,
      `error: serve: port ${port} is taken, perhaps by a server of ours; choose another one, or 0\n`,
    ])
    await end()
  })

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'after %s in the middle of an upload has no half of a model',
    async (signal) => {
      const args = ['serve', '--port', '0', '--keep-free', '0', '--runs', `runs-${signal}`]
      const first = start(args, folder.path)
      const url = await new Promise<string>((resolve) => {
        first.child.stdout?.on('data', (data) => resolve(/http:\S+/.exec(String(data))?.[0] as string))
      })
      const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 10_000_000 }
      const asking = request(`${url}/models/mine`, { method: 'PUT', headers })
      asking.on('error', () => {})
      const field = (name: string) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`
      asking.write(
        `${field('card.json')}{"type": "gaussian-mixture", "means": [[0]], "stds": [1]}\r\n${field('model.onnx')}`,
      )
      asking.write(Buffer.alloc(1 << 20))
      const models = join(folder.path, `runs-${signal}`, '_models')
      const parts = () => (existsSync(models) ? readdirSync(models) : [])
      for (let i = 0; i < 500 && parts().length === 0; i++) await pause(10)
      expect(parts()).toEqual([expect.stringMatching(/^\.part-/)])
      const began = performance.now()
      first.child.kill(signal)
      const { code } = await first.ended
      if (signal === 'SIGTERM') expect([code, performance.now() - began < 10_000]).toEqual([0, true])
      asking.destroy()
      const second = await serving(['serve', '--runs', `runs-${signal}`])
      const { models: found } = (await (await fetch(`${second.url}/models`)).json()) as { models: { key: string }[] }
      expect(found.map(({ key }) => key)).not.toContain('mine')
      expect(parts()).toEqual([])
      await second.end()
    },
  )
})
