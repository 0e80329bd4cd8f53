/** Held-out text: valid bounds, the paper's objective under its own name, and the autoregressive model's own number. */

import { mean } from 'espalier/measure'
import { energyBound, likelihoodBound, logPartition, paperObjective, type SequenceEnergy } from 'espalier/text'
import type { SearchCell } from '../support/search-cells.ts'
import { judgedInBatches } from '../support/text.ts'
import type { Models } from './models.ts'
import { bounds, type EnergyName, metrics, settings } from './names.ts'
import type { Plan } from './plan.ts'

type Open = () => Promise<Models>
type Values = (models: Models, sequences: readonly Int32Array[], seed: number) => Promise<Measured>

interface Measured {
  /** `-log p` of each sequence, or a bound of it. */
  readonly nats: ArrayLike<number>
  /** Other metrics. */
  readonly others?: Readonly<Record<string, number>>
}

/** Drafts of an estimate. */
const drafts = 16

export function likelihoodCells({ bounded: { count, draws } }: Plan, open: Open): SearchCell[] {
  const cell = (method: string, energyRows: number, values: Values): SearchCell => ({
    ...{ method, setting: settings.likelihood, budget: draws },
    async run(seed) {
      const models = await open()
      const sequences = (await models.judging()).heldOut(seed, count)
      if (!sequences) throw new Error('the King James Bible is not installed: nothing of it can be held out')
      const { nats, others } = await values(models, sequences, seed)
      return {
        ...{ nfe: draws, gradientEvaluations: 0, rewardEvaluations: energyRows },
        values: { [metrics.nats]: mean(nats) / sequences[0].length, ...others },
      }
    },
  })
  // The same states for all: differences are of the numbers alone.
  const given = (seed: number) => ({ seed, draws, batch: 16 })
  const valid = (name: EnergyName, k: number) =>
    cell(bounds.valid(name, k), draws * k, async (models, sequences, seed) => {
      const logs: Float64Array[] = []
      const energy = heard(await models.energy(name), (all) => {
        for (let i = 0; i < all.length; i += k) logs.push(all.slice(i, i + k))
      })
      const nats = await energyBound(models.denoiser, sequences, { ...given(seed), energy, drafts: k })
      return { nats, others: partitions(logs) }
    })
  const paper = (name: EnergyName, estimate: 'jackknife' | 'one') =>
    cell(
      (estimate === 'one' ? bounds.released : bounds.paper)(name),
      draws * (1 + (name === 'coAr' ? 0 : estimate === 'one' ? 1 : drafts)),
      async (models, sequences, seed) => {
        const energy = await models.energy(name)
        return { nats: await paperObjective(models.denoiser, sequences, { ...given(seed), energy, drafts, estimate }) }
      },
    )
  return [
    cell(bounds.mdlm, 0, async ({ denoiser }, sequences, seed) => ({
      nats: await likelihoodBound(denoiser, sequences, given(seed)),
    })),
    cell(bounds.autoregressive, 1, async ({ autoregressive }, sequences) => {
      const losses = await judgedInBatches(autoregressive, sequences)
      return { nats: losses.map((loss, i) => loss * sequences[i].length) }
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

/** An energy that tells what it weighs drafts. */
const heard = (energy: SequenceEnergy, hear: (logs: Float64Array) => void): SequenceEnergy => ({
  ...energy,
  async logWeights(...args) {
    const logs = await energy.logWeights(...args)
    hear(logs)
    return logs
  },
})

/** Estimates of `log Z`, averaged over states. */
function partitions(logs: readonly Float64Array[]): Record<string, number> {
  const all = logs.map(logPartition)
  return {
    [metrics.logZBelow]: mean(all.map(({ below }) => below)),
    [metrics.logZ]: mean(all.map(({ jackknife }) => jackknife)),
    [metrics.logZAbove]: mean(all.map(({ above }) => above)),
    [metrics.logZOne]: mean(logs.map(([first]) => first)),
    [metrics.effective]: mean(all.map(({ effective }) => effective)),
  }
}
