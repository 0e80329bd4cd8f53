import { uniformGrid } from 'espalier/process'
import { loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { ddim, execute, start } from 'espalier/solve'
import { key } from 'espalier/tensor'
import { isTextCard } from './cards.ts'
import type { RunState } from './engine.ts'
import type { Place } from './set-up.ts'

/** Times at which a network is tried, from much noise to little. */
export const trialTimes = [0.95, 0.5, 0.1]
/** Steps of the sample that is tried. */
const STEPS = 20

/**
 * What a network takes one sample for, at three times on its way from noise to data: clean data, ever sharper, if its card
 * is right. A model of text is shown a text of its own with less and less of it hidden.
 * @throws one line where it cannot be run, or answers with what is no number
 */
export async function trial(model: string, place: Place): Promise<RunState[]> {
  const { source, runtime } = place
  const any = await source.card(model)
  if (isTextCard(any)) return (await import('./text-trial.ts')).textTrial(model, place)
  const card = any as NetworkCard
  const denoiser = await loadDenoiser(runtime, await source.graph(model), card)
  try {
    const { event, process } = denoiser
    const plan = ddim()(process, uniformGrid(process, STEPS))
    const wanted = trialTimes.map((time) => nearest(plan.grid, time))
    const states: RunState[] = []
    await execute(plan, denoiser, start(plan, denoiser, [key(1)]), {
      async onStep({ step, time, state }) {
        if (!wanted.includes(step + 1)) return
        const found = await denoiser.predict(state, Float64Array.of(time), 'data')
        if (!found.data.every(Number.isFinite)) throw new Error(`at time ${time} it answers with what is no number`)
        states.push({ shape: event, data: Float32Array.from(found.data), range: card.valueRange })
      },
    })
    return states
  } finally {
    await denoiser.release()
  }
}

/** The index of the time of a grid that is nearest, among those behind its start. */
function nearest(grid: readonly number[], time: number): number {
  let best = 1
  for (let i = 2; i < grid.length; i++) if (Math.abs(grid[i] - time) < Math.abs(grid[best] - time)) best = i
  return best
}
