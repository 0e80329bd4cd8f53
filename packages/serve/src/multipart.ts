/** Bodies of the kind `multipart/form-data` (RFC 7578) as they arrive: files of any size in a few KiB of memory. */

import { problem } from './problem.ts'

/** One field of a form. Its body must be read to its end before the next part comes. */
export interface FormPart {
  readonly name: string
  readonly body: AsyncIterable<Uint8Array>
}

/** Bytes of the headers of one part, at most. */
const HEADERS = 8192
const headersEnd = Buffer.from('\r\n\r\n')

/**
 * The parts of a form, one after another.
 *
 * @param contentType the header of the request, which names the boundary
 * @throws ProblemError 415 where it is no form, 400 where the body is not what a form is, or was cut off
 */
export async function* formParts(
  body: AsyncIterable<Uint8Array>,
  contentType: string | undefined,
): AsyncGenerator<FormPart> {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType ?? '') ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) {
    throw problem(415, 'the body must be a form: multipart/form-data with a boundary')
  }
  const between = Buffer.from(`\r\n--${boundary}`)
  // The first boundary may stand at the very beginning.
  const source = new Scanner(Buffer.from('\r\n'), body)
  await source.collect(between, HEADERS)
  for (;;) {
    const sign = await source.take(2)
    if (sign === '--') return
    if (sign !== '\r\n') throw problem(400, 'the form is damaged: no line ends at its boundary')
    const headers = await source.collect(headersEnd, HEADERS)
    const [, name] = /^content-disposition:.*[;\s]name="([^"]*)"/im.exec(headers) ?? []
    if (name === undefined) throw problem(400, 'the form is damaged: a part has no name')
    yield { name, body: source.until(between) }
  }
}

/** Bytes that are read up to a mark, wherever the pieces of the body were cut. */
class Scanner {
  #rest: Buffer
  readonly #pieces: AsyncIterator<Uint8Array>

  constructor(start: Buffer, body: AsyncIterable<Uint8Array>) {
    this.#rest = start
    this.#pieces = body[Symbol.asyncIterator]()
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#pieces.next()
    if (done) throw problem(400, 'the form is damaged: it ends before its last boundary')
    this.#rest = this.#rest.length === 0 ? Buffer.from(value) : Buffer.concat([this.#rest, value])
  }

  /** All before the mark, piece by piece; goes on behind it. */
  async *until(mark: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#rest.indexOf(mark)
      // What may be the beginning of the mark is held back.
      const clear = at >= 0 ? at : Math.max(0, this.#rest.length - mark.length + 1)
      const piece = this.#rest.subarray(0, clear)
      this.#rest = this.#rest.subarray(at >= 0 ? at + mark.length : clear)
      if (piece.length > 0) yield piece
      if (at >= 0) return
      await this.#more()
    }
  }

  /** All before the mark, as text. */
  async collect(mark: Buffer, most: number): Promise<string> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.until(mark)) {
      pieces.push(piece)
      size += piece.length
      if (size > most) throw problem(400, `the form is damaged: ${most} bytes without an end of headers`)
    }
    return Buffer.concat(pieces).toString('utf8')
  }

  async take(count: number): Promise<string> {
    while (this.#rest.length < count) await this.#more()
    const text = this.#rest.subarray(0, count).toString('latin1')
    this.#rest = this.#rest.subarray(count)
    return text
  }
}
