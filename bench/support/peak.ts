/** What the machine can do at most with the vectors that WebAssembly has: a roofline for kernels that move little. */

/** Chains of operations that do not wait for each other: enough to fill every unit, few enough for the registers. */
const CHAINS = 12
const TURNS = 100_000
/** Operand of each chain's operations, and what counts the turns. */
const [COUNTER, ONE] = [CHAINS, CHAINS + 1]

const unsigned = (n: number): number[] => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...unsigned(n >>> 7)])
const signed = (n: number): number[] => (n >= -64 && n < 64 ? [n & 0x7f] : [(n & 0x7f) | 0x80, ...signed(n >> 7)])
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes]
const section = (id: number, item: readonly number[]) => [id, ...sized([1, ...item])]
const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const i32 = (n: number) => [0x41, ...signed(n)]
const simd = (opcode: number) => [0xfd, ...unsigned(opcode)]
const [splat, lane, xor] = [0x11, 0x1b, 0x51].map(simd)

/** A function that applies vector instructions to each chain, {@link TURNS} times. */
function assemble(opcodes: readonly number[]): Uint8Array<ArrayBuffer> {
  const chains = Array.from({ length: CHAINS }, (_, chain) => chain)
  const body = [
    ...[3, CHAINS, 0x7b, 1, 0x7f, 1, 0x7b], // locals: the chains, the counter, the operand
    ...[...i32(0x3f800000), ...splat, ...set(ONE)], // the bits of 1
    ...[...i32(TURNS), ...set(COUNTER), 0x03, 0x40],
    ...chains.flatMap((chain) => opcodes.flatMap((op) => [...get(chain), ...get(ONE), ...simd(op), ...set(chain)])),
    ...[...get(COUNTER), ...i32(1), 0x6b, 0x22, COUNTER, 0x0d, 0, 0x0b],
    // Every chain is part of the answer, so that none is left out.
    ...[...get(0), ...chains.slice(1).flatMap((chain) => [...get(chain), ...xor]), ...lane, 0, 0x0b],
  ]
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [0x60, 0, 1, 0x7f]),
    ...section(3, [0]),
    ...section(7, [1, 0x66, 0, 0]),
    ...section(10, sized(body)),
  )
}

/** Vector instructions a nanosecond, the fastest of some runs: as many products as sums, integer sums, exclusive ors. */
export function peakVectorOperations(): number {
  const opcodes = [0xe6, 0xe4, 0xae, 0x51]
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(assemble(opcodes))).exports as { f: () => number }
  let fastest = Infinity
  for (let run = 0; run < 50; run++) {
    const begin = performance.now()
    f()
    fastest = Math.min(fastest, performance.now() - begin)
  }
  return (CHAINS * TURNS * opcodes.length) / (1e6 * fastest)
}
