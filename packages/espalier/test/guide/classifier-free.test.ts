import { describe, expect, test } from 'vitest'
import { pixelChain } from '../../src/chain/pixel-chain.ts'
import { classifierFree } from '../../src/guide/classifier-free.ts'
import { conditioned, conditionRows } from '../../src/guide/conditioned.ts'
import { variance } from '../../src/measure/statistics.ts'
import {
  type Condition,
  convert,
  type Denoiser,
  flow,
  GaussianMixture,
  type Process,
  rowCostAt,
  uniformGrid,
  vpLinear,
} from '../../src/process/index.ts'
import { batched } from '../../src/runtime/evaluator.ts'
import { counted } from '../../src/runtime/meter.ts'
import { ddpm, execute, nfeOf, start } from '../../src/solve/index.ts'
import { concatenate, gather, key, normal, row } from '../../src/tensor/index.ts'

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

/** Data of two classes, each one Gaussian; condition 0.5 is their mixture. Exact for every class. */
const classes = [
  new GaussianMixture({ means: [[1, -1, 0.5, 0]], stds: [0.3] }),
  new GaussianMixture({ means: [[-1, 1, 0, 0.5]], stds: [0.4] }),
]
const all = new GaussianMixture({ means: classes.flatMap(({ means }) => means), stds: [0.3, 0.4] })

function worlds(process: Process) {
  const meter = { nfe: 0 }
  const batches: number[] = []
  const [first, second, both] = [...classes, all].map((world) => world.denoiser(process))
  const denoiser: Denoiser = {
    process,
    event: [4],
    async predict(x, t, target, condition) {
      batches.push(t.length)
      const rows = Array.from(t, (time, i) => {
        const which = condition!.label.data[i]
        const world = which === 0.5 ? both : which === 0 ? first : second
        return world.predict(gather(x, [i]), Float64Array.of(time), target)
      })
      return concatenate(await Promise.all(rows))
    },
  }
  return { denoiser: counted(denoiser, meter), meter, batches }
}

const labels = (...data: number[]) => ({ label: { shape: [data.length], data: Float32Array.from(data) } })
const draw = (n: number, seed: number) => {
  const data = new Float32Array(4 * n)
  normal(key(seed), data)
  return { shape: [n, 4], data }
}
const deviation = (v: ArrayLike<number>) => Math.sqrt(variance(v))

describe('rescale', () => {
  const process = vpLinear()
  const states = draw(3, 1)
  const times = Float64Array.of(0.9, 0.5, 0.2)
  const given = labels(0, 1, 0)
  const scale = 6
  const guide = (phi: number, on?: 'data' | 'noise' | 'velocity') =>
    classifierFree(worlds(process).denoiser, { scale, unconditional, rescale: { phi, on } })

  test.each(['data', 'noise', 'velocity'] as const)(
    '%s: phi = 1 gives the spread of the conditional one, row by row',
    async (on) => {
      const { denoiser } = worlds(process)
      const asOn = async (model: Denoiser, condition: Condition) => {
        const data = await model.predict(states, times, 'data', condition)
        return convert(process, 'data', on, data, states, times)
      }
      const c = await asOn(denoiser, given)
      const plain = await asOn(guide(0), given)
      const full = await asOn(guide(1, on), given)
      const half = await asOn(guide(0.4, on), given)
      for (let i = 0; i < 3; i++) {
        expect(deviation(row(full, i))).toBeCloseTo(deviation(row(c, i)), 5)
        const factor = deviation(row(c, i)) / deviation(row(plain, i))
        expect(Math.abs(factor - 1)).toBeGreaterThan(1e-3)
        row(half, i).forEach((value, j) => {
          expect(value).toBeCloseTo(row(plain, i)[j] * (0.4 * factor + 0.6), 4)
        })
      }
    },
  )

  test('the same law whichever target the solver asks for; data by default', async () => {
    for (const on of [undefined, 'data', 'noise', 'velocity'] as const) {
      const guided = guide(0.7, on)
      const noise = await guided.predict(states, times, 'noise', given)
      const data = await guided.predict(states, times, 'data', given)
      convert(process, 'noise', 'data', noise, states, times)
      data.data.forEach((value, i) => {
        expect(Math.abs(value - noise.data[i])).toBeLessThan(2e-4)
      })
      if (on === undefined) {
        expect(data.data).toEqual((await guide(0.7, 'data').predict(states, times, 'data', given)).data)
      } else if (on !== 'data') {
        expect(data.data).not.toEqual((await guide(0.7).predict(states, times, 'data', given)).data)
      }
    }
  })

  test('where the signal is gone, velocity is data and noise does nothing', async () => {
    const gone = flow()
    const one = Float64Array.of(1, 1, 1)
    const { denoiser } = worlds(gone)
    const at = (phi: number, on: 'data' | 'velocity') =>
      classifierFree(denoiser, { scale, unconditional, rescale: { phi, on } }).predict(states, one, 'data', given)
    const [data, velocity, plain] = [await at(1, 'data'), await at(1, 'velocity'), await at(0, 'data')]
    data.data.forEach((value, i) => {
      expect(velocity.data[i]).toBeCloseTo(value, 5)
    })
    expect(data.data).not.toEqual(plain.data)
    const noise = classifierFree(denoiser, { scale, unconditional, rescale: { phi: 1, on: 'noise' } })
    const eps = await noise.predict(states, one, 'noise', given)
    eps.data.forEach((value, i) => {
      expect(value).toBeCloseTo(states.data[i], 5)
    })
  })

  test('phi = 0 changes no bit, a constant prediction is left alone', async () => {
    const without = classifierFree(worlds(process).denoiser, { scale, unconditional })
    expect((await guide(0).predict(states, times, 'noise', given)).data).toEqual(
      (await without.predict(states, times, 'noise', given)).data,
    )
    const { denoiser } = labelled()
    const flat = classifierFree(denoiser, { scale: 2, unconditional, rescale: { phi: 1 } })
    const zero = { shape: [1, 2], data: new Float32Array(2) }
    expect(Array.from((await flat.predict(zero, Float64Array.of(0.5), 'data', labels(3))).data)).toEqual([55, 55])
  })

  test('refuses a phi outside 0 to 1', () => {
    expect(() => guide(1.5)).toThrow('phi = 1.5; give a number from 0 to 1')
  })
})

describe('interval', () => {
  const process = vpLinear()
  const times = Float64Array.of(0.9, 0.6, 0.5, 0.2, 0.2000001)
  const states = draw(5, 2)
  const given = labels(0, 1, 0, 1, 0)
  const interval = { low: 0.2, high: 0.6 }

  test('guides within (low, high] alone, in one batch, and counts what it does', async () => {
    const { denoiser, meter, batches } = worlds(process)
    const outside = { nfe: 0 }
    const guided = counted(classifierFree(denoiser, { scale: 3, unconditional, interval }), outside)
    const result = await guided.predict(states, times, 'data', given)
    expect(batches).toEqual([8])
    expect([meter.nfe, outside.nfe]).toEqual([8, 8])
    const always = await classifierFree(denoiser, { scale: 3, unconditional }).predict(states, times, 'data', given)
    const never = await denoiser.predict(states, times, 'data', given)
    for (let i = 0; i < 5; i++) expect(row(result, i)).toEqual(row([1, 2, 4].includes(i) ? always : never, i))
  })

  test('the same in rho, the sigma of EDM', async () => {
    const { denoiser } = worlds(process)
    const rho = (t: number) => Math.exp(-process.logSnr(t))
    const inRho = classifierFree(denoiser, {
      scale: 3,
      unconditional,
      interval: { low: rho(0.2), high: rho(0.6), of: 'rho' },
    })
    const inTime = classifierFree(denoiser, { scale: 3, unconditional, interval })
    expect((await inRho.predict(states, times, 'noise', given)).data).toEqual(
      (await inTime.predict(states, times, 'noise', given)).data,
    )
  })

  test('scale 0 is unconditional inside only, at 1 NFE a row', async () => {
    const { denoiser, meter } = worlds(process)
    const zero = classifierFree(denoiser, { scale: 0, unconditional, interval })
    const result = await zero.predict(states, times, 'data', given)
    expect(meter.nfe).toBe(5)
    expect([0.9, 0.5].map((t) => rowCostAt(zero, t))).toEqual([1, 1])
    const free = await denoiser.predict(states, times, 'data', labels(0.5, 0.5, 0.5, 0.5, 0.5))
    const conditional = await denoiser.predict(states, times, 'data', given)
    for (let i = 0; i < 5; i++) expect(row(result, i)).toEqual(row([1, 2, 4].includes(i) ? free : conditional, i))
  })

  test('a run costs what its plan says, and so does every level of a chain, with rows of any time in a batch', async () => {
    const { denoiser, meter } = worlds(process)
    const plan = ddpm()(process, uniformGrid(process, 10))
    const guided = batched(classifierFree(denoiser, { scale: 3, unconditional, interval, rescale: { phi: 0.7 } }), {
      maxBatch: 8,
    })
    const keys = [key(1), key(2)]
    await execute(plan, guided, start(plan, guided, keys), { keys, condition: labels(0, 1) })
    expect(nfeOf(plan, 0, 10, guided)).toBe(14)
    expect(meter.nfe).toBe(28)
    const chain = pixelChain({ denoiser: guided, plan, condition: labels(1), branchAt: [10, 6, 3] })
    expect([0, 1, 2].map((level) => chain.cost(level))).toEqual([4, 6, 4])
    expect([0, 1, 2, 3].map((level) => chain.lookaheadCost(level))).toEqual([1, 2, 2, 0])
  })

  test('a row depends on itself alone, not on who else is guided', async () => {
    const { denoiser } = worlds(process)
    const guided = classifierFree(denoiser, { scale: 3, unconditional, interval, rescale: { phi: 0.7 } })
    const whole = await guided.predict(states, times, 'noise', given)
    for (let i = 0; i < 5; i++) {
      const alone = await guided.predict(gather(states, [i]), times.slice(i, i + 1), 'noise', conditionRows(given, [i]))
      expect(row(whole, i)).toEqual(alone.data)
    }
  })

  test('refuses levels that are no interval', () => {
    const { denoiser } = worlds(process)
    expect(() => classifierFree(denoiser, { scale: 3, unconditional, interval: { low: 0.5, high: 0.5 } })).toThrow(
      'goes from 0.5 to 0.5; give two levels, 0 <= low < high',
    )
  })
})
