/** Which addresses a stranger may have this machine ask: none of its own network. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { lookup } from 'node:dns/promises'
import { BlockList, isIP, type Socket } from 'node:net'

/** IPv4 that is not of the public internet (IANA special-purpose registry, multicast, reserved). */
const notPublic = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  notPublic.addSubnet(net, prefix)
}
/** IPv6 is public in this block alone, but for what stands below it and may hold an IPv4 address. */
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  notPublic.addSubnet(net, prefix, 'ipv6')
}

/** Whether an IP address is one of the public internet. */
export function isPublic(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !notPublic.check(address)
  return family === 6 && global.check(address, 'ipv6') && !notPublic.check(address, 'ipv6')
}

/** Resolves a name to all of its addresses. */
export type Resolve = (name: string) => Promise<readonly string[]>

const resolveByDns: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/**
 * Looks at an address that a reward is about to ask: it must lead to the public internet, with each address that its
 * name has now. The request itself resolves the name anew: see {@link refusePrivateConnections}.
 *
 * @throws Error one line
 */
export async function checkPublicAddress(url: URL, resolve: Resolve = resolveByDns): Promise<void> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Error(`${url.protocol} is not asked; give an address that begins with https://`)
  }
  const name = url.hostname.replace(/^\[|\]$/g, '')
  let addresses: readonly string[]
  try {
    addresses = isIP(name) ? [name] : await resolve(name)
  } catch {
    throw new Error(`${name}: there is no such server`)
  }
  if (addresses.length > 0 && addresses.every(isPublic)) return
  throw new Error(`${name} is an address of a private network; only public ones are asked`)
}

/** What Node tells of each connection that `fetch` has made, before anything is sent over it. */
const connected = 'undici:client:connected'

/**
 * From now on no `fetch` of this process reaches a private network, whatever its name resolved to when it was looked at.
 * @returns what ends it
 */
export function refusePrivateConnections(): () => void {
  const look = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket }
    const { remoteAddress = '' } = socket
    if (isPublic(remoteAddress)) return
    socket.destroy(new Error(`${remoteAddress} is an address of a private network; only public ones are asked`))
  }
  subscribe(connected, look)
  return () => void unsubscribe(connected, look)
}
