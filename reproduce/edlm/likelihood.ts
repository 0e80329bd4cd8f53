/** Held-out text: valid bounds, the paper's objective under its own name, and the autoregressive model's own number. */

import { mean } from 'espalier/measure'
import { energyBound, likelihoodBound, paperObjective } from 'espalier/text'
import type { SearchCell } from '../support/search-cells.ts'
import { judgedInBatches } from '../support/text.ts'
import type { Models } from './models.ts'
import { bounds, type EnergyName, metrics, settings } from './names.ts'
import type { Plan } from './plan.ts'

type Open = () => Promise<Models>
type Values = (models: Models, sequences: readonly Int32Array[], seed: number) => Promise<ArrayLike<number>>

/** Drafts of an estimate. */
const drafts = 16

export function likelihoodCells({ bounded: { count, draws } }: Plan, open: Open): SearchCell[] {
  const cell = (method: string, rows: number, values: Values): SearchCell => ({
    ...{ method, setting: settings.likelihood, budget: draws },
    async run(seed) {
      const models = await open()
      const sequences = (await models.judging()).heldOut(seed, count)
      if (!sequences) throw new Error('the King James Bible is not installed: nothing of it can be held out')
      const all = await values(models, sequences, seed)
      const nats = mean(all) / sequences[0].length
      return {
        ...{ nfe: draws, gradientEvaluations: 0, rewardEvaluations: rows - draws },
        values: { [metrics.nats]: nats },
      }
    },
  })
  // The same states for all: differences are of the numbers alone.
  const given = (seed: number) => ({ seed, draws, batch: 16 })
  const valid = (name: EnergyName, k: number) =>
    cell(bounds.valid(name, k), draws * (1 + k), async (models, sequences, seed) =>
      energyBound(models.denoiser, sequences, { ...given(seed), energy: await models.energy(name), drafts: k }),
    )
  const paper = (name: EnergyName, estimate: 'jackknife' | 'one') =>
    cell(
      (estimate === 'one' ? bounds.released : bounds.paper)(name),
      draws * (2 + (name === 'coAr' ? 0 : estimate === 'one' ? 1 : drafts)),
      async (models, sequences, seed) =>
        paperObjective(models.denoiser, sequences, {
          ...given(seed),
          ...{ energy: await models.energy(name), drafts, estimate },
        }),
    )
  return [
    cell(bounds.mdlm, draws, (models, sequences, seed) => likelihoodBound(models.denoiser, sequences, given(seed))),
    cell(bounds.autoregressive, 1, async ({ autoregressive }, sequences) => {
      const losses = await judgedInBatches(autoregressive, sequences)
      return losses.map((loss, i) => loss * sequences[i].length)
    }),
    valid('ar', 4),
    valid('ar', drafts),
    valid('coAr', drafts),
    valid('nce', drafts),
    paper('ar', 'jackknife'),
    paper('ar', 'one'),
    paper('coAr', 'jackknife'),
    paper('nce', 'jackknife'),
    paper('nce', 'one'),
  ]
}
