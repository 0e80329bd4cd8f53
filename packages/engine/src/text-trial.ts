import { key } from 'espalier/tensor'
import { ancestral, kernelSampler, loadTokenDenoiser, maskedChain, noiseTokens, sampleTokens } from 'espalier/text'
import type { RunState } from './engine.ts'
import { graphOf } from './rewards.ts'
import type { Place } from './set-up.ts'
import { texts } from './text-states.ts'
import { openTextModel } from './text-walk.ts'
import { trialTimes } from './trial.ts'

/** Steps of the text that is tried. */
const STEPS = 16

/** One text of a model, hidden in part, and filled by the likeliest tokens. @throws one line where it cannot be run */
export async function textTrial(model: string, { source, runtime }: Place): Promise<RunState[]> {
  const tokens = await openTextModel({ source }, model)
  const denoiser = await loadTokenDenoiser(runtime, await graphOf(source, model), tokens.card)
  try {
    const { context, process } = denoiser
    const sampler = kernelSampler(ancestral, { steps: STEPS })
    const { tokens: drawn } = await sampleTokens({ denoiser, sampler, count: 1, seed: 1 })
    const states: RunState[] = []
    for (const time of trialTimes) {
      const state = { tokens: noiseTokens(process, drawn[0], time, key(1)), time }
      // One step from that time to the end: its look-ahead is what the network makes of the state.
      const chain = maskedChain({ denoiser, sampler: kernelSampler(ancestral, { times: [time, 0] }) })
      const [sample] = await chain.lookahead([state], 0)
      states.push(texts(tokens, context).sample(sample))
    }
    return states
  } finally {
    await denoiser.release()
  }
}
