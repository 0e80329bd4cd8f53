import { fold, purpose, key as seedKey } from '../tensor/random.ts'
import { stack, type Tensor } from '../tensor/tensor.ts'
import { backOff, longestWait, pause, retryAfter } from './back-off.ts'
import { checkedReward } from './checked.ts'
import { checkCount, inChunks, limitOf } from './chunks.ts'
import type { Reward } from './reward.ts'
import { checkTimeout, within } from './within.ts'

export interface HttpRewardOptions {
  /** How errors and reports name it. Default: the address, without its query. */
  readonly name?: string
  /** Milliseconds for one try. Default 60 000. */
  readonly timeout?: number
  /** Further tries after one that failed. Default 4. */
  readonly retries?: number
  /** Milliseconds before the second try, about; they double with every further one. Default 500. */
  readonly backoff?: number
  /** Samples of one request, at most. Default 64. */
  readonly maxBatch?: number
  /** Requests under way at once, at most. Default 2. */
  readonly inFlight?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Whether a server may send requests on to another address. Default `follow`. */
  readonly redirect?: 'follow' | 'error'
  /** Ends every request and every wait, for good; what waits for them then fails. */
  readonly signal?: AbortSignal
  /** Of the jitter of the waits. Default 0. */
  readonly seed?: number
}

/**
 * A reward behind an HTTP endpoint.
 *
 * Request: `POST`, JSON `{ "shape": [n, ...event], "data": "<base64>" }`, the samples row after row as little-endian
 * float32 (in Python `numpy.frombuffer(base64.b64decode(body["data"]), "<f4").reshape(body["shape"])`). Response: JSON
 * `{ "rewards": [r_1, ..., r_n] }`, one number per sample, in order. `-Infinity` ("never"), which JSON lacks, is taken
 * as the text `"-Infinity"` or bare, as Python writes it.
 *
 * Network errors, a try that takes too long, 429 and 5xx are tried again after a wait that doubles, or that
 * `Retry-After` asks for (up to a minute); every other answer is final.
 *
 * @throws Error where the address or an option is none; RewardError (at evaluation) that names the samples, and why
 */
export function httpReward(url: string, options?: HttpRewardOptions): Reward<Tensor> {
  return postedReward(url, encodeSamples, options)
}

/**
 * A reward of texts behind an HTTP endpoint: {@link httpReward} with the request `{ "texts": [text_1, ..., text_n] }`.
 */
export function httpTextReward(url: string, options?: HttpRewardOptions): Reward<string> {
  return postedReward<string>(url, (texts) => JSON.stringify({ texts }), options)
}

/** @param encode the body of a request for samples */
function postedReward<X>(
  url: string,
  encode: (samples: readonly X[]) => string,
  options: HttpRewardOptions = {},
): Reward<X> {
  const address = parseAddress(url)
  const { name = address.origin + address.pathname, timeout = 60_000, retries = 4, backoff = 500 } = options
  const { maxBatch = 64, inFlight = 2, headers, redirect, seed = 0 } = options
  const what = `reward "${name}"`
  checkTimeout(timeout, what)
  checkCount(maxBatch, 'maxBatch', what)
  checkCount(inFlight, 'inFlight', what)
  if (!(Number.isInteger(retries) && retries >= 0))
    throw new Error(`${what}: retries is ${retries}, expected 0 or more`)
  if (!(backoff >= 0 && backoff < Infinity)) throw new Error(`${what}: backoff is ${backoff}, expected milliseconds`)
  const jitter = purpose(seedKey(seed), 'back-off')
  const limit = limitOf(inFlight)
  let requests = 0

  const score = async (samples: readonly X[], chunk: AbortSignal): Promise<number[]> => {
    const signal = options.signal ? AbortSignal.any([chunk, options.signal]) : chunk
    const body = encode(samples)
    const waits = backOff(backoff, fold(jitter, requests++))
    for (let tries = 1; ; tries++) {
      const answer = await within(timeout, (late) =>
        post(address, { body, headers, redirect, signal: AbortSignal.any([signal, late]) }),
      ).catch((error: unknown): Answer => ({ failure: reasonOf(error), again: true }))
      signal.throwIfAborted()
      if ('rewards' in answer) return answer.rewards
      const { failure, again, after = 0 } = answer
      if (!again || tries > retries) throw new Error(tries > 1 ? `${failure} (${tries} tries)` : failure)
      if (after > longestWait) throw new Error(`${failure}; it asks to come back in ${Math.ceil(after / 1000)} s`)
      await pause(Math.max(after, waits.next().value), signal)
    }
  }
  return {
    name,
    evaluate: (samples) =>
      inChunks(samples, maxBatch, limit, (chunk, signal) =>
        checkedReward<X>({ name, evaluate: (part) => score(part, signal) }).evaluate(chunk),
      ),
  }
}

type Answer =
  | { readonly rewards: number[] }
  | {
      readonly failure: string
      /** Whether another try may go better. */
      readonly again: boolean
      /** Milliseconds that the server wants to be left alone. */
      readonly after?: number
    }

interface Post {
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly redirect?: 'follow' | 'error'
  readonly signal: AbortSignal
}

async function post(address: URL, { body, headers, redirect, signal }: Post): Promise<Answer> {
  const response = await fetch(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body,
    redirect,
    signal,
  })
  const text = await response.text()
  if (response.ok) return readRewards(text)
  const { status, statusText } = response
  return {
    failure: `HTTP ${[status, statusText].join(' ').trim()}${text.trim() ? `: ${shown(text)}` : ''}`,
    again: status === 429 || status >= 500,
    after: retryAfter(response.headers.get('retry-after')),
  }
}

/** Numbers that JSON lacks and that others write all the same. */
const bare = /(?<!")-?\b(?:NaN|Infinity)\b(?!")/g

function readRewards(text: string): Answer {
  const wanted = (given: string): Answer => ({
    failure: `the answer is not {"rewards": [numbers]} as JSON; it is ${given}`,
    again: false,
  })
  const json = parsed(text) ?? parsed(text.replace(bare, '"$&"'))
  const rewards = (json as { rewards?: unknown } | undefined)?.rewards
  if (!Array.isArray(rewards)) return wanted(shown(text))
  return { rewards: rewards.map((value) => (nonNumbers.has(value) ? Number(value) : value)) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const nonNumbers: ReadonlySet<unknown> = new Set(['NaN', 'Infinity', '-Infinity'])

/** The beginning of what a server said, on one line. */
function shown(text: string, most = 120): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  if (line === '') return 'empty'
  return line.length > most ? `${line.slice(0, most)}...` : line
}

function encodeSamples(samples: readonly Tensor[]): string {
  const event = samples[0].shape
  const odd = samples.findIndex(({ shape }) => shape.join() !== event.join())
  if (odd >= 0)
    throw new Error(`sample ${odd} is [${samples[odd].shape}], the first is [${event}]; one shape is needed`)
  const { shape, data } = stack(
    samples.map((sample) => sample.data),
    event,
  )
  // Typed arrays are little-endian in every JavaScript engine in use.
  return JSON.stringify({ shape, data: base64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) })
}

function base64(bytes: Uint8Array): string {
  const pieces: string[] = []
  for (let i = 0; i < bytes.length; i += 0x8000) pieces.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)))
  return btoa(pieces.join(''))
}

/** `fetch` hides the reason of a network error behind "fetch failed". */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  const { message: reason, code } = (cause ?? {}) as { readonly message?: string; readonly code?: string }
  return reason || code || message
}

function parseAddress(url: string): URL {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new Error(`a reward's address is written http://... or https://..., got ${JSON.stringify(url)}`)
  }
  const address = new URL(url)
  if (address.username || address.password) {
    throw new Error(`a reward's address has no name and password in it; give them as a header (${address.host})`)
  }
  return address
}
