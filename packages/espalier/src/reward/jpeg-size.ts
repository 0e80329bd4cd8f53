/**
 * The length of a baseline JPEG file (ITU-T T.81, with its tables K.1 to K.6; JFIF colours; 4:4:4), counted without
 * writing it. An encoder made for one photograph spends its time on tables; a reward is asked for thousands of thumbnails.
 */

/** Bytes of everything but the entropy-coded pixels: markers, JFIF header, tables. */
const HEADER = 609

// Places of a block's coefficients in the order of rising frequency.
const zigzag = zigzagOrder()

const luminanceQuantisers = numbers(`
  16 11 10 16  24  40  51  61
  12 12 14 19  26  58  60  55
  14 13 16 24  40  57  69  56
  14 17 22 29  51  87  80  62
  18 22 37 56  68 109 103  77
  24 35 55 64  81 104 113  92
  49 64 78 87 103 121 120 101
  72 92 95 98 112 100 103  99`)
const chrominanceQuantisers = numbers(`
  17 18 24 47 99 99 99 99
  18 21 26 66 99 99 99 99
  24 26 56 99 99 99 99 99
  47 66 99 99 99 99 99 99
  99 99 99 99 99 99 99 99
  99 99 99 99 99 99 99 99
  99 99 99 99 99 99 99 99
  99 99 99 99 99 99 99 99`)

/** Huffman code and length of each symbol: codes of one length are consecutive (T.81, annex C). */
interface Codes {
  readonly code: Uint16Array
  readonly length: Uint8Array
}

const dcSymbols = Array.from({ length: 12 }, (_, i) => i)
const luminanceDc = codes([0, 1, 5, 1, 1, 1, 1, 1, 1], dcSymbols)
const chrominanceDc = codes([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1], dcSymbols)
const luminanceAc = codes(
  [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
  hex(
    '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a34353637' +
      '38393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3' +
      'a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
  ),
)
const chrominanceAc = codes(
  [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
  hex(
    '000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536' +
      '3738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999a' +
      'a2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
  ),
)

/** `basis[u * 8 + x] = c(u) / 2 cos((2 x + 1) u pi / 16)`: the orthonormal DCT of 8 samples. */
const basis = Float64Array.from({ length: 64 }, (_, i) => {
  const u = i >> 3
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * (i & 7) + 1) * u * Math.PI) / 16)
})

/**
 * @param rgb one byte per colour, `[height, width, 3]`
 * @param quality 1 to 100, scaled as libjpeg does
 */
export function jpegSize(rgb: Uint8Array, width: number, height: number, quality: number): number {
  const scale = quality < 50 ? Math.floor(5000 / quality) : Math.floor(200 - 2 * quality)
  const quantisers = [luminanceQuantisers, chrominanceQuantisers].map((table) =>
    table.map((q) => Math.min(255, Math.max(1, Math.floor((q * scale + 50) / 100)))),
  )
  const bits = new BitCounter()
  const planes = [new Float64Array(64), new Float64Array(64), new Float64Array(64)]
  const previous = [0, 0, 0]
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      takeBlock(rgb, width, height, left, top, planes)
      for (let c = 0; c < 3; c++) {
        transform(planes[c], quantisers[c === 0 ? 0 : 1])
        const [dc, ac] = c === 0 ? [luminanceDc, luminanceAc] : [chrominanceDc, chrominanceAc]
        previous[c] = code(planes[c], previous[c], dc, ac, bits)
      }
    }
  }
  return HEADER + bits.finish()
}

/** Luminance and the two colour differences of a block, each about 0; past the edge the last pixels repeat. */
function takeBlock(
  rgb: Uint8Array,
  width: number,
  height: number,
  left: number,
  top: number,
  [y, cb, cr]: readonly Float64Array[],
): void {
  for (let i = 0; i < 64; i++) {
    const row = Math.min(height - 1, top + (i >> 3))
    const column = Math.min(width - 1, left + (i & 7))
    const at = 3 * (row * width + column)
    const [r, g, b] = [rgb[at], rgb[at + 1], rgb[at + 2]]
    y[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b) - 128
    cb[i] = Math.round(-0.168736 * r - 0.331264 * g + 0.5 * b)
    cr[i] = Math.round(0.5 * r - 0.418688 * g - 0.081312 * b)
  }
}

const half = new Float64Array(64)

/** The quantised DCT of a block, in place, in zigzag order. */
function transform(block: Float64Array, quantisers: readonly number[]): void {
  for (let row = 0; row < 8; row++) {
    for (let u = 0; u < 8; u++) {
      let sum = 0
      for (let x = 0; x < 8; x++) sum += basis[u * 8 + x] * block[row * 8 + x]
      half[row * 8 + u] = sum
    }
  }
  for (let k = 0; k < 64; k++) {
    const [v, u] = [zigzag[k] >> 3, zigzag[k] & 7]
    let sum = 0
    for (let row = 0; row < 8; row++) sum += basis[v * 8 + row] * half[row * 8 + u]
    const scaled = sum / quantisers[zigzag[k]]
    // Half away from 0; the tiny slack keeps exact halves from falling either way by rounding of the sums.
    block[k] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5 + 1e-9)
  }
}

/** Codes one block (T.81, F.1.2). @returns its first coefficient, from which the next block's is told apart */
function code(block: Float64Array, previous: number, dc: Codes, ac: Codes, bits: BitCounter): number {
  symbol(block[0] - previous, 0, dc, bits)
  let last = 63
  while (last > 0 && block[last] === 0) last--
  let zeros = 0
  for (let k = 1; k <= last; k++) {
    if (block[k] === 0) {
      zeros++
      continue
    }
    for (; zeros > 15; zeros -= 16) bits.put(ac.code[0xf0], ac.length[0xf0])
    symbol(block[k], zeros << 4, ac, bits)
    zeros = 0
  }
  if (last < 63) bits.put(ac.code[0], ac.length[0])
  return block[0]
}

/** A run of zeros with the number of bits of the value, then those bits; a negative value is one less in them. */
function symbol(value: number, run: number, { code, length }: Codes, bits: BitCounter): void {
  const size = 32 - Math.clz32(Math.abs(value))
  bits.put(code[run | size], length[run | size])
  if (size > 0) bits.put(value > 0 ? value : value + (1 << size) - 1, size)
}

/** Counts the bytes of a bit stream in which a byte 255 is followed by a 0. */
class BitCounter {
  #bytes = 0
  #pending = 0
  #length = 0

  /** @param length at most 16 */
  put(value: number, length: number): void {
    this.#pending = (this.#pending << length) | value
    this.#length += length
    while (this.#length >= 8) {
      this.#length -= 8
      this.#bytes += ((this.#pending >> this.#length) & 255) === 255 ? 2 : 1
      this.#pending &= (1 << this.#length) - 1
    }
  }

  /** The last byte is filled with ones. */
  finish(): number {
    if (this.#length > 0) this.put((1 << (8 - this.#length)) - 1, 8 - this.#length)
    return this.#bytes
  }
}

/** @param counts number of codes of each length, from 1 on */
function codes(counts: readonly number[], symbols: readonly number[]): Codes {
  const table = { code: new Uint16Array(256), length: new Uint8Array(256) }
  let next = 0
  let used = 0
  counts.forEach((count, i) => {
    for (let n = 0; n < count; n++) {
      table.code[symbols[used]] = next++
      table.length[symbols[used++]] = i + 1
    }
    next <<= 1
  })
  return table
}

function zigzagOrder(): Uint8Array {
  const cells = Array.from({ length: 64 }, (_, i) => ({ i, diagonal: (i >> 3) + (i & 7), row: i >> 3 }))
  cells.sort((a, b) => a.diagonal - b.diagonal || (a.diagonal % 2 === 0 ? b.row - a.row : a.row - b.row))
  return Uint8Array.from(cells, ({ i }) => i)
}

function numbers(text: string): number[] {
  return text.trim().split(/\s+/).map(Number)
}

function hex(text: string): number[] {
  return (text.match(/../g) as string[]).map((pair) => Number.parseInt(pair, 16))
}
