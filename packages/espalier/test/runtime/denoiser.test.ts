import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { edm } from '../../src/process/exploding.ts'
import { coefficientsAt, conversion } from '../../src/process/prediction.ts'
import type { Prediction } from '../../src/process/process.ts'
import { meanReverting } from '../../src/process/residual.ts'
import { vpLinear } from '../../src/process/variance-preserving.ts'
import { type NetworkCard, parseModelCard, type WorldCard } from '../../src/runtime/card.ts'
import { networkDenoiser } from '../../src/runtime/denoiser.ts'
import { batched } from '../../src/runtime/evaluator.ts'
import { loadDenoiser } from '../../src/runtime/load.ts'
import { counted } from '../../src/runtime/meter.ts'
import { nodeRuntime } from '../../src/runtime/node/index.ts'
import type { RuntimeTensor, Session } from '../../src/runtime/runtime.ts'
import { affineNetwork, affineRow, restorationNetwork } from './graphs.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

const json = {
  type: 'network',
  name: 'affine',
  process: { type: 'vp-linear' },
  prediction: 'velocity',
  event: [2, 2],
  label: { type: 'linear', scale: 1000, offset: -1 },
  conditions: { label: { default: [10], unconditional: [10], values: 11 } },
}
const card = parseModelCard(json) as NetworkCard
const vp = vpLinear()

const n = 3
const x = { shape: [n, 2, 2], data: Float32Array.from({ length: 4 * n }, (_, i) => Math.cos(i)) }
const t = Float64Array.of(0.9, 0.25, 0.5)
const classes = { label: { shape: [n], data: Float32Array.of(3, 7, 10) } }

/** The prediction in float64, from the network's formula and the definition of velocity. */
function expected(target: 'data' | 'noise', timeLabel: (time: number) => number, labels: ArrayLike<number>): number[] {
  return Array.from(t).flatMap((time, row) => {
    const state = Array.from(x.data.subarray(4 * row, 4 * row + 4))
    const [a, s] = [vp.a(time), vp.s(time)]
    const v = affineRow(state, timeLabel(time), labels[row])
    return state.map((value, i) => (target === 'data' ? a * value - s * v[i] : s * value + a * v[i]))
  })
}

function expectClose(actual: Float32Array, wanted: number[], digits = 4) {
  expect(actual.length).toBe(wanted.length)
  const errors = wanted.map((value, i) => Math.abs(actual[i] - value) / (1 + Math.abs(value)))
  expect(Math.max(...errors)).toBeLessThan(10 ** -digits)
}

describe('network denoiser', () => {
  test.each(['data', 'noise'] as const)('rows with their own times and labels, as %s', async (target) => {
    const denoiser = await loadDenoiser(runtime, affineNetwork(), card)
    const result = await denoiser.predict(x, t, target, classes)
    expect(result.shape).toEqual([n, 2, 2])
    expectClose(
      result.data,
      expected(target, (time) => 1000 * time - 1, classes.label.data),
    )
    await denoiser.release()
  })

  test('conditions that are left out take the default of the card', async () => {
    const denoiser = await loadDenoiser(runtime, affineNetwork(), card)
    const { data } = await denoiser.predict(x, t, 'data')
    expectClose(
      data,
      expected('data', (time) => 1000 * time - 1, [10, 10, 10]),
    )
    await denoiser.release()
  })

  test('integer times are rounded, and log-SNR labels are possible', async () => {
    const rounded = await loadDenoiser(runtime, affineNetwork({ time: 'int64', label: 'int32' }), card)
    expectClose(
      (await rounded.predict(x, t, 'noise', classes)).data,
      expected('noise', (time) => Math.round(1000 * time - 1), classes.label.data),
    )
    const edm = await loadDenoiser(runtime, affineNetwork(), {
      ...card,
      label: { type: 'log-snr', scale: -0.25, offset: 0 },
    })
    expectClose(
      (await edm.predict(x, t, 'noise', classes)).data,
      expected('noise', (time) => Math.log(vp.s(time) / vp.a(time)) / 4, classes.label.data),
    )
  })

  test('one target per row gives the rows of both predictions, to the last bit', async () => {
    const denoiser = await loadDenoiser(runtime, affineNetwork(), card)
    const [data, noise] = await Promise.all([denoiser.predict(x, t, 'data'), denoiser.predict(x, t, 'noise')])
    const mixed = await denoiser.predictEach!(x, t, ['noise', 'data', 'data'])
    expect(mixed.data.slice(0, 4)).toEqual(noise.data.slice(0, 4))
    expect(mixed.data.slice(4)).toEqual(data.data.slice(4))
  })

  test('through the evaluator: mixed targets and conditions in one batch', async () => {
    const denoiser = await loadDenoiser(runtime, affineNetwork(), card)
    const evaluator = batched(denoiser, { maxBatch: 8 })
    const ask = (row: number, target: 'data' | 'noise') =>
      evaluator.predict({ shape: [1, 2, 2], data: x.data.slice(4 * row, 4 * row + 4) }, t.slice(row, row + 1), target, {
        label: { shape: [1], data: classes.label.data.slice(row, row + 1) },
      })
    const rows = await Promise.all([ask(0, 'data'), ask(1, 'noise'), ask(2, 'data')])
    expect(evaluator.statistics).toMatchObject({ batches: 1, rows: 3 })
    const label = (time: number) => 1000 * time - 1
    expectClose(rows[0].data, expected('data', label, classes.label.data).slice(0, 4))
    expectClose(rows[1].data, expected('noise', label, classes.label.data).slice(4, 8))
    expectClose(rows[2].data, expected('data', label, classes.label.data).slice(8))
  })

  test('counts rows, never calls', async () => {
    const meter = { nfe: 0 }
    const denoiser = counted(await loadDenoiser(runtime, affineNetwork(), card), meter)
    await denoiser.predict(x, t, 'data')
    await denoiser.predictEach!(x, t, ['noise', 'data', 'data'])
    expect(meter.nfe).toBe(6)
    await counted({ ...denoiser, rowCost: 2 }, meter).predict(x, t, 'data')
    expect(meter.nfe).toBe(15)
  })
})

describe('a network around a mean', () => {
  const process = meanReverting()
  const mean = { shape: [n, 2, 2], data: Float32Array.from({ length: 4 * n }, (_, i) => Math.sin(3 * i)) }
  const around = {
    type: 'network',
    name: 'restoration',
    process: { type: 'mean-reverting' },
    event: [2, 2],
    conditions: { mean: { shape: [2, 2] } },
    mean: 'mean',
  }

  /** What the graph gives at `x = residual + mean`, taken as the prediction, of the residual. */
  function residualPrediction(prediction: Prediction, target: 'data' | 'noise'): number[] {
    return Array.from(t).flatMap((time, row) => {
      const at = (values: Float32Array) => Array.from(values.subarray(4 * row, 4 * row + 4))
      const [r, mu] = [at(x.data), at(mean.data)]
      const y = affineRow(
        r.map((v, i) => v + mu[i]),
        time,
        0,
      ).map((v, i) => v + 0.5 * mu[i])
      const [a, s] = [process.a(time), process.s(time)]
      // x_0 of the residual, by the definitions
      const data = r.map((v, i) => {
        if (prediction === 'data') return y[i] - mu[i]
        if (prediction === 'noise') return (v - s * y[i]) / a
        if (prediction === 'score') return (v + s * s * y[i]) / a
        if (prediction === 'velocity') return (a * v - s * y[i]) / (a * a + s * s)
        const [da, ds] = [process.da(time), process.ds(time)]
        return (ds * v - s * y[i]) / (a * ds - da * s) // u = a' r_0 + s' eps
      })
      return target === 'data' ? data : data.map((v, i) => (r[i] - a * v) / s)
    })
  }

  test.each(['data', 'noise', 'score', 'velocity', 'flow'] as const)(
    'sees x and speaks of the residual: %s',
    async (prediction) => {
      const denoiser = await loadDenoiser(runtime, restorationNetwork(), parseModelCard({ ...around, prediction }))
      for (const target of ['data', 'noise'] as const) {
        const { data } = await denoiser.predict(x, t, target, { mean })
        expectClose(data, residualPrediction(prediction, target), 3)
      }
      const each = await denoiser.predictEach!(x, t, ['data', 'noise', 'data'], { mean })
      expectClose(each.data.subarray(4, 8), residualPrediction(prediction, 'noise').slice(4, 8), 3)
      expectClose(each.data.subarray(8), residualPrediction(prediction, 'data').slice(8), 3)
      expect(mean.data[1]).toBe(Math.fround(Math.sin(3)))
      await denoiser.release()
    },
  )

  test('is refused without a mean of the shape of a state', async () => {
    const data = { ...around, prediction: 'data' }
    expect(() => parseModelCard({ ...data, mean: 'average' }, 'card.json')).toThrow(
      'card.json.mean: "average" is not described under "conditions"',
    )
    const flat = parseModelCard({ ...data, conditions: { mean: { shape: [4] } } })
    await expect(loadDenoiser(runtime, restorationNetwork(), flat)).rejects.toThrow(
      'The condition "mean" is float32 [4]; as the mean of the states it must be float32 [2, 2].',
    )
    const label = { ...data, conditions: { label: { shape: [2, 2] } }, mean: 'label' }
    await expect(loadDenoiser(runtime, affineNetwork(), parseModelCard(label))).rejects.toThrow('is int64 [2, 2]')
    expect(() => parseModelCard({ ...data, preconditioning: { type: 'edm', sigmaData: 1 } })).toThrow(
      'does not go with',
    )
    const denoiser = await loadDenoiser(runtime, restorationNetwork(), parseModelCard(data))
    await expect(denoiser.predict(x, t, 'data')).rejects.toThrow('needs the condition "mean"')
  })
})

describe('a network in the preconditioning of EDM', () => {
  const raw = { ...json, process: { type: 'edm' }, prediction: 'data', label: undefined }
  const preconditioned = { ...raw, preconditioning: { type: 'edm', sigmaData: 0.5 } }

  test('is scaled, labelled and converted as in the paper', async () => {
    const denoiser = await loadDenoiser(runtime, affineNetwork(), parseModelCard(preconditioned))
    const expected = Array.from(t).flatMap((time, row) => {
      const [sigma, d] = [edm().s(time), 0.5]
      const y = Array.from(x.data.subarray(4 * row, 4 * row + 4))
      const n = Math.sqrt(sigma ** 2 + d ** 2)
      const F = affineRow(
        y.map((v) => v / n),
        Math.log(sigma) / 4,
        classes.label.data[row],
      )
      return y.map((v, i) => (d ** 2 / n ** 2) * v + ((sigma * d) / n) * F[i])
    })
    const data = await denoiser.predict(x, t, 'data', classes)
    expectClose(data.data, expected)
    const noise = await denoiser.predict(x, t, 'noise', classes)
    expectClose(
      noise.data,
      expected.map((v, i) => (x.data[i] - v) / edm().s(t[Math.floor(i / 4)])),
    )
    expect(x.data[1]).toBe(Math.fround(Math.cos(1)))
  })

  test('is data, and keeps a label of its own', async () => {
    expect(() => parseModelCard({ ...preconditioned, prediction: 'noise' }, 'card.json')).toThrow(
      'card.json.prediction: preconditioning turns the output into data; expected "data", got "noise"',
    )
    expect(() => parseModelCard({ ...raw, preconditioning: { type: 'edm', sigmaData: 0 } })).toThrow('sigmaData')
    const label = { type: 'linear', scale: 1, offset: 0 }
    const own = await loadDenoiser(runtime, affineNetwork(), parseModelCard({ ...preconditioned, label }))
    const other = await loadDenoiser(runtime, affineNetwork(), parseModelCard(preconditioned))
    const [p, q] = await Promise.all([own.predict(x, t, 'data'), other.predict(x, t, 'data')])
    expect(Math.abs(p.data[0] - q.data[0])).toBeGreaterThan(1e-3)
  })
})

describe('what a network denoiser refuses', () => {
  let session: Session
  beforeAll(async () => {
    session = await runtime.load(affineNetwork())
  })
  const config = { ...card, process: vp }

  test('values that are not finite, naming row, time, label and noise level', async () => {
    const broken: Session = {
      ...session,
      run: async (feeds) => {
        const result = await session.run(feeds)
        ;(result.y.data as Float32Array)[4 + 2] = Number.NaN
        return result
      },
    }
    const failing = networkDenoiser(broken, config).predict(x, t, 'data')
    await expect(failing).rejects.toThrow(
      `The network gave NaN at value 2 of row 1 of 3, process time t = 0.25, time label 249, noise level s = ${vp.s(0.25)}.`,
    )
  })

  test('graphs that the card does not fit', () => {
    expect(() => networkDenoiser(session, { ...config, output: 'eps' })).toThrow('no output "eps" (it has: y)')
    expect(() => networkDenoiser(session, { ...config, inputs: { state: 'x', time: 'time' } })).toThrow(
      'no input "time"',
    )
    expect(() => networkDenoiser(session, { ...config, conditions: {} })).toThrow('input "label"')
    const scalar = session.inputs.map((input) => (input.name === 't' ? { ...input, shape: [] } : input))
    expect(() => networkDenoiser({ ...session, inputs: scalar }, config)).toThrow('it must be [n] or [n, 1]')
    const wrong: Session = {
      ...session,
      run: async () => ({ y: { type: 'float32', shape: [1, 2], data: new Float32Array(2) } }),
    }
    return expect(networkDenoiser(wrong, config).predict(x, t, 'data')).rejects.toThrow('expected float32 [3, 2, 2]')
  })

  test('conditions that are unknown, missing, out of range, or of another number of rows', async () => {
    const denoiser = networkDenoiser(session, config)
    const row = (values: number[]) => ({ label: { shape: [values.length], data: Float32Array.from(values) } })
    await expect(denoiser.predict(x, t, 'data', { text: classes.label })).rejects.toThrow(
      'no condition "text"; it has: label',
    )
    await expect(denoiser.predict(x, t, 'data', row([1, 11, 2]))).rejects.toThrow(
      '"label" of row 1 is 11; expected 0 to 10',
    )
    await expect(denoiser.predict(x, t, 'data', row([1, 2]))).rejects.toThrow('expected [3]')
    const strict = networkDenoiser(session, { ...config, conditions: { label: { shape: [] } } })
    await expect(strict.predict(x, t, 'data')).rejects.toThrow('needs the condition "label"')
  })

  test('a label that is not finite', async () => {
    const denoiser = networkDenoiser(session, { ...config, label: { type: 'log-snr', scale: 1, offset: 0 } })
    await expect(denoiser.predict(x, new Float64Array(n), 'noise')).rejects.toThrow(
      'time label at process time t = 0 is Infinity',
    )
  })
})

describe('model cards', () => {
  test('defaults are filled in', () => {
    expect(card.valueRange).toEqual([-1, 1])
    expect(card.inputs).toEqual({ state: 'x', time: 't' })
    expect(card.output).toBe('y')
    expect(card.conditions.label.shape).toEqual([])
  })

  test.each([
    [{ ...json, prediction: 'eps' }, /^card\.json\.prediction: /],
    [{ ...json, evnt: [1] }, /evnt/],
    [{ ...json, event: [2, 0] }, /^card\.json\.event\[1\]: /],
    [{ ...json, process: { type: 'vp-linear', b0: 'x' } }, /process/],
    [{ ...json, type: 'gan' }, /^card\.json\.type: /],
    [
      { ...json, conditions: { label: { default: [1, 2] } } },
      /conditions\.label\.default: 2 values, a row of shape \[\] has 1/,
    ],
    [{ type: 'classifier', name: 'c', event: [1], classes: ['a'] }, /classes/],
    [null, /card\.json/],
  ])('refuse %j in one line', (value, message) => {
    expect(() => parseModelCard(value, 'card.json')).toThrow(message)
    try {
      parseModelCard(value, 'card.json')
    } catch (error) {
      expect((error as Error).message).not.toContain('\n')
    }
  })

  test('an analytic world is a model like any other', async () => {
    const world = parseModelCard({ type: 'gaussian-mixture', means: [[1, -1]], stds: [0.5] }) as WorldCard
    const denoiser = await loadDenoiser(runtime, undefined, world)
    const state = { shape: [1, 2], data: Float32Array.of(0.3, 0.2) }
    const { data } = await denoiser.predict(state, Float64Array.of(0.4), 'noise')
    // E[eps | x] = s (x - a mu) / (a^2 S^2 + s^2)
    const [a, s] = [vp.a(0.4), vp.s(0.4)]
    const variance = a * a * 0.25 + s * s
    expectClose(
      data,
      [1, -1].map((mean, i) => (s * (state.data[i] - a * mean)) / variance),
      6,
    )
    const other = await loadDenoiser(runtime, undefined, { ...world, process: { type: 'vp-cosine' } })
    expect(other.process.name).toMatch(/cosine/)
    expect((await loadDenoiser(runtime, undefined, world, { process: other.process })).process).toBe(other.process)
    await denoiser.release()
  })

  test('what cannot be sampled from is refused', async () => {
    const classifier = parseModelCard({ type: 'classifier', name: 'digits', event: [1, 28, 28], classes: ['0', '1'] })
    await expect(loadDenoiser(runtime, affineNetwork(), classifier)).rejects.toThrow('"digits" is a classifier')
    await expect(loadDenoiser(runtime, undefined, card)).rejects.toThrow('its ONNX file is needed')
    await expect(loadDenoiser(runtime, affineNetwork(), { ...card, output: 'q' })).rejects.toThrow('no output "q"')
    await expect(loadDenoiser(runtime, affineNetwork(), card, { process: vp })).rejects.toThrow('cannot be chosen')
  })
})

test('a float16 network input is fed in half precision', async () => {
  let fed: RuntimeTensor | undefined
  const session: Session = {
    inputs: [
      { name: 'x', type: 'float32', shape: ['n', 1] },
      { name: 't', type: 'float16', shape: ['n', 1] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['n', 1] }],
    run: async (feeds) => {
      fed = feeds.t as RuntimeTensor
      return { y: { type: 'float32', shape: [2, 1], data: Float32Array.of(0, 0) } }
    },
    release: async () => {},
  }
  const denoiser = networkDenoiser(session, { process: vp, prediction: 'noise', event: [1] })
  const { data } = await denoiser.predict(
    { shape: [2, 1], data: Float32Array.of(1, 2) },
    Float64Array.of(0.5, 0.25),
    'data',
  )
  expect(fed).toEqual({ type: 'float16', shape: [2, 1], data: Uint16Array.of(0x3800, 0x3400) })
  const { x: scale } = conversion('noise', 'data', coefficientsAt(vp, 0.25))
  expect(data[1]).toBeCloseTo(2 * scale, 5)
})
