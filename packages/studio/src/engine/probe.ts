import type { ModelSource } from '@espalier/engine'
import { loadDenoiser, type ModelCard, type Runtime } from 'espalier/runtime'

/** Batches that are timed, after one that warms up. */
const TIMED = 2

/**
 * Seconds that one network evaluation takes here, from a few full batches of a model of images or points.
 *
 * @param event shape of a state
 * @param rows of a batch
 */
export async function probe(
  key: string,
  event: readonly number[],
  rows: number,
  { source, runtime }: { readonly source: ModelSource; readonly runtime: Runtime },
): Promise<number> {
  const card = (await source.card(key)) as ModelCard
  const denoiser = await loadDenoiser(runtime, await source.graph(key), card)
  try {
    const size = event.reduce((product, n) => product * n, 1)
    const batch = { shape: [rows, ...event], data: new Float32Array(rows * size).fill(0.5) }
    const times = new Float64Array(rows).fill(0.5)
    await denoiser.predict(batch, times, 'data')
    const begun = performance.now()
    for (let i = 0; i < TIMED; i++) await denoiser.predict(batch, times, 'data')
    return (performance.now() - begun) / 1000 / (TIMED * rows)
  } finally {
    await denoiser.release()
  }
}
