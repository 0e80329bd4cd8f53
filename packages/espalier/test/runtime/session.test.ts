import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { WorkerHost } from '../../src/runtime/node/host.ts'
import { nodeRuntime } from '../../src/runtime/node/index.ts'
import { webRuntime } from '../../src/runtime/web.ts'
import { BufferPool, capacity } from '../../src/tensor/buffer-pool.ts'
import { convolutional, everyType, multiplyAdd } from './graphs.ts'

const runtimes = { worker: nodeRuntime(), inProcess: nodeRuntime({ workers: 0 }), web: webRuntime({ threads: 1 }) }
afterAll(() => Promise.all(Object.values(runtimes).map((runtime) => runtime.close())))

const feeds = () => ({
  x: { shape: [2, 4], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  t: { shape: [2, 1], data: Float32Array.of(2, 3) },
})

describe.each(Object.entries(runtimes))('sessions: %s', (_, runtime) => {
  test('runs a graph and describes it', async () => {
    const session = await runtime.load(multiplyAdd())
    expect(session.inputs).toEqual([
      { name: 'x', type: 'float32', shape: ['n', 4] },
      { name: 't', type: 'float32', shape: ['n', 1] },
    ])
    expect(session.outputs.map((output) => output.name)).toEqual(['y', 'z'])
    const given = feeds()
    const { y, z } = await session.run(given)
    expect(y).toEqual({ type: 'float32', shape: [2, 4], data: Float32Array.of(2, 4, 6, 8, 15, 18, 21, 24) })
    expect(z.data).toEqual(Float32Array.of(3, 4, 5, 6, 8, 9, 10, 11))
    expect(given).toEqual(feeds())
    expect(Object.keys(await session.run(given, ['z']))).toEqual(['z'])
    await session.release()
  })

  test('gives what a caller lends room for, with the same values, and other outputs as ever', async () => {
    const session = await runtime.load(multiplyAdd())
    const fresh = await session.run(feeds())
    const room = (length: number) => ({
      y: { type: 'float32', shape: [length / 4, 4], data: new Float32Array(length).fill(99) } as const,
    })
    for (const into of [room(8), room(8), room(4), room(400)]) {
      for (const fetches of [undefined, ['y']]) {
        const { y, z } = await session.run(feeds(), fetches, into)
        expect(y).toEqual(fresh.y)
        if (!fetches) expect(z).toEqual(fresh.z)
      }
    }
    const lent = room(8)
    const { y } = await session.run(feeds(), ['y'], lent)
    if (runtime === runtimes.worker) expect(y.data).toBe(lent.y.data)
    await session.release()
  })

  test('carries every type', async () => {
    const { model, feeds } = everyType()
    const session = await runtime.load(model)
    const results = await session.run(feeds)
    for (const name in feeds) {
      expect(results[`${name}_out`].type).toBe(name)
      expect(Array.from(results[`${name}_out`].data as Float32Array)).toEqual(
        Array.from(feeds[name].data as Float32Array),
      )
    }
    await session.release()
  })

  test('takes Node Buffers, and leaves them as they were', async () => {
    const bytes = multiplyAdd()
    const file = Buffer.from(bytes)
    await (await runtime.load(file)).release()
    expect(file.equals(bytes)).toBe(true)
    const { model, feeds } = everyType()
    const session = await runtime.load(model)
    const data = Buffer.from([7, 8])
    const { uint8_out } = await session.run({ ...feeds, uint8: { type: 'uint8', shape: [2], data } })
    expect(Array.from(uint8_out.data as Uint8Array)).toEqual([7, 8])
    expect(data.equals(Uint8Array.of(7, 8))).toBe(true)
    await session.release()
  })

  test('reads views and shared memory, and keeps concurrent runs apart', async () => {
    const session = await runtime.load(multiplyAdd())
    const all = Float32Array.from({ length: 40 }, (_, i) => i)
    const shared = new Float32Array(new SharedArrayBuffer(4))
    shared[0] = 10
    const runs = Array.from({ length: 8 }, (_, i) =>
      session.run({ x: { shape: [1, 4], data: all.subarray(4 * i, 4 * i + 4) }, t: { shape: [1, 1], data: shared } }, [
        'y',
      ]),
    )
    const results = await Promise.all(runs)
    const found = results.map(({ y }) => Array.from(y.data as Float32Array))
    expect(found).toEqual(runs.map((_, i) => [0, 1, 2, 3].map((j) => 10 * (4 * i + j))))
    await session.release()
  })

  test.each([
    ['a missing input', { x: feeds().x }, 'Input "t" is missing'],
    ['an unknown input', { ...feeds(), q: feeds().x }, 'no input "q"'],
    ['a wrong size', { ...feeds(), x: { shape: [2, 5], data: new Float32Array(10) } }, 'axis 1 is 5, must be 4'],
    ['a wrong rank', { ...feeds(), x: { shape: [8], data: new Float32Array(8) } }, 'rank 1 instead of 2'],
    [
      'a wrong type',
      { ...feeds(), x: { type: 'int32' as const, shape: [2, 4], data: new Int32Array(8) } },
      'given int32 [2, 4], the graph declares float32 [n, 4]',
    ],
    [
      'data of another type than stated',
      { ...feeds(), x: { type: 'float32' as const, shape: [2, 4], data: new Float64Array(8) } },
      'float32 values belong in a Float32Array',
    ],
    [
      'data that do not fill the shape',
      { ...feeds(), x: { shape: [2, 4], data: new Float32Array(7) } },
      'holds 8 values, the data 7',
    ],
  ])('refuses %s', async (_, given, message) => {
    const session = await runtime.load(multiplyAdd())
    await expect(session.run(given)).rejects.toThrow(message)
    // A refused call leaves the session usable.
    expect((await session.run(feeds(), ['y'])).y.shape).toEqual([2, 4])
    await session.release()
  })

  test('reports what the engine refuses, an unknown output, and a released session', async () => {
    const session = await runtime.load(multiplyAdd())
    await expect(session.run(feeds(), ['q'])).rejects.toThrow('no output "q"')
    const mismatched = { x: feeds().x, t: { shape: [3, 1], data: new Float32Array(3) } }
    await expect(session.run(mismatched)).rejects.toThrow(/ONNX Runtime stopped in the graph: \S/)
    await session.release()
    await session.release()
    await expect(session.run(feeds())).rejects.toThrow('was released')
  })

  test('refuses bytes that are not a model', async () => {
    await expect(runtime.load(Uint8Array.of(1, 2, 3))).rejects.toThrow('cannot load the model (3 bytes)')
  })

  test('rows of a batch equal the same rows alone, and every call is repeatable', async () => {
    const session = await runtime.load(convolutional(16, 3))
    const size = 4 * 14 * 14
    const data = Float32Array.from({ length: 5 * size }, (_, i) => Math.sin(i))
    const run = async (from: number, to: number) => {
      const x = { shape: [to - from, 4, 14, 14], data: data.subarray(from * size, to * size) }
      const t = { shape: [to - from], data: Float32Array.from({ length: to - from }, (_, i) => (from + i) / 5) }
      return (await session.run({ x, t })).y.data as Float32Array
    }
    const whole = await run(0, 5)
    expect(await run(0, 5)).toEqual(whole)
    const alone = await run(3, 4)
    for (let i = 0; i < size; i++) expect(alone[i]).toBeCloseTo(whole[3 * size + i], 5)
    await session.release()
  })
})

describe('worker runtime', () => {
  test('does not block the event loop', async () => {
    const session = await runtimes.worker.load(convolutional(64, 8), { threads: 1 })
    const x = { shape: [64, 4, 14, 14], data: new Float32Array(64 * 784) }
    const t = { shape: [64], data: new Float32Array(64) }
    let turns = 0
    let done = false
    const running = session.run({ x, t }).then(() => {
      done = true
    })
    while (!done) {
      turns++
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    await running
    expect(turns).toBeGreaterThan(10)
    await session.release()
  })

  test('gives buffers away only when asked to', async () => {
    const session = await runtimes.worker.load(multiplyAdd(), { transfer: true })
    const given = feeds()
    await session.run(given)
    expect(given.x.data.length).toBe(0)
    const kept = feeds()
    const view = {
      ...kept,
      x: { shape: [1, 4], data: kept.x.data.subarray(0, 4) },
      t: { shape: [1, 1], data: new Float32Array(1) },
    }
    await session.run(view)
    expect(kept.x.data.length).toBe(8)
    // One array under two names travels once.
    const square = Float32Array.of(1, 2, 3, 4)
    const t = { shape: [1, 1], data: square.subarray(0, 1) }
    expect((await session.run({ x: { shape: [1, 4], data: square }, t }, ['y'])).y.data).toEqual(
      Float32Array.of(1, 2, 3, 4),
    )
    await session.release()
  })

  test('spreads sessions over its workers and closes after the runs under way', async () => {
    const runtime = nodeRuntime({ workers: 2 })
    const sessions = await Promise.all([0, 1, 2].map(() => runtime.load(multiplyAdd())))
    const running = sessions.map((session) => session.run(feeds(), ['y']))
    await runtime.close()
    for (const result of await Promise.all(running)) expect(result.y.shape).toEqual([2, 4])
    await expect(sessions[0].run(feeds())).rejects.toThrow('closed')
    await expect(runtime.load(multiplyAdd())).rejects.toThrow('closed')
    await sessions[0].release()
    await runtime.close()
  })

  test('a worker that dies rejects what waits for it, and what comes after', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'espalier-worker-'))
    const start = (code: string) => {
      const file = join(folder, `${Math.random()}.mjs`)
      writeFileSync(
        file,
        `import { parentPort } from 'node:worker_threads'\nparentPort.on('message', () => { ${code} })`,
      )
      return new WorkerHost(file)
    }
    const options = { threads: 1, optimization: 'all', memoryPattern: true, flushDenormals: true } as const
    const exits = start('process.exit(3)')
    const first = exits.load(multiplyAdd(), options, false)
    const second = exits.load(multiplyAdd(), options, false)
    await expect(first).rejects.toThrow('The network worker stopped (exit code 3)')
    await expect(second).rejects.toThrow('exit code 3')
    await expect(exits.load(multiplyAdd(), options, false)).rejects.toThrow('exit code 3')
    const throws = start('throw new Error("out of luck")')
    await expect(throws.load(multiplyAdd(), options, false)).rejects.toThrow('The network worker crashed: out of luck')
    await throws.close()
  })

  test('a runtime that is never closed does not keep the process alive', () => {
    const script = `
      import { nodeRuntime } from 'espalier/node'
      const session = await nodeRuntime().load(Uint8Array.from(${JSON.stringify(Array.from(multiplyAdd()))}))
      const x = { shape: [1, 4], data: new Float32Array(4) }
      const { y } = await session.run({ x, t: { shape: [1, 1], data: new Float32Array(1) } })
      console.log(y.shape.join())`
    const args = ['--input-type=module', '--eval', script]
    expect(execFileSync(process.execPath, args, { cwd: import.meta.dirname, timeout: 30_000, encoding: 'utf8' })).toBe(
      '1,4\n',
    )
  })

  test('refuses settings that make no sense', async () => {
    expect(() => nodeRuntime({ workers: -1 })).toThrow('workers is -1')
    await expect(runtimes.worker.load(multiplyAdd(), { threads: 0 })).rejects.toThrow('threads: given 0')
  })
})

describe('buffer pool', () => {
  test('hands a returned buffer out again, for any size of its class', () => {
    const pool = new BufferPool(2)
    const a = pool.take(1000)
    expect(a.byteLength).toBe(1024)
    pool.give([a])
    expect(pool.take(600)).toBe(a)
    expect(pool.take(600)).not.toBe(a)
    pool.give([new ArrayBuffer(64), new ArrayBuffer(64), a])
    expect(pool.take(1000)).toBe(a)
    expect(capacity(3 * 2 ** 20 + 1)).toBe(4 * 2 ** 20)
    expect(capacity(0)).toBe(64)
  })
})
