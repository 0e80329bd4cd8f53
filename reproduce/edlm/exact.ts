/** A law that can be summed over: both signs of the weights, and what the printed likelihood says of it. */

import type { Results } from 'espalier/measure'
import { fold, key, purpose, stream } from 'espalier/tensor'
import {
  autoregressiveEnergy,
  autoregressiveTable,
  energySampler,
  enumeratedBounds,
  evenTimes,
  logLinear,
  maskedProcess,
  sampleTokens,
  TokenLaw,
} from 'espalier/text'
import { exactly, metrics, settings } from './names.ts'

const [vocabulary, length] = [2, 4]
const draws = 4000
const ks = [1, 2, 4, 8, 16]
/** Steps of the sampler, all bits at once, and of the likelihood, which is right in one step alone. */
const [steps, bounded] = [1, 4]

/** Bits that depend on one another: exponents of normals. Every seed has a law of its own. */
export function drawnLaw(seed: number): TokenLaw {
  const normals = stream(fold(purpose(key(seed), 'law'), 1))
  return new TokenLaw(
    vocabulary,
    length,
    Float64Array.from({ length: vocabulary ** length }, () => Math.exp(1.2 * normals.normal())),
  )
}

export async function addExact(results: Results): Promise<void> {
  const process = maskedProcess(vocabulary)
  const laws = results.seeds.map(drawnLaw)
  const add = (method: string, metric: string, values: readonly number[], n = steps) =>
    results.add({ method, setting: settings.exact, metric, budget: n, nfe: n, values })
  for (const variant of ['paper', 'released'] as const) {
    for (const k of ks) {
      if (variant === 'released' && k === 1) continue
      const values: number[] = []
      for (const [i, law] of laws.entries()) {
        const energy = autoregressiveEnergy(autoregressiveTable(law))
        const sampler = energySampler({ energy, drafts: k, steps, variant })
        const denoiser = law.denoiser(process)
        const { tokens } = await sampleTokens({ denoiser, sampler, count: draws, seed: results.seeds[i] })
        const counts = new Float64Array(law.probabilities.length)
        for (const row of tokens) counts[law.index(row)] += 1 / draws
        values.push(law.distance(counts))
      }
      add(variant === 'paper' ? exactly.drafts(k) : exactly.released(k), metrics.tv, values)
    }
  }
  const bounds = laws.map((law) => ({
    ...enumeratedBounds(law, logLinear(), evenTimes(bounded)),
    entropy: law.entropy(),
  }))
  for (const name of ['entropy', 'factorised', 'joint', 'paper'] as const) {
    add(
      exactly[name],
      metrics.bits,
      bounds.map((own) => own[name]),
      bounded,
    )
  }
}
