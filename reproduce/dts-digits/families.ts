/** How many independent starts stand behind what a method reads out: distinct samples may be close relatives. */

import { type Candidate, dts, effectiveSampleSize, forest, ROOT, smc, softmax } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import { type Job, names, width } from './methods.ts'
import { rollouts } from './posterior.ts'
import { steps } from './world.ts'

export const familyMetric = 'effective number of starts'

export interface Families {
  /** `1 / sum_f W_f^2` over the families f of samples from one start noise, with the weight W_f of each. */
  readonly starts: number
  readonly nfe: number
  readonly rewardEvaluations: number
}

type Count = (job: Omit<Job, 'budgets' | 'count'> & { readonly budget: number }) => Promise<Families>

/** Trees and populations, and plain rollouts, which have no relatives. */
export const familiesOf: Readonly<Record<string, Count>> = {
  [names.paper]: treeFamilies(0.8),
  [names.narrow]: treeFamilies(0.5),
  [names.importance]: async ({ world, store, task, seed, budget }) => {
    const samples = await rollouts(world, store, seed, Math.floor(budget / steps))
    const starts = effectiveSampleSize(softmax(Array.from(await world.reward(task).evaluate(samples))))
    return { starts, nfe: samples.length * steps, rewardEvaluations: samples.length }
  },
  [names.smc]: islandFamilies(smc),
  [names.forest]: islandFamilies(forest),
}

function treeFamilies(alpha: number): Count {
  return async ({ world, task, seed, budget }) => {
    const reward = world.reward(task)
    const { tree, candidates, ...spent } = await dts({ chain: world.chain('even'), reward, seed, budget, width, alpha })
    const founder = (node: number): number => (tree.parent(node) === ROOT ? node : founder(tree.parent(node)))
    return familiesIn(tree.leaves.map(founder), candidates, spent)
  }
}

function islandFamilies(search: typeof smc | typeof forest): Count {
  return async ({ world, task, seed, budget }) => {
    const reward = world.reward(task)
    const { islands, candidates, ...spent } = await search({ chain: world.chain('fine'), reward, seed, budget })
    const founders = islands.flatMap(({ populations, leaves }, island) =>
      Array.from(leaves ?? [], (_, leaf) => {
        const start = populations.slice(1).reduceRight((row, { parents }) => parents[row], leaf)
        return `${island}/${start}`
      }),
    )
    return familiesIn(founders, candidates, spent)
  }
}

function familiesIn(
  founders: readonly (number | string)[],
  candidates: readonly Candidate<Tensor>[],
  { nfe, rewardEvaluations }: Omit<Families, 'starts'>,
): Families {
  const weights = new Map<number | string, number>()
  founders.forEach((founder, i) => {
    weights.set(founder, (weights.get(founder) ?? 0) + candidates[i].weight)
  })
  return { starts: effectiveSampleSize([...weights.values()]), nfe, rewardEvaluations }
}
