import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serverEngine } from '@espalier/engine'
import { describe, expect, it } from 'vitest'
import { allEvents, config, toldIn } from '../../engine/test/support/conformance.ts'
import { checkPublicAddress, isPublic, refusePrivateConnections } from '../src/index.ts'
import { open, scratch } from './support/server.ts'

describe('addresses that rewards may ask', () => {
  it.each([
    ['127.0.0.1', '127.255.255.255', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ['169.254.169.254', '100.64.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '240.0.0.1', '192.0.2.1'],
    ['::1', '::', 'fe80::1', 'fc00::1', 'fd12:3456::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8'],
    ['64:ff9b::7f00:1', '2002:7f00:1::', '2001::1', '2001:db8::1', 'no address', ''],
  ])('are none of %s, %s, %s, ...', (...addresses) => {
    for (const address of addresses) expect([address, isPublic(address)]).toEqual([address, false])
  })

  it('are those of the internet', () => {
    for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '223.255.255.255', '2606:4700::1111', '2a00::1']) {
      expect([address, isPublic(address)]).toEqual([address, true])
    }
  })

  const check = (url: string, addresses: readonly string[] = ['8.8.8.8']) =>
    checkPublicAddress(new URL(url), async (name) => {
      if (name === 'nowhere.example') throw new Error('ENOTFOUND')
      return addresses
    })

  it('are looked at as they are written in any way, and behind their names', async () => {
    await check('https://score.example/v1')
    await check('http://8.8.8.8:8080/')
    await check('https://[2606:4700::1111]/')
    for (const url of [
      'http://127.0.0.1/',
      'http://2130706433/',
      'http://0x7f.1/',
      'http://017700000001/',
      'http://[::1]/',
    ]) {
      await expect(check(url)).rejects.toThrow(/is an address of a private network; only public ones are asked$/)
    }
    // Every address of the name counts.
    await expect(check('https://rebound.example/', ['8.8.8.8', '10.0.0.1'])).rejects.toThrow(/^rebound\.example is an/)
    await expect(check('https://rebound.example/', ['::ffff:10.0.0.1'])).rejects.toThrow(/^rebound\.example is an/)
    await expect(check('https://empty.example/', [])).rejects.toThrow(/^empty\.example is an address/)
    await expect(check('https://nowhere.example/')).rejects.toThrow(/^nowhere\.example: there is no such server$/)
    await expect(check('ftp://8.8.8.8/')).rejects.toThrow(/^ftp: is not asked/)
    await expect(checkPublicAddress(new URL('http://localhost:1/'))).rejects.toThrow(
      /^localhost is an address of a private/,
    )
  })

  it('are those that were connected to, whatever a name led to before', async () => {
    let asked = 0
    const judge = createServer((_, outgoing) => {
      asked++
      outgoing.end('{}')
    })
    await new Promise<void>((resolve) => judge.listen(0, '127.0.0.1', resolve))
    const ask = () => fetch(`http://localhost:${(judge.address() as AddressInfo).port}/`, { method: 'POST', body: 'x' })
    const end = refusePrivateConnections()
    try {
      await expect(ask()).rejects.toMatchObject({
        cause: { message: expect.stringMatching(/^\S+ is an address of a priv/) },
      })
      expect(asked).toBe(0)
    } finally {
      end()
    }
    expect((await ask()).status).toBe(200)
    judge.closeAllConnections()
    judge.close()
  })

  it('are asked where the server allows it, and not where it does not', { timeout: 20_000 }, async () => {
    let asked = 0
    const judge = createServer((incoming, outgoing) => {
      let text = ''
      incoming.on('data', (part) => (text += part))
      incoming.on('end', () => {
        asked++
        const { shape } = JSON.parse(text) as { shape: readonly number[] }
        outgoing.end(JSON.stringify({ rewards: Array(shape[0]).fill(1) }))
      })
    })
    await new Promise<void>((resolve) => judge.listen(0, '127.0.0.1', resolve))
    const reward = `http://127.0.0.1:${(judge.address() as AddressInfo).port}/`
    const [folder, other, third] = [scratch(), scratch(), scratch()]
    const servers = [
      await open(folder.path, { allow: { url: true } }),
      await open(other.path),
      await open(third.path, { allow: { url: (url) => checkPublicAddress(url) } }),
    ]
    try {
      const [allowing, refusing, careful] = servers.map(({ url }) => serverEngine({ url }))
      const id = await allowing.start({ ...config, reward })
      expect(toldIn(await allEvents(allowing, id)).statuses.at(-1)).toBe('finished')
      expect(asked).toBeGreaterThan(0)
      await expect(refusing.start({ ...config, reward })).rejects.toThrow(/^reward: addresses are not asked here/)
      await expect(careful.start({ ...config, reward })).rejects.toThrow(
        /^reward: 127\.0\.0\.1 is an address of a private/,
      )
    } finally {
      for (const server of servers) await server.close()
      for (const { remove } of [folder, other, third]) remove()
      judge.close()
    }
  })
})
