import { block, philox, SINGLE_NORMAL, SINGLE_ROUNDS } from './philox.ts'
import type { KeyTable } from './random.ts'
import { singleBoxMuller } from './single-box-muller.ts'
import { CAPACITY, loadSingleNormalKernel, ROWS, type SingleNormalKernel, stagesOf } from './single-normal-kernel.ts'

/** The WebAssembly kernels by their stages, from the first draw on; undefined where the engine has none. */
const kernels = new Map<number, SingleNormalKernel | undefined>()

/**
 * Standard normals of float32 precision for many rows, stage after stage: four for one Philox block, where
 * {@link normalRows} takes two blocks for the first of them. They are other draws, from other words.
 *
 * Row i at stage n gets numbers that depend on `keys[i]`, n and `size` alone. Rows of one or two numbers share a block
 * between four or two stages: `n = 4 g .. 4 g + 3`, or `2 g` and `2 g + 1`; so ask for the stages in order. Where the
 * engine has no vectors, the same bits come slowly; so they do for rows of more than 1024 numbers, for which this is not.
 * |z| <= 6.77: the radius has 32 bits.
 */
export class SingleNormals {
  readonly #words: Uint32Array
  readonly #rows: number
  readonly #size: number
  /** The draws of the stages of one group, and which group that is. */
  readonly #draws: Float32Array[]
  #group = -1

  constructor(keys: KeyTable, size: number) {
    this.#words = keys.words
    this.#rows = keys.length
    this.#size = size
    this.#draws = Array.from({ length: stagesOf(size) }, () => new Float32Array(keys.length * size))
  }

  /**
   * The draws of stage n, `[rows, size]`: valid until another stage is asked for.
   * @throws unless n is an integer, 0 <= n < 2^32
   */
  at(n: number): Float32Array {
    if (!(Number.isInteger(n) && n >= 0 && n < 2 ** 32)) throw new Error(`a stage is numbered 0, 1, 2, ..., got ${n}`)
    const stages = this.#draws.length
    const group = Math.floor(n / stages)
    if (group !== this.#group) this.#draw(group)
    this.#group = group
    return this.#draws[n % stages]
  }

  #draw(group: number): void {
    const rows = this.#rows
    const size = this.#size
    const stages = stagesOf(size)
    const atOnce = Math.min(ROWS, 8 * Math.floor(CAPACITY / stages / size / 8))
    if (!kernels.has(stages)) kernels.set(stages, loadSingleNormalKernel(stages))
    const kernel = atOnce > 0 ? kernels.get(stages) : undefined
    if (!kernel) {
      for (let row = 0; row < rows; row++) this.#drawRow(group, row)
      return
    }
    for (let row = 0; row < rows; row += atOnce) {
      const some = Math.min(atOnce, rows - row)
      kernel.keys.set(this.#words.subarray(2 * row, 2 * (row + some)))
      kernel.draw(group, (some + 7) & ~7, size)
      for (let stage = 0; stage < stages; stage++) {
        const from = (stage * CAPACITY) / stages
        this.#draws[stage].set(kernel.draws.subarray(from, from + some * size), row * size)
      }
    }
  }

  /** The definition. */
  #drawRow(group: number, row: number): void {
    const size = this.#size
    const words = this.#words
    const stages = this.#draws.length
    const four = new Float32Array(4)
    for (let i = 0; i < size * stages; i += 4) {
      philox(group, 0, 0, SINGLE_NORMAL + (i >>> 2), words[2 * row], words[2 * row + 1], block, SINGLE_ROUNDS)
      singleBoxMuller(block[0], block[1], four, 0)
      singleBoxMuller(block[2], block[3], four, 2)
      for (let j = 0; j < 4 && i + j < size * stages; j++) {
        const stage = Math.floor((i + j) / size)
        this.#draws[stage][row * size + ((i + j) % size)] = four[j]
      }
    }
  }
}
