import { loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { key, normal } from 'espalier/tensor'
import { isTextCard } from './cards.ts'
import type { RunState } from './engine.ts'
import type { Place } from './set-up.ts'

/** Times at which a network is tried, from much noise to little. */
export const trialTimes = [0.95, 0.5, 0.1]

/**
 * What a network makes of one noise at three times: clean data, if its card is right. A model of text is shown a text of
 * its own with less and less of it hidden.
 * @throws one line where it cannot be run, or answers with what is no number
 */
export async function trial(model: string, place: Place): Promise<RunState[]> {
  const { source, runtime } = place
  const any = await source.card(model)
  if (isTextCard(any)) return (await import('./text-trial.ts')).textTrial(model, place)
  const card = any as NetworkCard
  const denoiser = await loadDenoiser(runtime, await source.graph(model), card)
  try {
    const { event } = denoiser
    const size = event.reduce((product, n) => product * n, 1)
    const states: RunState[] = []
    for (const time of trialTimes) {
      const noise = new Float64Array(size)
      normal(key(1), noise)
      const scale = Math.hypot(denoiser.process.a(time), denoiser.process.s(time))
      const data = Float32Array.from(noise, (v) => v * scale)
      const found = await denoiser.predict({ shape: [1, ...event], data }, Float64Array.of(time), 'data')
      if (!found.data.every(Number.isFinite)) throw new Error(`at time ${time} it answers with what is no number`)
      states.push({ shape: event, data: Float32Array.from(found.data), range: card.valueRange })
    }
    return states
  } finally {
    await denoiser.release()
  }
}
