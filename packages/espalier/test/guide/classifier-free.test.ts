import { describe, expect, test } from 'vitest'
import { classifierFree } from '../../src/guide/classifier-free.ts'
import { conditioned } from '../../src/guide/conditioned.ts'
import type { Denoiser } from '../../src/process/denoiser.ts'
import { vpLinear } from '../../src/process/variance-preserving.ts'
import { batched } from '../../src/runtime/evaluator.ts'
import { counted } from '../../src/runtime/meter.ts'

/** `x * t + 10 * label`, or its negative for noise. */
function labelled() {
  const batches: number[] = []
  const denoiser: Denoiser = {
    process: vpLinear(),
    event: [2],
    async predict(x, t, target, condition) {
      batches.push(t.length)
      const label = condition!.label.data
      const sign = target === 'data' ? 1 : -1
      return { shape: x.shape, data: x.data.map((value, i) => sign * (value * t[i >> 1] + 10 * label[i >> 1])) }
    },
  }
  return { denoiser, batches }
}

const x = { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }
const t = Float64Array.of(0.5, 0.25)
const label = { shape: [2], data: Float32Array.of(3, 4) }
const unconditional = { label: { shape: [1], data: Float32Array.of(0.5) } }

describe('classifier-free guidance', () => {
  test('u + w (c - u), row by row, as one batch of 2n', async () => {
    const { denoiser, batches } = labelled()
    const guided = classifierFree(denoiser, { scale: 2.5, unconditional })
    const { data, shape } = await guided.predict(x, t, 'data', { label })
    const base = [0.5, 1, 0.75, 1]
    const labels = [3, 3, 4, 4].map((given) => 0.5 + 2.5 * (given - 0.5))
    expect(Array.from(data)).toEqual(base.map((value, i) => value + 10 * labels[i]))
    expect(shape).toEqual([2, 2])
    expect(batches).toEqual([4])
    expect(Array.from((await guided.predict(x, t, 'noise', { label })).data)).toEqual(Array.from(data, (v) => -v))
  })

  test('costs 2 NFE a row wherever it is counted, and 1 where one side is enough', async () => {
    for (const [scale, nfe] of [
      [2.5, 4],
      [1, 2],
      [0, 2],
    ]) {
      const inside = { nfe: 0 }
      const outside = { nfe: 0 }
      const guided = classifierFree(counted(labelled().denoiser, inside), { scale, unconditional })
      await counted(guided, outside).predict(x, t, 'data', { label })
      expect(inside.nfe).toBe(nfe)
      expect(outside.nfe).toBe(nfe)
      expect(batched(guided, { maxBatch: 4 }).rowCost).toBe(nfe / 2)
    }
  })

  test('scale 1 is conditional, scale 0 unconditional', async () => {
    const { denoiser } = labelled()
    const one = classifierFree(denoiser, { scale: 1, unconditional })
    expect((await one.predict(x, t, 'data', { label })).data).toEqual(
      (await denoiser.predict(x, t, 'data', { label })).data,
    )
    const zero = classifierFree(denoiser, { scale: 0, unconditional })
    const none = { label: { shape: [2], data: Float32Array.of(0.5, 0.5) } }
    expect((await zero.predict(x, t, 'data', { label })).data).toEqual(
      (await denoiser.predict(x, t, 'data', none)).data,
    )
  })

  test('a bound condition serves calls that give none', async () => {
    const { denoiser } = labelled()
    const bound = conditioned(classifierFree(denoiser, { scale: 3, unconditional }), {
      label: { shape: [1], data: Float32Array.of(3) },
    })
    const direct = await classifierFree(denoiser, { scale: 3, unconditional }).predict(x, t, 'data', {
      label: { shape: [2], data: Float32Array.of(3, 3) },
    })
    expect((await bound.predict(x, t, 'data')).data).toEqual(direct.data)
    expect((await bound.predict(x, t, 'data', { label })).data).not.toEqual(direct.data)
  })

  test('refuses a missing condition, a scale that is no number, more than one unconditional row', async () => {
    const { denoiser } = labelled()
    const guided = classifierFree(denoiser, { scale: 2, unconditional })
    await expect(guided.predict(x, t, 'data')).rejects.toThrow('Guidance needs the condition "label"')
    expect(() => classifierFree(denoiser, { scale: Number.NaN, unconditional })).toThrow('scale is NaN')
    expect(() => classifierFree(denoiser, { scale: 2, unconditional: { label } })).toThrow('give one row')
  })
})
