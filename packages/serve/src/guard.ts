/** Who may ask: the name the server was called by, the page that asks, the token. */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { problem } from './problem.ts'

/** Bits of a token, at least. */
export const leastTokenBits = 128

export interface GuardOptions {
  /** Address that the server is bound to. */
  readonly host: string
  /** Needed off the loopback. */
  readonly token?: string
  /** Further names that the server may be called by. */
  readonly allowHosts: readonly string[]
}

const loopback = ['localhost', '127.0.0.1', '::1']
const cookieName = 'espalier'

export function isLoopback(host: string): boolean {
  return loopback.includes(host) || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** @throws Error one line, where a server so bound would be open to strangers */
export function checkBinding({ host, token }: Pick<GuardOptions, 'host' | 'token'>): void {
  if (token === undefined) {
    if (isLoopback(host)) return
    throw new Error(`an address other than the loopback (${host}) needs a token; give one of at least 32 hex digits`)
  }
  // Hex digits carry the least of what a token is commonly written in.
  if (!/^[\x21-\x7e]+$/.test(token) || token.length * 4 < leastTokenBits) {
    throw new Error(
      `the token has ${token.length} characters; at least ${leastTokenBits / 4} without spaces are needed, from a good source of chance`,
    )
  }
}

/** The checks of every request. */
export class Guard {
  readonly #options: GuardOptions
  /** What logs in in place of the token, each once. */
  readonly #invitations = new Set<string>()

  constructor(options: GuardOptions) {
    checkBinding(options)
    this.#options = options
  }

  /**
   * The name that the server is called by. A page of a stranger can have its own name point to this machine (DNS
   * rebinding), so a name that is not ours is refused before all else; an address is no name.
   *
   * @throws ProblemError 421
   */
  checkHost(header: string | undefined): void {
    const name = hostName(header ?? '')
    const { host, allowHosts } = this.#options
    if (isLoopback(name) || name === host || allowHosts.includes(name)) return
    if (!isLoopback(host) && isIP(name) !== 0) return
    throw problem(421, `this server is not called ${JSON.stringify(name)}; --allow-host names further ones`)
  }

  /** Of writes: the page that asks, where it is a page, is one of this server. @throws ProblemError 403 */
  checkOrigin(origin: string | undefined, host: string | undefined): void {
    if (origin === undefined) return
    let from: string | undefined
    try {
      from = new URL(origin).host
    } catch {
      from = undefined
    }
    if (from !== undefined && from === host?.toLowerCase()) return
    throw problem(403, `a page of ${JSON.stringify(origin)} may not write here`)
  }

  /** @throws ProblemError 401 */
  checkToken(authorization: string | undefined, cookies: string | undefined): void {
    const { token } = this.#options
    if (token === undefined) return
    const [, bearer] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? []
    if (bearer !== undefined && same(bearer, token)) return
    const cookie = cookies?.split(/;\s*/).find((part) => part.startsWith(`${cookieName}=`))
    if (cookie !== undefined && same(cookie.slice(cookieName.length + 1), ticket(token))) return
    throw problem(401, 'a token is needed: Authorization: Bearer <token>, or POST /login with it')
  }

  /** What logs in once in place of the token: for an address, which lists of processes and histories show. */
  invite(): string {
    const invitation = randomBytes(16).toString('hex')
    this.#invitations.add(invitation)
    return invitation
  }

  /** The cookie that stands for a token from now on. @throws ProblemError 401 where it is another one */
  login(given: string): string {
    const { token } = this.#options
    if (token === undefined || !(this.#invitations.delete(given) || same(given, token))) {
      throw problem(401, 'this is not the token of this server')
    }
    return `${cookieName}=${ticket(token)}; Path=/; HttpOnly; SameSite=Strict`
  }
}

/** What a cookie holds: made of the token, so that it outlives a restart, and does not tell it. */
function ticket(token: string): string {
  return createHmac('sha256', token).update('espalier serve: cookie').digest('hex')
}

/** In constant time, whatever the lengths. */
function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/** `name` of `name:port`, `[::1]:port` or a bare name, in lower case. */
function hostName(header: string): string {
  const [, six, other] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(header.trim().toLowerCase()) ?? []
  return six ?? other ?? header
}
