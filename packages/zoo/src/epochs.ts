import { fold, type Key, stream } from 'espalier/tensor'

/**
 * Passes over a data set in random order, each index once per epoch: which rows step k of a training run sees is a
 * function of the key and k alone.
 */
export class Epochs {
  readonly #count: number
  readonly #key: Key
  readonly #order: Uint32Array
  #epoch = -1

  constructor(count: number, key: Key) {
    this.#count = count
    this.#key = key
    this.#order = new Uint32Array(count)
  }

  /** The data index at position `at` of the endless sequence of epochs. */
  index(at: number): number {
    const epoch = Math.floor(at / this.#count)
    if (epoch !== this.#epoch) this.#shuffle(epoch)
    return this.#order[at - epoch * this.#count]
  }

  /** Fisher-Yates on the epoch's own stream. */
  #shuffle(epoch: number): void {
    const order = this.#order
    const draws = stream(fold(this.#key, epoch))
    for (let i = 0; i < order.length; i++) order[i] = i
    for (let i = order.length - 1; i > 0; i--) {
      const j = draws.integer(i + 1)
      const kept = order[i]
      order[i] = order[j]
      order[j] = kept
    }
    this.#epoch = epoch
  }
}
