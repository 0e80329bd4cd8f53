import type { Runtime } from 'espalier/runtime'
import { expect, it } from 'vitest'
import { engineSettingsOf } from '../src/engine/engine-settings.ts'
import { toldFetch, toldRuntime } from '../src/engine/loading.ts'
import type { Loading } from '../src/engine/protocol.ts'

/** Pieces of so many bytes, each in its own time. */
const pieces = (...sizes: number[]) =>
  new ReadableStream<Uint8Array>({
    async pull(controller) {
      const size = sizes.shift()
      if (size === undefined) return controller.close()
      await new Promise((resolve) => setTimeout(resolve, 120))
      controller.enqueue(new Uint8Array(size))
    },
  })

it('tells how much of the runtime and of networks has come, and that they are compiled then', async () => {
  const told: Loading[] = []
  const headers = { 'content-type': 'application/wasm' }
  const ask = toldFetch(
    async () => new Response(pieces(1000, 500), { headers }),
    (loading) => told.push(loading),
  )
  const response = await ask('http://localhost/assets/ort-wasm-simd-threaded-abc.wasm')
  expect(response.headers.get('content-type')).toBe('application/wasm')
  expect((await response.arrayBuffer()).byteLength).toBe(1500)
  expect(told).toEqual([{ what: 'runtime', bytes: 1000 }, { what: 'runtime', bytes: 1500 }, { what: 'compiling' }])
  told.length = 0
  await (await ask('http://localhost/models/mnist-small/model.onnx')).arrayBuffer()
  expect(told[0]).toEqual({ what: 'model mnist-small', bytes: 1000 })
  told.length = 0
  await (await ask('http://localhost/models/mnist-small/card.json')).arrayBuffer()
  expect(told).toEqual([])
})

it('tells that a network is opened, and that it is open or cannot be', async () => {
  const told: (Loading | null)[] = []
  const failing: Runtime = { name: 'none', load: () => Promise.reject(new Error('no')), close: async () => {} }
  const runtime = toldRuntime(failing, (loading) => told.push(loading))
  await expect(runtime.load(new Uint8Array())).rejects.toThrow('no')
  expect(told).toEqual([{ what: 'compiling' }, null])
})

it.each([
  ['', { threads: undefined, backend: undefined, anyAdapter: false }],
  ['?threads=2&backend=wasm', { threads: 2, backend: 'wasm', anyAdapter: false }],
  ['?threads=0&adapter=any', { threads: undefined, backend: undefined, anyAdapter: true }],
  ['?threads=many&backend=gpu', { threads: undefined, backend: undefined, anyAdapter: false }],
])('reads what the address "%s" asks of the engine', (search, expected) => {
  expect(engineSettingsOf(search)).toEqual(expected)
})
