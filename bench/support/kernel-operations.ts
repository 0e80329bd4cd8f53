/** Counts the vector instructions of the kernels that a program compiles, by reading the bytes that it compiles. */

/** The bytes of the modules that are compiled while something runs. */
export async function compiledBy(work: () => Promise<unknown>): Promise<readonly Uint8Array[]> {
  const compiled: Uint8Array[] = []
  const { Module } = WebAssembly
  WebAssembly.Module = new Proxy(Module, {
    construct(target, [bytes]: [Uint8Array<ArrayBuffer>]) {
      compiled.push(bytes)
      return new target(bytes)
    },
  })
  await work()
  WebAssembly.Module = Module
  return compiled
}

/** Instructions that move, and do not compute: loads, stores, constants and copies into all lanes. */
const moves = (opcode: number) =>
  opcode <= 0x0c || (opcode >= 0x0f && opcode <= 0x14) || (opcode >= 0x54 && opcode <= 0x5d)

/**
 * Vector instructions of one turn of the outermost loop of an exported function, those of the loops inside by their
 * turns. Knows the instructions that `tensor/wasm.ts` writes. Undefined where the module has no such function.
 * @param parameters what the function is called with: loops may turn as often as one of them says
 */
export function operationsOf(bytes: Uint8Array, name: string, parameters: readonly number[]): number | undefined {
  let at = 8
  const unsigned = (): number => {
    const byte = bytes[at++]
    return byte < 0x80 ? byte : (byte & 0x7f) + 128 * unsigned()
  }
  const skip = (n: number) => void (at += n)
  let index = -1
  const bodies: { readonly from: number; readonly to: number }[] = []
  while (at < bytes.length) {
    const id = bytes[at++]
    const size = unsigned()
    const end = at + size
    if (id === 7 || id === 10) {
      const count = unsigned()
      for (let i = 0; i < count; i++) {
        if (id === 10) {
          const length = unsigned()
          bodies.push({ from: at, to: at + length })
          skip(length)
          continue
        }
        const own = new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + bytes[at]))
        skip(1 + bytes[at])
        const kind = bytes[at++]
        const found = unsigned()
        if (kind === 0 && own === name) index = found
      }
    }
    at = end
  }
  if (index < 0) return undefined

  const { from, to } = bodies[index]
  at = from
  for (let groups = unsigned(); groups > 0; groups--) {
    unsigned()
    skip(1)
  }
  let total = 0
  /** How often what stands here runs in one turn of the outermost loop; 0 outside of it. */
  const turns = [0]
  /** The number that the last instructions left, where it is known: what a loop counts down from. */
  let known: number | undefined
  while (at < to) {
    const opcode = bytes[at++]
    if (opcode === 0x41) {
      const start = at
      const value = unsigned()
      known = value - (bytes[at - 1] & 0x40 ? 128 ** (at - start) : 0)
    } else if (opcode === 0x20) known = parameters[unsigned()]
    else if (opcode === 0x21) unsigned()
    else if (opcode === 0x02 || opcode === 0x03 || opcode === 0x04) {
      skip(1)
      const around = turns[turns.length - 1]
      if (opcode !== 0x03) turns.push(around)
      else turns.push(around === 0 ? 1 : around * (known ?? Number.NaN))
    } else if (opcode === 0x0b) turns.pop()
    else if (opcode === 0x0c || opcode === 0x0d || opcode === 0x10) unsigned()
    else if (opcode === 0xfd) {
      const vector = unsigned()
      if (!moves(vector)) total += turns[turns.length - 1]
      if (vector === 0x0d) skip(16)
      else if (vector <= 0x0b || vector === 0x5c || vector === 0x5d) {
        skip(1)
        unsigned()
      } else if (vector >= 0x54 && vector <= 0x5b) {
        skip(1)
        unsigned()
        skip(1)
      }
    } else known = undefined
  }
  return total
}
