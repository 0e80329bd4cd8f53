import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The WebAssembly file of the JPEG rewards' encoder (a browser fetches it by itself, Node does not). */
export function jpegCodec(): Uint8Array {
  return readFileSync(createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm'))
}
