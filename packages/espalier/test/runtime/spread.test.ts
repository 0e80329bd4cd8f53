import { expect, test } from 'vitest'
import { type RuntimeTensor, type Session, spread } from '../../src/runtime/index.ts'

/** A session that answers with its number when it is told to. */
function pending(number: number) {
  const open: (() => void)[] = []
  const seen = { runs: 0, released: 0 }
  const output: RuntimeTensor = { type: 'float32', shape: [1], data: Float32Array.of(number) }
  const session: Session = {
    inputs: [],
    outputs: [],
    run: async (feeds) => {
      seen.runs++
      await new Promise<void>((resolve) => open.push(resolve))
      if ('bad' in feeds) throw new Error('bad')
      return { y: output }
    },
    release: async () => void seen.released++,
  }
  return { session, seen, end: () => open.shift()?.() }
}

test('runs go to the session with the fewest under way, also after one has failed', async () => {
  const [a, b] = [pending(0), pending(1)]
  const both = spread([a.session, b.session])
  const first = both.run({})
  const second = both.run({ bad: { shape: [0], data: new Float32Array(0) } })
  expect([a.seen.runs, b.seen.runs]).toEqual([1, 1])
  b.end()
  await expect(second).rejects.toThrow('bad')
  const third = both.run({})
  expect([a.seen.runs, b.seen.runs]).toEqual([1, 2])
  a.end()
  expect((await first).y.data[0]).toBe(0)
  b.end()
  expect((await third).y.data[0]).toBe(1)
  await both.release()
  expect([a.seen.released, b.seen.released]).toEqual([1, 1])
})

test('of no sessions is none', () => {
  expect(() => spread([])).toThrow('at least one session')
})
