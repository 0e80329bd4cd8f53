import fc from 'fast-check'
import { expect, it } from 'vitest'
import { firstNotFinite } from '../../src/tensor/finite.ts'

it('finds the first number that is not finite, wherever it stands', () => {
  const broken = fc.constantFrom(Number.NaN, Infinity, -Infinity)
  const finite = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(-0, 3.4e38, 1e-45))
  fc.assert(
    fc.property(fc.array(finite), fc.array(fc.tuple(fc.nat(), broken), { maxLength: 2 }), (values, faults) => {
      const data = Float32Array.from(values)
      for (const [at, value] of faults) if (data.length > 0) data[at % data.length] = value
      expect(firstNotFinite(data)).toBe(data.findIndex((value) => !Number.isFinite(value)))
    }),
  )
})
