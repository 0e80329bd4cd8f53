/**
 * An assembler for small WebAssembly kernels: a value is the bytes of the instructions that compute it, an instruction is
 * a function of values, a loop over rounds or coefficients is a loop of TypeScript. What is written here runs in every
 * engine with WebAssembly SIMD, without a compiler at build time and without a file to fetch.
 *
 * Source: the WebAssembly core specification, 2.0 (binary format, vector instructions).
 */

export type WasmType = 'i32' | 'v128'

/** Instructions that leave one value. */
export type Value = readonly number[]

/** A function of the module, to be called by its index. */
export interface WasmFunction {
  readonly index: number
  readonly results: number
}

const leb = (n: number): number[] => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...leb(n >>> 7)])
const signedLeb = (n: number): number[] => (n >= -64 && n < 64 ? [n & 0x7f] : [(n & 0x7f) | 0x80, ...signedLeb(n >> 7)])
const list = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()]
const sized = (bytes: readonly number[]): number[] => [...leb(bytes.length), ...bytes]
const code = { i32: 0x7f, v128: 0x7b } as const

const simd =
  (opcode: number) =>
  (...operands: readonly Value[]): Value => [...operands.flat(), 0xfd, ...leb(opcode)]
const shift =
  (opcode: number) =>
  (x: Value, bits: number): Value => [...x, ...i32(bits), 0xfd, ...leb(opcode)]
const scalar =
  (opcode: number) =>
  (...operands: readonly Value[]): Value => [...operands.flat(), opcode]

export const i32 = (n: number): Value => [0x41, ...signedLeb(n | 0)]
export const i32Add = scalar(0x6a)
export const i32Sub = scalar(0x6b)
export const i32Mul = scalar(0x6c)
export const i32ShiftRight = scalar(0x76)
export const i32LessUnsigned = scalar(0x49)

/** Bits of `x` that are not in `y`. */
export const andNot = simd(0x4f)
export const and = simd(0x4e)
export const or = simd(0x50)
export const xor = simd(0x51)
/** Bits of `x` where `mask` is set, else of `y`. */
export const select = (x: Value, y: Value, mask: Value): Value => simd(0x52)(x, y, mask)

export const splat = simd(0x11)
/** A float, four times. */
export const float = (x: number): Value => splat(i32(new Int32Array(Float32Array.of(x).buffer)[0]))
export const addInt = simd(0xae)
export const shiftLeft = shift(0xab)
export const shiftRightSigned = shift(0xac)
export const addLong = simd(0xce)
export const shiftLongLeft = shift(0xcb)
export const shiftLongRight = shift(0xcd)
/** The 64-bit products of the unsigned lanes 0 and 1, or 2 and 3. */
export const multiplyLow = simd(0xde)
export const multiplyHigh = simd(0xdf)

export const add = simd(0xf0)
export const sub = simd(0xf1)
export const mul = simd(0xf2)
export const div = simd(0xf3)
export const sqrt = simd(0xef)
/** The second where it is greater than the first, else the first. */
export const greater = simd(0xf7)
/** A mask of ones where x < y. */
export const isLess = simd(0x49)
/** Unsigned lanes 0 and 1 as doubles. */
export const toDoubles = simd(0xff)
/** The floats in lanes 0 and 1 as doubles. */
export const fromFloats = simd(0x5f)
/** Two doubles rounded to float32 lanes 0 and 1; zeros above. */
export const toFloats = simd(0x5e)

/** The same on four floats. */
export const floats = {
  /** Signed lanes as floats, rounded. */
  from: simd(0xfa),
  add: simd(0xe4),
  sub: simd(0xe5),
  mul: simd(0xe6),
  div: simd(0xe7),
  sqrt: simd(0xe3),
  negate: simd(0xe1),
  greater: simd(0xeb),
} as const
/** A mask of ones where lanes of 32 bits are equal. */
export const isSame = simd(0x37)

/** Lanes of 32 bits: 0-3 of `x`, 4-7 of `y`. */
export const shuffle = (x: Value, y: Value, lanes: readonly number[]): Value => [
  ...x,
  ...y,
  0xfd,
  0x0d,
  ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
]

export const load = (address: Value, offset = 0): Value => [...address, 0xfd, 0x00, 0, ...leb(offset)]
/** 32 bits from each of two addresses, in lanes 0 and 1. */
export const loadTwo = (first: Value, second: Value): Value => [
  ...second,
  ...first,
  0xfd,
  0x5c,
  0,
  0,
  0xfd,
  0x56,
  0,
  0,
  1,
]
/** The double (or 64 bits) at an address, twice. */
export const loadSplat = (address: Value, offset: number): Value => [...address, 0xfd, 0x0a, 0, ...leb(offset)]
/** The float at an address, four times. */
export const loadFloatSplat = (address: Value, offset = 0): Value => [...address, 0xfd, 0x09, 0, ...leb(offset)]
/** `x` with one lane from an address. */
export const loadLane = (address: Value, x: Value, lane: 0 | 1 | 2 | 3): Value => [
  ...address,
  ...x,
  0xfd,
  0x56,
  0,
  0,
  lane,
]

/** The instructions of one function, in order. */
export class FunctionBody {
  readonly bytes: number[] = []
  readonly locals: WasmType[] = []
  readonly #params: number

  constructor(params: number) {
    this.#params = params
  }

  /** Keeps a value in a new local. @returns the local's value */
  keep(value: Value, type: WasmType = 'v128'): Value {
    const local = this.#local(type)
    this.bytes.push(...value, 0x21, ...leb(local))
    return [0x20, ...leb(local)]
  }

  /** Changes what a local, given by its value, holds. */
  assign(local: Value, value: Value): void {
    this.bytes.push(...value, 0x21, ...local.slice(1))
  }

  /** Adds to an i32 that a local holds. */
  advance(local: Value, by: Value): void {
    this.assign(local, i32Add(local, by))
  }

  /** @returns the results, in locals */
  call(target: WasmFunction, ...args: readonly Value[]): Value[] {
    this.bytes.push(...args.flat(), 0x10, ...leb(target.index))
    const locals = Array.from({ length: target.results }, () => this.#local('v128'))
    for (const local of [...locals].reverse()) this.bytes.push(0x21, ...leb(local))
    return locals.map((local) => [0x20, ...leb(local)])
  }

  store(address: Value, value: Value): void {
    this.bytes.push(...address, ...value, 0xfd, 0x0b, 0, 0)
  }

  /** Stores lanes `2 half` and `2 half + 1`. */
  storeHalf(address: Value, value: Value, half: 0 | 1): void {
    this.bytes.push(...address, ...value, 0xfd, 0x5b, 0, 0, half)
  }

  /** Stores one lane of 32 bits. */
  storeLane(address: Value, value: Value, lane: 0 | 1 | 2 | 3): void {
    this.bytes.push(...address, ...value, 0xfd, 0x5a, 0, 0, lane)
  }

  /** Runs `body` `count` times (an i32), counting down. @param body gets the turns that are left after this one */
  repeat(count: Value, body: (left: Value) => void): void {
    const left = this.keep(count, 'i32')
    this.bytes.push(0x02, 0x40, 0x03, 0x40, ...left, 0x45, 0x0d, 1)
    this.assign(left, i32Sub(left, i32(1)))
    body(left)
    this.bytes.push(0x0c, 0, 0x0b, 0x0b)
  }

  if(condition: Value, body: () => void, otherwise: () => void): void {
    this.bytes.push(...condition, 0x04, 0x40)
    body()
    this.bytes.push(0x05)
    otherwise()
    this.bytes.push(0x0b)
  }

  #local(type: WasmType): number {
    return this.#params + this.locals.push(type) - 1
  }
}

/** A module of functions over one exported memory of one page (64 KiB), whose first bytes hold the constants. */
export class WasmModule {
  readonly #types: number[][] = []
  readonly #bodies: number[][] = []
  readonly #exports: number[][] = [[...sized([0x6d]), 2, 0]] // the memory, as `m`
  readonly #constants: bigint[] = []

  /** Twice the 64 bits of a constant. */
  bits(constant: bigint): Value {
    let at = this.#constants.indexOf(constant)
    if (at < 0) at = this.#constants.push(constant) - 1
    return loadSplat(i32(0), 8 * at)
  }

  /** Twice a double. */
  double(constant: number): Value {
    return this.bits(new BigUint64Array(Float64Array.of(constant).buffer)[0])
  }

  /**
   * Defines a function.
   * @param body gets the parameters' values, returns the results' (all `v128`)
   * @param name where given, the function is exported under this name
   */
  define(
    params: readonly WasmType[],
    body: (code: FunctionBody, ...params: Value[]) => readonly Value[],
    name?: string,
  ): WasmFunction {
    const index = this.#bodies.length
    const instructions = new FunctionBody(params.length)
    const results = body(instructions, ...params.map((_, i) => [0x20, ...leb(i)]))
    const locals = list(instructions.locals.map((type) => [1, code[type]]))
    this.#types.push([0x60, ...list(params.map((type) => [code[type]])), ...list(results.map(() => [code.v128]))])
    this.#bodies.push(sized([...locals, ...instructions.bytes, ...results.flat(), 0x0b]))
    if (name !== undefined) this.#exports.push([...sized([...new TextEncoder().encode(name)]), 0, index])
    return { index, results: results.length }
  }

  /** The bytes of the module. */
  assemble(): Uint8Array<ArrayBuffer> {
    const data = [...new Uint8Array(BigUint64Array.from(this.#constants).buffer)]
    const section = (id: number, items: readonly (readonly number[])[]) => [id, ...sized(list(items))]
    return Uint8Array.of(
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, this.#types),
      ...section(
        3,
        this.#types.map((_, i) => leb(i)),
      ),
      ...section(5, [[0, 1]]),
      ...section(7, this.#exports),
      ...section(10, this.#bodies),
      ...section(11, [[0, ...i32(0), 0x0b, ...sized(data)]]),
    )
  }
}

/**
 * The functions of an assembled module and its memory; undefined where the engine has no vector instructions or the page
 * forbids to compile code, to be replaced by code in JavaScript.
 */
export function instantiate<Functions>(
  bytes: Uint8Array<ArrayBuffer>,
): (Functions & { readonly buffer: ArrayBuffer }) | undefined {
  try {
    const { m, ...functions } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
    return { ...(functions as Functions), buffer: (m as WebAssembly.Memory).buffer }
  } catch {
    return undefined
  }
}
