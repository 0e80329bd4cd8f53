import { isTextCard, type ModelSource } from '@espalier/engine'
import { loadDenoiser, type ModelCard, type Runtime } from 'espalier/runtime'

/** Batches that are timed, after one that warms up. */
const TIMED = 2

interface Place {
  readonly source: ModelSource
  readonly runtime: Runtime
}

/** One network evaluation of every row of a batch, and the end of the session. */
interface Asked {
  ask(): Promise<unknown>
  release(): Promise<void>
}

/**
 * Seconds that one network evaluation takes here, from a few full batches.
 *
 * @param event shape of a state
 * @param rows of a batch
 */
export async function probe(key: string, event: readonly number[], rows: number, place: Place): Promise<number> {
  const { ask, release } = await opened(key, event, rows, place)
  try {
    await ask()
    const begun = performance.now()
    for (let i = 0; i < TIMED; i++) await ask()
    return (performance.now() - begun) / 1000 / (TIMED * rows)
  } finally {
    await release()
  }
}

async function opened(key: string, event: readonly number[], rows: number, place: Place): Promise<Asked> {
  const { source, runtime } = place
  const card = await source.card(key)
  const graph = await source.graph(key)
  const times = new Float64Array(rows).fill(0.5)
  if (isTextCard(card)) {
    if (!graph) throw new Error(`${key} has no network`)
    const { loadTokenDenoiser } = await import('espalier/text')
    const denoiser = await loadTokenDenoiser(runtime, graph, card)
    const tokens = { shape: [rows, event[0]], data: new Int32Array(rows * event[0]) } as const
    return { ask: () => denoiser.predict(tokens, times), release: () => denoiser.release() }
  }
  const denoiser = await loadDenoiser(runtime, graph, card as ModelCard)
  const size = event.reduce((product, n) => product * n, 1)
  const batch = { shape: [rows, ...event], data: new Float32Array(rows * size).fill(0.5) }
  return { ask: () => denoiser.predict(batch, times, 'data'), release: () => denoiser.release() }
}
