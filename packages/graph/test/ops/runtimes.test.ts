import * as web from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import { evaluate, isFloat, type Model, vjp } from '../../src/index.ts'
import { families } from './cases/index.ts'
import {
  type Arrays,
  difference,
  feedsOf,
  like,
  modelOf,
  nameOf,
  openOrt,
  prefixed,
  Random,
  type Runtime,
  wrtOf,
} from './harness.ts'

web.env.wasm.numThreads = 1
web.env.logLevel = 'error'

const all = Object.values(families)
  .flat()
  .filter((c) => wrtOf(c).length > 0 && !c.withoutOrt && !c.gradients)
const first = [...new Set(all.map((c) => c.op))].map((op) => all.filter((c) => c.op === op)[0])

/** The gradient graph of a case with numbers to feed it. */
function gradientOf(c: (typeof first)[number]): { model: Model; feeds: Arrays } | undefined {
  const forward = modelOf(c, 'float32')
  const outputs = forward.graph.outputs.filter((o) => isFloat(o.type)).map((o) => o.name)
  if (outputs.length === 0) return undefined
  const model = vjp(forward, { wrt: wrtOf(c).map((i) => `x${i}`), outputs, keepOutputs: true })
  const feeds = feedsOf(c, 2)
  const y = evaluate(forward, feeds)
  const random = new Random(3)
  const seeds = Object.fromEntries(outputs.map((name) => [name, like(y[name], random)]))
  return { model, feeds: { ...feeds, ...prefixed('grad_', seeds) } }
}

const worst = (got: Arrays, want: Arrays): number =>
  Math.max(...Object.keys(want).map((name) => difference(got[name], want[name])))

// One file for every runtime: what the first case of every operator gives in Node, in WASM, and unoptimised.
describe('gradient graphs run alike', () => {
  it.each(first.map((c) => [nameOf(c), c] as const))('%s', async (_, c) => {
    const made = gradientOf(c)
    if (!made) return
    const { model, feeds } = made
    const want = evaluate(model, feeds)
    const inWasm = await openOrt(model, { executionProviders: ['wasm'] }, web as unknown as Runtime)
    expect(worst(await inWasm(feeds), want), 'in WASM').toBeLessThan(1e-4)
    for (const graphOptimizationLevel of ['disabled', 'basic', 'extended'] as const) {
      const run = await openOrt(model, { graphOptimizationLevel })
      expect(worst(await run(feeds), want), graphOptimizationLevel).toBeLessThan(2e-5)
    }
    // Sums in a fixed order: two threads, twice the same bits.
    const run = await openOrt(model, { intraOpNumThreads: 2 })
    expect(await run(feeds)).toEqual(await run(feeds))
  })
})
