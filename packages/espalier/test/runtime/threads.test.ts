import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inThreads, rowRanges } from '../../src/runtime/node/index.ts'
// @ts-expect-error: JavaScript, as it is for a thread
import { rows } from './thread-jobs.mjs'

const module = new URL('./thread-jobs.mjs', import.meta.url)

describe('rows in ranges', () => {
  test('each row is in one, and none is longer than another by more than a row', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: 40 }), (n, parts) => {
        const ranges = rowRanges(n, parts)
        expect(ranges).toHaveLength(Math.min(n, parts))
        expect(ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual([
          ...Array(n).keys(),
        ])
        const lengths = ranges.map(({ from, to }) => to - from)
        if (n > 0) expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1)
      }),
    )
    expect(() => rowRanges(5, 0)).toThrow(/5 rows in 0 parts/)
  })
})

describe('threads', () => {
  test('give the bits of a run in one piece, however the rows are cut', async () => {
    const n = 203
    const whole: Float32Array = await rows({ from: 0, to: n, steps: 9 })
    for (const parts of [1, 3]) {
      const jobs = rowRanges(n, parts).map((range) => ({ ...range, steps: 9 }))
      const found = await inThreads<unknown, Float32Array>(module, 'rows', jobs, { threads: 2 })
      const together = new Float32Array(2 * n)
      for (const [i, part] of found.entries()) together.set(part, 2 * jobs[i].from)
      expect(new Int32Array(together.buffer)).toEqual(new Int32Array(whole.buffer))
    }
  })

  test('take one job after another, and results keep the order of the jobs', async () => {
    expect(await inThreads(module, 'count', ['a', 'b', 'c'], { threads: 1 })).toEqual([1, 2, 3])
    expect(await inThreads(module, 'fail', [5, 6, 7, 8], { threads: 2 })).toEqual([5, 6, 7, 8])
    expect(await inThreads(module, 'count', [])).toEqual([])
  })

  test('share what is shared', async () => {
    const shared = new Int32Array(new SharedArrayBuffer(4))
    const jobs = [1, 20, 300].map((at) => ({ shared, at }))
    await inThreads(module, 'add', jobs, { threads: 2 })
    expect(shared[0]).toBe(321)
  })

  test('say which job failed, and why, in one line', async () => {
    await expect(inThreads(module, 'fail', [1, 2, 3])).rejects.toThrow('fail, job 1 of 3: no luck')
    await expect(inThreads(module, 'absent', [1])).rejects.toThrow(/a thread of absent failed: .*exports no function/)
    const missing = new URL('./no-such-file.mjs', import.meta.url)
    await expect(inThreads(missing, 'fail', [1])).rejects.toThrow(/a thread of fail failed: Cannot find module/)
    await expect(inThreads(module, 'leave', [1])).rejects.toThrow('a thread of leave stopped (exit code 3)')
    await expect(inThreads(module, 'fail', [1], { threads: 0 })).rejects.toThrow('0 threads')
  })

  test('end at a signal', async () => {
    const late = AbortSignal.timeout(200)
    await expect(inThreads(module, 'never', [1, 2], { signal: late, threads: 1 })).rejects.toThrow(/timeout/)
    await expect(inThreads(module, 'fail', [1], { signal: late })).rejects.toThrow(/timeout/)
  })
})
