import { readSnapshot, writeSafetensors, writeSnapshot } from 'espalier/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const numbers = fc.oneof(
  fc.float32Array({ noNaN: false }),
  fc.float64Array(),
  fc.int32Array(),
  fc.array(fc.float32Array({ minLength: 3, maxLength: 3 }), { maxLength: 4 }),
)
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    numbers,
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((name) => !/^\$|^__proto__$/.test(name)),
      tie('value'),
      { maxKeys: 4 },
    ),
  ),
})).value

describe('snapshots', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(values, (value) => {
        const back = readSnapshot('test-1', writeSnapshot('test-1', { value })).value
        // A number of JSON knows no negative zero, and records no prototype.
        expect(plain(back)).toEqual(plain({ value }))
      }),
      { numRuns: 300 },
    )
  })

  it('states of one length are one tensor', () => {
    const rows = Array.from({ length: 100 }, (_, i) => Float32Array.of(i, -i))
    const small = writeSnapshot('test-1', rows).length
    expect(small).toBeLessThan(100 * 8 + 400)
    expect(readSnapshot('test-1', writeSnapshot('test-1', rows)).value).toEqual(rows)
  })

  it('refuses other formats and damaged files in one line', () => {
    const bytes = writeSnapshot('test-1', { a: Float64Array.of(1, 2, 3) })
    expect(() => readSnapshot('other-2', bytes)).toThrow('expected a file of the format other-2, this one is test-1')
    expect(() => readSnapshot('test-1', writeSafetensors({}, { format: 'test-1', value: '{' }))).toThrow('is damaged')
    // Every byte counts, those of the text as those of the numbers.
    for (let at = 0; at < bytes.length; at++) {
      const wrong = bytes.slice()
      wrong[at] ^= 1
      expect(() => readSnapshot('test-1', wrong)).toThrow()
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readSnapshot('test-1', bytes.slice(0, length))).toThrow()
    }
  })
})

function plain(value: unknown): unknown {
  if (Object.is(value, -0)) return 0
  if (ArrayBuffer.isView(value))
    return [value.constructor.name, ...Array.from(value as Float32Array, (v) => (Object.is(v, -0) ? 0 : v))]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}
