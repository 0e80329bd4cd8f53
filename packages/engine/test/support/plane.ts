/** Networks of the plane, small enough to be written down: a denoiser and a classifier. */

import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import type { Runtime } from 'espalier/runtime'
import type { NewModel } from '../../src/index.ts'

/** Predicts the noise of data at the origin, bent a little. */
export function plane(): NewModel {
  const graph = new GraphBuilder()
  const x = graph.input('x', ['n', 2])
  const t = graph.input('t', ['n'])
  graph.output('y', x.tanh().mul(t.reshape([-1, 1]).add(graph.constant(tensor([0.2], [1])))))
  return {
    key: 'plane',
    card: { type: 'network', name: 'plane', process: { type: 'vp-linear' }, prediction: 'noise', event: [2] },
    graph: writeModel(graph.build()),
  }
}

/** Tells left from right. */
export function sides(): NewModel {
  const graph = new GraphBuilder()
  const x = graph.input('x', ['n', 2])
  graph.output('logits', x.matmul(graph.parameter('w', tensor([-1, 1, 0, 0], [2, 2]))))
  return {
    key: 'plane-classifier',
    card: { type: 'classifier', name: 'sides', event: [2], classes: ['left', 'right'] },
    graph: writeModel(graph.build()),
  }
}

/** A runtime that counts the calls that begin, and tells of each. */
export function counting(runtime: Runtime) {
  const counted = {
    calls: 0,
    onCall: (_: number) => {},
    runtime: {
      ...runtime,
      async load(model, options) {
        const session = await runtime.load(model, options)
        return {
          inputs: session.inputs,
          outputs: session.outputs,
          run(...given) {
            counted.onCall(++counted.calls)
            return session.run(...given)
          },
          release: () => session.release(),
        }
      },
    } satisfies Runtime as Runtime,
  }
  return counted
}
