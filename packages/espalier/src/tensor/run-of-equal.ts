import { i32, instantiate, load, loadSplat, or, WasmModule, xor } from './wasm.ts'

/** Where the page holds the number to compare with, the differing bits of all others, and these. */
const FIRST = 0x400
const BITS = 0x410
const NUMBERS = 0x1000
/** How many numbers one call compares: eight in a turn. */
const CAPACITY = 4096
const TURN = 8

interface Kernel {
  readonly first: Float64Array
  readonly bits: Int32Array
  readonly numbers: Float64Array
  /** Compares eight times `turns` numbers. */
  readonly compare: (turns: number) => void
}

export function assembleCompare(): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  module.define(
    ['i32'],
    (code, turns) => {
      const at = code.keep(i32(NUMBERS), 'i32')
      const first = code.keep(loadSplat(i32(FIRST), 0))
      const bits = code.keep(xor(first, first))
      code.repeat(turns, () => {
        const differences = [0, 16, 32, 48].map((offset) => xor(load(at, offset), first))
        code.assign(
          bits,
          or(
            bits,
            differences.reduce((p, q) => or(p, q)),
          ),
        )
        code.advance(at, i32(8 * TURN))
      })
      code.store(i32(BITS), bits)
      return []
    },
    'compare',
  )
  return module.assemble()
}

function loadKernel(): Kernel | undefined {
  const instance = instantiate<Pick<Kernel, 'compare'>>(assembleCompare())
  if (!instance) return undefined
  const { buffer, compare } = instance
  return {
    first: new Float64Array(buffer, FIRST, 1),
    bits: new Int32Array(buffer, BITS, 4),
    numbers: new Float64Array(buffer, NUMBERS, CAPACITY),
    compare,
  }
}

/** The kernel, from the first long array on; undefined where the engine has none. */
let kernel: Kernel | undefined | 'not loaded' = 'not loaded'

/**
 * The end of the run of equal numbers that begins at `from`: the first place behind it with another number, or the
 * length. A batch is mostly at one time, and to see that must not cost as much as the work on a small state: four
 * numbers a nanosecond, where the engine has vectors. NaN equals nothing.
 */
export function endOfRun(numbers: Float64Array, from: number): number {
  const value = numbers[from]
  // A run that is this long already is worth a look at thousands of numbers; many short ones are not.
  const few = Math.min(numbers.length, from + 256)
  let to = from + 1
  while (to < few && numbers[to] === value) to++
  if (to < few) return to
  to = skipEqual(numbers, to, value)
  while (to < numbers.length && numbers[to] === value) to++
  return to
}

/** A place up to which all numbers are the value, as far as whole turns without another number reach. */
function skipEqual(numbers: Float64Array, from: number, value: number): number {
  if (kernel === 'not loaded') kernel = loadKernel()
  if (!kernel) return from
  const { first, bits, numbers: page, compare } = kernel
  first[0] = value
  for (let at = from; ; ) {
    const turns = Math.floor(Math.min(CAPACITY, numbers.length - at) / TURN)
    if (turns === 0) return at
    page.set(numbers.subarray(at, at + TURN * turns))
    compare(turns)
    if ((bits[0] | bits[1] | bits[2] | bits[3]) !== 0) return at
    at += TURN * turns
  }
}
