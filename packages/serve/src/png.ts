import { deflateSync } from 'node:zlib'
import type { RunState } from '@espalier/engine'

/** An image `[1 or 3, height, width]` as PNG. @throws Error where the state is no image */
export function pngOf({ shape, data, range = [-1, 1] }: RunState): Uint8Array {
  const [channels, height, width] = shape
  if (shape.length !== 3 || (channels !== 1 && channels !== 3)) {
    throw new Error(`a state of the shape [${shape}] is no image; expected [1 or 3, height, width]`)
  }
  const [low, high] = range
  const plane = height * width
  // Each row of the picture begins with its filter, 0 for none.
  const rows = new Uint8Array(height * (1 + width * channels))
  let at = 0
  for (let y = 0; y < height; y++) {
    at++
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const share = (data[c * plane + y * width + x] - low) / (high - low)
        rows[at++] = Math.round(255 * Math.min(1, Math.max(0, share)))
      }
    }
  }
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header[8] = 8
  header[9] = channels === 1 ? 0 : 2
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND')])
}

function chunk(type: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(12 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  bytes.set(new TextEncoder().encode(type), 4)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)))
  return bytes
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

/** CRC-32 of ISO 3309, which PNG asks for; Node has its own only from version 22 on. */
function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (const byte of bytes) c = table[(c ^ byte) & 0xff] ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}
