import { InferenceSession } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { evaluate, type Model, operators, readModel, vjp, writeModel } from '../src/index.ts'
import { type Case, fixtures, readCases, readNetwork } from './fixtures/fixture.ts'

const open = (bytes: Uint8Array) => InferenceSession.create(bytes, { logSeverityLevel: 3 })

/** A result of ONNX Runtime, or of the interpreter. */
interface Numbers {
  readonly dims: readonly number[]
  readonly data: unknown
}

const largest = (data: ArrayLike<number>) => Array.from(data).reduce((m, v) => Math.max(m, Math.abs(v)), 0)

/** Largest difference over the largest reference value, or over `floor` where all references are smaller. */
function relativeError(got: Numbers | undefined, want: Numbers, floor: number): number {
  if (!got) throw new Error('the graph does not return this tensor')
  expect(got.dims).toEqual(want.dims)
  const [a, b] = [Array.from(got.data as Float32Array), want.data as Float32Array]
  if (!a.every(Number.isFinite)) return Number.POSITIVE_INFINITY
  return largest(a.map((v, i) => v - b[i]!)) / Math.max(largest(b), floor)
}

/** Errors of all tensors that are off by more than `tolerance`. */
function mismatches(
  got: Record<string, Numbers>,
  want: Record<string, Numbers>,
  tolerance: number,
  prefix = '',
): string[] {
  // Some gradients are zero in exact arithmetic (a bias before a softmax or a norm), hence rounding of the others.
  const floor = 1e-2 * Math.max(...Object.values(want).map((t) => largest(t.data as Float32Array)))
  return Object.entries(want)
    .map(([name, t]) => [name, relativeError(got[`${prefix}${name}`], t, floor)] as const)
    .filter(([, error]) => !(error < tolerance))
    .map(([name, error]) => `${name}: relative error ${error.toExponential(1)}`)
}

const feeds = ({ input, seed }: Case) => ({
  ...input,
  ...Object.fromEntries(Object.entries(seed).map(([name, t]) => [`grad_${name}`, t])),
})

const interpret = (model: Model, inputs: Record<string, Numbers>): Record<string, Numbers> => {
  const arrays = Object.entries(inputs).map(([name, { dims, data }]) => [
    name,
    { shape: dims, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) },
  ])
  const results = Object.entries(evaluate(model, Object.fromEntries(arrays)))
  return Object.fromEntries(results.map(([name, { shape, data }]) => [name, { dims: shape, data }]))
}

const unknownOperators = ({ graph }: Model) => [
  ...new Set(graph.nodes.map((n) => n.op).filter((op) => !Object.hasOwn(operators, op))),
]

// Networks exported by torch; outputs and gradients by torch autograd in float64 (fixtures/make.py).
describe.each(fixtures)('%s', { timeout: 60_000 }, (name) => {
  const cases = readCases(name)
  const wrt = Object.keys(cases[0]!.grad)

  it('the exported file computes what torch computed', async () => {
    const session = await open(readNetwork(name))
    for (const c of cases) expect(mismatches(await session.run(c.input), c.output, 1e-5), c.name).toEqual([])
  })

  it('reads and writes without changing the function', async () => {
    const session = await open(writeModel(readModel(readNetwork(name))))
    for (const c of cases) expect(mismatches(await session.run(c.input), c.output, 1e-5), c.name).toEqual([])
  })

  it('the interpreter computes in float64 what torch computed', () => {
    const model = readModel(readNetwork(name))
    for (const c of cases) expect(mismatches(interpret(model, c.input), c.output, 1e-6), c.name).toEqual([])
  })

  it('vjp returns the gradients of torch, in ONNX Runtime', async () => {
    const model = readModel(readNetwork(name))
    expect(unknownOperators(model), 'operators without a definition').toEqual([])
    const session = await open(writeModel(vjp(model, { wrt, keepOutputs: true })))
    for (const c of cases) {
      const got = await session.run(feeds(c))
      expect(mismatches(got, c.output, 1e-5), c.name).toEqual([])
      expect(mismatches(got, c.grad, 1e-4, 'grad_'), c.name).toEqual([])
    }
  })

  it('vjp returns the gradients of torch, in the float64 interpreter', () => {
    const gradient = vjp(readModel(readNetwork(name)), { wrt })
    for (const c of cases) expect(mismatches(interpret(gradient, feeds(c)), c.grad, 1e-6, 'grad_'), c.name).toEqual([])
  })
})
