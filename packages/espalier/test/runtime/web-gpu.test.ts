import { describe, expect, test } from 'vitest'
import type { RuntimeTensor, Session } from '../../src/runtime/runtime.ts'
import { checkedSession } from '../../src/runtime/web-gpu.ts'

/** A session that multiplies, and is off by a factor from some run on. */
function times(factor: number) {
  const seen = { runs: 0, released: 0 }
  const session: Session = {
    inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    async run({ x }) {
      seen.runs++
      return { y: { ...(x as RuntimeTensor), data: (x as { data: Float32Array }).data.map((v) => factor * v) } }
    },
    async release() {
      seen.released++
    },
  }
  return { session, seen }
}

const x = { type: 'float32', shape: [3], data: Float32Array.of(1, -2, 4) } as const

describe('a session that is held against another', () => {
  test('is used on where its first batch agrees', async () => {
    const [gpu, cpu] = [times(1.0005), times(1)]
    const checked = checkedSession(gpu.session, cpu.session, (message) => expect.fail(message))
    const results = [await checked.run({ x }), await checked.run({ x })]
    for (const { y } of results) expect([...(y.data as Float32Array)][2]).toBeCloseTo(4.002, 5)
    expect(cpu.seen).toEqual({ runs: 1, released: 1 })
    await checked.release()
    expect(gpu.seen.released).toBe(1)
  })

  test.each([1.002, 0, Number.NaN, -1])('is left where it computes %f times the value', async (factor) => {
    const doubts: string[] = []
    const [gpu, cpu] = [times(factor), times(1)]
    const checked = checkedSession(gpu.session, cpu.session, (message) => doubts.push(message))
    const [first, second] = await Promise.all([checked.run({ x }), checked.run({ x })])
    expect(first.y.data).toEqual(x.data)
    expect(second.y.data).toEqual(x.data)
    expect(gpu.seen).toEqual({ runs: 1, released: 1 })
    expect(doubts).toEqual([expect.stringMatching(/^WebGPU differs from WebAssembly by .* so WebAssembly is used$/)])
    await checked.release()
    expect(cpu.seen.released).toBe(1)
  })

  test('that was never run ends both', async () => {
    const [gpu, cpu] = [times(1), times(1)]
    await checkedSession(gpu.session, cpu.session, () => {}).release()
    expect([gpu.seen.released, cpu.seen.released]).toEqual([1, 1])
  })
})
