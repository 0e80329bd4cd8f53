/**
 * Memory that is lent for a moment, again and again: buffers that travel to a worker and come back, arrays of runs that
 * follow one another. What is given back is lent again, so that steady work allocates nothing.
 */
export class BufferPool {
  private readonly free: ArrayBuffer[] = []
  private readonly keep: number

  /** @param keep free buffers that are kept at most; the oldest goes first */
  constructor(keep = 32) {
    this.keep = keep
  }

  /** A buffer of at least `bytes` and not more than the next {@link capacity}; its contents are undefined. */
  take(bytes: number): ArrayBuffer {
    const size = capacity(bytes)
    for (let i = this.free.length - 1; i >= 0; i--) {
      if (this.free[i].byteLength === size) return this.free.splice(i, 1)[0]
    }
    return new ArrayBuffer(size)
  }

  /** An array of `length` numbers over a buffer of its own, which is to be given back. */
  floats(length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.take(4 * length), 0, length)
  }

  give(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) {
      if (buffer.byteLength === 0) continue
      if (this.free.length === this.keep) this.free.shift()
      this.free.push(buffer)
    }
  }
}

const MEBIBYTE = 1 << 20

/** Powers of two up to 1 MiB, whole MiB above: batches of nearly the same size share their buffers. */
export function capacity(bytes: number): number {
  if (bytes >= MEBIBYTE) return Math.ceil(bytes / MEBIBYTE) * MEBIBYTE
  let size = 64
  while (size < bytes) size *= 2
  return size
}
