import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { fold, key, normal, type Tensor } from 'espalier/tensor'
import {
  bakeParameters,
  type CheckpointStore,
  crossEntropy,
  Layers,
  meanSquare,
  type Task,
  type TrainOptions,
  train,
  trainingGraph,
  warmupCosine,
} from 'espalier/train'
import { describe, expect, it } from 'vitest'

const runtime = nodeRuntime({ workers: 0 })

const random = (seed: number, shape: number[]): Tensor => {
  const data = new Float32Array(shape.reduce((a, d) => a * d, 1))
  normal(key(seed), data)
  return { shape, data }
}

/** Regression of a fixed linear map on random inputs. */
function regression(truth: Tensor, hidden?: number): Task {
  const [inputs, outputs] = truth.shape
  const b = new GraphBuilder()
  const layers = new Layers(b, key(1))
  const x = b.input('x', ['N', inputs])
  b.output('y', layers.linear('out', hidden ? layers.linear('in', x, hidden).silu() : x, outputs))
  return {
    model: b.build(),
    parameters: layers.parameters,
    loss: meanSquare('y'),
    batch(step) {
      const data = new Float32Array(16 * inputs)
      normal(fold(key(77), step), data)
      const target = new Float32Array(16 * outputs)
      for (let n = 0; n < 16; n++)
        for (let i = 0; i < inputs; i++)
          for (let j = 0; j < outputs; j++)
            target[n * outputs + j] += data[n * inputs + i] * truth.data[i * outputs + j]
      return { x: { shape: [16, inputs], data }, target: { shape: [16, outputs], data: target } }
    },
  }
}

const memoryStore = () => {
  let kept: Uint8Array | undefined
  const store: CheckpointStore & { saves: number } = {
    saves: 0,
    load: async () => kept,
    save: async (bytes) => {
      kept = bytes.slice()
      store.saves++
    },
  }
  return store
}

const settings = (steps: number, rest: Partial<TrainOptions> = {}): TrainOptions => ({
  runtime,
  steps,
  threads: 1,
  optimizer: { rate: warmupCosine(0.05, 60, 5), decay: 0 },
  ...rest,
})

describe('the training graph', () => {
  it('gives the gradient of least squares in closed form', async () => {
    const truth = random(1, [3, 2])
    const task = regression(truth)
    const session = await runtime.load(writeModel(trainingGraph(task.model, task.parameters, task.loss)))
    const [w, bias] = ['out.weight', 'out.bias'].map((name) => task.model.graph.initializers.get(name)!)
    const batch = task.batch(0)
    const outputs = await session.run({
      ...batch,
      'out.weight': { shape: w.shape, data: w.data as Float32Array },
      'out.bias': { shape: bias.shape, data: bias.data as Float32Array },
    })
    await session.release()
    expect(Object.keys(outputs).sort()).toEqual(['grad_out.bias', 'grad_out.weight', 'loss'])
    const expected = new Float64Array(6)
    let loss = 0
    for (let n = 0; n < 16; n++)
      for (let j = 0; j < 2; j++) {
        let residual = -batch.target.data[n * 2 + j]
        for (let i = 0; i < 3; i++) residual += batch.x.data[n * 3 + i] * (w.data as Float32Array)[i * 2 + j]
        loss += residual ** 2 / 32
        for (let i = 0; i < 3; i++) expected[i * 2 + j] += (2 * residual * batch.x.data[n * 3 + i]) / 32
      }
    expect((outputs.loss.data as Float32Array)[0]).toBeCloseTo(loss, 5)
    expected.forEach((value, i) => {
      expect((outputs['grad_out.weight'].data as Float32Array)[i]).toBeCloseTo(value, 5)
    })
  })

  it('gives the gradient of cross-entropy, (softmax - target) / n', async () => {
    const b = new GraphBuilder()
    b.output('logits', b.input('x', ['N', 3]).add(b.parameter('bias', tensor([0.5, -1, 2], [1, 3]))))
    const session = await runtime.load(writeModel(trainingGraph(b.build(), ['bias'], crossEntropy('logits'))))
    const outputs = await session.run({
      x: { shape: [2, 3], data: new Float32Array(6) },
      target: { shape: [2, 3], data: Float32Array.of(1, 0, 0, 0, 0.25, 0.75) },
      bias: { shape: [1, 3], data: Float32Array.of(0.5, -1, 2) },
    })
    await session.release()
    const weights = [0.5, -1, 2].map(Math.exp)
    const total = weights.reduce((a, v) => a + v, 0)
    const target = [0.5, 0.125, 0.375]
    weights.forEach((weight, i) => {
      expect((outputs.grad_bias.data as Float32Array)[i]).toBeCloseTo(weight / total - target[i], 6)
    })
    const logs = weights.map((weight) => Math.log(weight / total))
    expect((outputs.loss.data as Float32Array)[0]).toBeCloseTo(-target.reduce((sum, p, i) => sum + p * logs[i], 0), 6)
  })

  it('names a parameter that the loss does not reach', () => {
    const task = regression(random(1, [3, 2]))
    expect(() => trainingGraph(task.model, ['nothing'], task.loss)).toThrow('"nothing" is no initialiser')
  })
})

describe('training', () => {
  it('learns a linear map', async () => {
    const truth = random(1, [4, 3])
    const result = await train(
      regression(truth),
      settings(400, { optimizer: { rate: warmupCosine(0.05, 400, 5), decay: 0 } }),
    )
    truth.data.forEach((value, i) => {
      expect(result.weights.get('out.weight')![i]).toBeCloseTo(value, 3)
    })
  })

  it('continues from a checkpoint to the same bits as an uninterrupted run', async () => {
    const task = regression(random(2, [5, 3]), 12)
    const losses: number[] = []
    const whole = await train(task, settings(60, { onStep: ({ loss }) => void losses.push(loss) }))
    const store = memoryStore()
    const resumed: number[] = []
    // Killed twice: once with a checkpoint at the very step, once with a checkpoint some steps back.
    await train(task, settings(23, { store, onStep: ({ loss }) => void resumed.push(loss) }))
    let seen = 23
    const lost = train(
      task,
      settings(60, {
        store,
        checkpointEvery: 0,
        onStep: ({ step }) => {
          seen = step
          if (step === 41) throw new Error('killed')
        },
      }),
    )
    await expect(lost).rejects.toThrow('killed')
    expect(seen).toBe(41)
    const last = await train(task, settings(60, { store, onStep: ({ loss }) => void resumed.push(loss) }))
    expect(last.step).toBe(60)
    // Steps 24 to 40 ran in the killed session.
    expect(resumed).toEqual([...losses.slice(0, 23), ...losses.slice(40)])
    for (const name of task.parameters) {
      expect(last.weights.get(name)).toEqual(whole.weights.get(name))
      expect(last.average.get(name)).toEqual(whole.average.get(name))
    }
  })

  it('stops on a signal after the step, with a checkpoint', async () => {
    const stop = new AbortController()
    const store = memoryStore()
    const result = await train(
      regression(random(1, [3, 2])),
      settings(50, { store, signal: stop.signal, onStep: ({ step }) => void (step === 7 && stop.abort()) }),
    )
    expect(result.step).toBe(7)
    expect(store.saves).toBe(1)
    const rest = await train(regression(random(1, [3, 2])), settings(8, { store }))
    expect(rest.step).toBe(8)
  })

  it('exports what it trained: the baked average predicts what the averaged weights say', async () => {
    const task = regression(random(3, [4, 2]))
    const { average } = await train(task, settings(30))
    const session = await runtime.load(writeModel(bakeParameters(task.model, average)))
    const x = random(6, [1, 4])
    const { y } = await session.run({ x })
    await session.release()
    const [w, bias] = ['out.weight', 'out.bias'].map((name) => average.get(name)!)
    for (let j = 0; j < 2; j++) {
      const expected = x.data.reduce((sum, v, i) => sum + v * w[i * 2 + j], bias[j])
      expect((y.data as Float32Array)[j]).toBeCloseTo(expected, 5)
    }
  })

  it('says at which step it diverged', async () => {
    const task = regression(random(1, [3, 2]))
    const broken: Task = {
      ...task,
      batch: (step) => {
        const batch = task.batch(step)
        if (step === 4) batch.x.data[0] = Number.NaN
        return batch
      },
    }
    await expect(train(broken, settings(10))).rejects.toThrow('diverged at step 4: loss NaN')
  })

  it('refuses the checkpoint of another run', async () => {
    const store = memoryStore()
    await train(regression(random(1, [3, 2])), settings(3, { store, fingerprint: 'one' }))
    await expect(train(regression(random(1, [3, 2])), settings(5, { store, fingerprint: 'two' }))).rejects.toThrow(
      'belongs to another run (one; this one is two)',
    )
    await expect(train(regression(random(1, [3, 4])), settings(5, { store, fingerprint: 'one' }))).rejects.toThrow(
      'lacks "weights/out.weight" of 12 numbers',
    )
  })
})
