/**
 * What gradients of the digit network cost at batch 64, against its forward pass.
 *
 * - training: loss and gradients of all weights, which are inputs of the graph, over the forward pass in the same form
 *   (and over the forward pass with the weights baked in, which the engine runs faster)
 * - guidance: the gradient in the state, weights baked in, over that forward pass
 *
 * Goal: forward and backward at most 3.5 times the forward pass of the same form. Also network evaluations per second.
 */
import { lift, readModel, vjp, writeModel } from '@espalier/graph'
import { digitNetwork, mnistNetworkSize } from '@espalier/zoo'
import { nodeRuntime, physicalCores } from 'espalier/node'
import { key, normal, type Tensor } from 'espalier/tensor'
import { bakeParameters, meanSquare, trainingGraph } from 'espalier/train'
import { digitModel } from './support/digits.ts'
import { pairwise, ratio, report, summary } from './support/pairwise.ts'

const batch = 64
const { name, graph } = digitModel()
const zoo = readModel(graph)
const { model: fresh, parameters } = digitNetwork(1, mnistNetworkSize)
const trained = parameters.every((parameter) => zoo.graph.initializers.has(parameter))
const weightOf = (parameter: string) => (trained ? zoo : fresh).graph.initializers.get(parameter)!
const model = bakeParameters(fresh, new Map(parameters.map((p) => [p, weightOf(p).data as Float32Array])))

const random = (seed: number, shape: readonly number[]): Tensor => {
  const data = new Float32Array(shape.reduce((product, n) => product * n, 1))
  normal(key(seed), data)
  return { shape, data }
}
const x = random(1, [batch, 1, 28, 28])
const inputs = {
  x,
  t: { shape: [batch], data: Float32Array.from({ length: batch }, (_, i) => (i + 0.5) / batch) },
  label: { shape: [batch, 10], data: Float32Array.from({ length: batch * 10 }, (_, i) => (i % 11 === 0 ? 1 : 0)) },
}
const weights: Record<string, Tensor> = {}
for (const parameter of parameters) {
  const { shape, data } = weightOf(parameter)
  weights[parameter] = { shape, data: data as Float32Array }
}

const runtime = nodeRuntime({ workers: 0 })
const arm = async (made: ReturnType<typeof readModel>, feeds: Readonly<Record<string, Tensor>>) => {
  const session = await runtime.load(writeModel(made), { memoryPattern: false })
  return () => session.run(feeds)
}
const timings = await pairwise(
  {
    forward: await arm(model, inputs),
    forwardLive: await arm(lift(model, parameters), { ...inputs, ...weights }),
    training: await arm(trainingGraph(model, parameters, meanSquare('prediction')), {
      ...inputs,
      ...weights,
      target: x,
    }),
    guidance: await arm(vjp(model, { wrt: ['x'], outputs: ['prediction'], keepOutputs: true }), {
      ...inputs,
      grad_prediction: x,
    }),
  },
  { rounds: 31, warmUp: 3 },
)
report('gradient', {
  measures: 'time of forward and backward in one graph over time of the forward pass, batch 64',
  goal: 'training over the forward pass of the same form (live weights): median <= 3.5',
  model: trained ? name : 'digit network (random weights)',
  parameters: Object.values(weights).reduce((sum, { data }) => sum + data.length, 0),
  threads: physicalCores(),
  results: {
    'training / forward, weights live': ratio(timings, 'training', 'forwardLive'),
    'training / forward, weights baked': ratio(timings, 'training', 'forward'),
    'guidance / forward, weights baked': ratio(timings, 'guidance', 'forward'),
    nfePerSecond: summary(timings.forward.map((ms) => (1000 * batch) / ms)),
    trainingRowsPerSecond: summary(timings.training.map((ms) => (1000 * batch) / ms)),
  },
})
await runtime.close()
