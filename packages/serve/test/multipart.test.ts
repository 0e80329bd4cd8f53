import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formParts } from '../src/multipart.ts'

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function read(bytes: Uint8Array, type: string | undefined, sizes: readonly number[] = [1 << 16]) {
  const found: [string, Buffer][] = []
  for await (const { name, body } of formParts(cut(bytes, sizes), type)) {
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece)
    found.push([name, Buffer.concat(pieces)])
  }
  return found
}

describe('forms as they arrive', () => {
  it('are those that fetch sends, wherever they are cut', async () => {
    // Much of what looks like a boundary, and of what belongs to one.
    const content = fc.array(fc.constantFrom('\r', '\n', '-', '--', '\r\n--', 'a', '\r\n\r\n'), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom('card.json', 'model.onnx', 'other'), content, { minKeys: 1 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
        async (fields, sizes) => {
          const form = new FormData()
          for (const [name, parts] of Object.entries(fields)) form.set(name, new Blob([parts.join('')]), name)
          const request = new Request('http://localhost/', { method: 'POST', body: form })
          const type = request.headers.get('content-type') as string
          const found = await read(new Uint8Array(await request.arrayBuffer()), type, sizes)
          expect(found.map(([name, body]) => [name, body.toString()])).toEqual(
            Object.entries(fields).map(([name, parts]) => [name, parts.join('')]),
          )
        },
      ),
      { numRuns: 100 },
    )
  })

  const type = 'multipart/form-data; boundary="b"'
  const whole = '--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n12\r\n--b--\r\n'

  it('are refused in one line where they are cut off or damaged', async () => {
    expect((await read(Buffer.from(whole), type)).map(String)).toEqual(['x,12'])
    const last = whole.lastIndexOf('--') + 2
    for (let size = 0; size < last; size++) {
      await expect(read(Buffer.from(whole.slice(0, size)), type)).rejects.toThrow(/^the form is damaged: [^\n]+$/)
    }
    await expect(read(Buffer.from(whole.replace('name', 'nome')), type)).rejects.toThrow(/a part has no name$/)
    await expect(read(Buffer.from(whole.replace('--b\r\n', '--bx')), type)).rejects.toThrow(/no line ends/)
    await expect(read(Buffer.from(`--b\r\nX: ${'y'.repeat(20_000)}`), type)).rejects.toThrow(/8192 bytes without/)
    for (const other of [undefined, 'application/json', 'multipart/form-data', 'multipart/mixed; boundary=b']) {
      await expect(read(Buffer.from(whole), other)).rejects.toThrow(/^the body must be a form/)
    }
  })
})
