/** Bodies that are larger than those of ordinary requests: files of runs and of models. */

import { problem } from './problem.ts'

/** How many are taken at the same time. */
const TOGETHER = 4
/** Bytes after which the disk is looked at again. */
const STRIDE = 1 << 26

export class LargeBodies {
  readonly #most: number
  readonly #checkRoom: () => Promise<void>
  #under = 0

  /**
   * @param most bytes of one
   * @param checkRoom throws where the disk has none
   */
  constructor(most: number, checkRoom: () => Promise<void>) {
    this.#most = most
    this.#checkRoom = checkRoom
  }

  /**
   * Takes the body of a request, piece by piece.
   * @throws ProblemError 400 where it breaks off, 413 where it is too large, 429 where too many are under way, 507
   */
  async take<T>(request: Request, use: (body: AsyncIterable<Uint8Array>) => Promise<T>): Promise<T> {
    await this.#checkRoom()
    if (Number(request.headers.get('content-length') ?? 0) > this.#most) throw this.#tooLarge()
    if (this.#under >= TOGETHER) {
      throw problem(429, `${TOGETHER} files are being taken already; try again later`, { kind: 'busy', retryAfter: 10 })
    }
    this.#under++
    try {
      return await use(this.#counted(request))
    } finally {
      this.#under--
    }
  }

  async *#counted({ body }: Request): AsyncGenerator<Uint8Array> {
    if (!body) return
    const reader = body.getReader()
    let size = 0
    let looked = 0
    try {
      for (;;) {
        const { done, value } = await reader.read().catch(() => {
          throw problem(400, 'the body broke off')
        })
        if (done) return
        size += value.length
        if (size > this.#most) throw this.#tooLarge()
        if (size - looked > STRIDE) {
          looked = size
          await this.#checkRoom()
        }
        yield value
      }
    } finally {
      // Not cancelled: what is left is drained, so that the client hears the answer.
      reader.releaseLock()
    }
  }

  #tooLarge() {
    return problem(413, `a file has ${this.#most} bytes at most here`)
  }
}
