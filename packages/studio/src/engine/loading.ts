import type { Runtime } from 'espalier/runtime'
import type { Loading } from './protocol.ts'

/** Milliseconds between two reports of one file. */
const PERIOD = 100

/** What a file is called on its way; undefined of those that are too small to be told of. */
function nameOf(address: string): string | undefined {
  const parts = new URL(address).pathname.split('/')
  const file = parts.at(-1) as string
  if (file.endsWith('.wasm')) return 'runtime'
  return file === 'model.onnx' ? `model ${parts.at(-2)}` : undefined
}

/** A `fetch` that tells how much of networks and runtime has come. */
export function toldFetch(ask: typeof fetch, tell: (loading: Loading) => void): typeof fetch {
  return async (input, init) => {
    const response = await ask(input, init)
    const what = nameOf(response.url || String(input instanceof Request ? input.url : input))
    if (!what || !response.ok || !response.body) return response
    let bytes = 0
    let told = 0
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.length
          const now = performance.now()
          if (now - told > PERIOD) tell({ what, bytes })
          if (now - told > PERIOD) told = now
          controller.enqueue(chunk)
        },
        flush: () => tell({ what: 'compiling' }),
      }),
    )
    // Whoever compiles while it comes looks at the type, so the headers stay.
    return new Response(counted, { status: response.status, headers: response.headers })
  }
}

/** A runtime that tells when it opens a network, and when that is done. */
export function toldRuntime(runtime: Runtime, tell: (loading: Loading | null) => void): Runtime {
  return {
    ...runtime,
    async load(...given) {
      tell({ what: 'compiling' })
      try {
        return await runtime.load(...given)
      } finally {
        tell(null)
      }
    },
  }
}
