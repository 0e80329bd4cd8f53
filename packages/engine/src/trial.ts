import { loadDenoiser, type NetworkCard, type Runtime } from 'espalier/runtime'
import { key, normal } from 'espalier/tensor'
import type { RunState } from './engine.ts'
import type { ModelSource } from './source.ts'

/** Times at which a network is tried, from much noise to little. */
const TIMES = [0.95, 0.5, 0.1]

/**
 * What a network makes of one noise at three times: clean data, if its card is right.
 * @throws one line where it cannot be run, or answers with what is no number
 */
export async function trial(model: string, source: ModelSource, runtime: Runtime): Promise<RunState[]> {
  const card = (await source.card(model)) as NetworkCard
  const denoiser = await loadDenoiser(runtime, await source.graph(model), card)
  try {
    const size = card.event.reduce((product, n) => product * n, 1)
    const states: RunState[] = []
    for (const time of TIMES) {
      const noise = new Float64Array(size)
      normal(key(1), noise)
      const scale = Math.hypot(denoiser.process.a(time), denoiser.process.s(time))
      const data = Float32Array.from(noise, (v) => v * scale)
      const found = await denoiser.predict({ shape: [1, ...card.event], data }, Float64Array.of(time), 'data')
      if (!found.data.every(Number.isFinite)) throw new Error(`at time ${time} it answers with what is no number`)
      states.push({ shape: card.event, data: Float32Array.from(found.data), range: card.valueRange })
    }
    return states
  } finally {
    await denoiser.release()
  }
}
