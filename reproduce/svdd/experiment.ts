/**
 * Soft value-based decoding (Li et al. 2024, arXiv 2408.08252, section 6): rewards without a gradient on pictures, as many
 * samples from every method for as many network evaluations.
 */

import { versions } from '@espalier/cli'
import { mean, quantile, Results } from 'espalier/measure'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { spread } from '../support/digits.ts'
import { type ImageWorld, type ImageWorldName, imageWorld, toBytes } from '../support/image-world.ts'
import { extended, lacking } from '../support/known.ts'
import { type FinishedCells, runCells, type SearchCell } from '../support/search-cells.ts'
import { verdictOf } from '../support/verdict.ts'
import { findings } from './findings.ts'
import { budgetOf, type Goal, goals } from './goals.ts'
import { type Method, samples } from './methods.ts'
import { metrics, names } from './names.ts'

/** Counts up when the same seed no longer gives the same numbers, so that no result is mixed from two programs. */
const protocol = 1
/** Pictures that are shown of a run. */
const shown = 12

const found = new WeakMap<ReproductionResult, FinishedCells>()
/** What a run that has just ended drew, for the contact sheets: it is not part of the table. */
export const picturesOf = (result: ReproductionResult): FinishedCells | undefined => found.get(result)

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress, known } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 3 : 5 }, (_, i) => i)
  const results = new Results(seeds)
  const chosen = goals(quick)
  const open = new Map<ImageWorldName, Promise<ImageWorld>>()
  const worldOf = (name: ImageWorldName) => {
    const world = open.get(name) ?? imageWorld(name)
    open.set(name, world)
    return world
  }
  const all = chosen.flatMap((goal) =>
    goal.runs.flatMap(({ method, of }) => of.map((m) => cellOf(goal, method, m, worldOf))),
  )
  const cells = lacking(known, all, ({ method }) => method === names.forest || method === names.greedy)
  let finished: FinishedCells
  try {
    const name = `${versions().espalier}-${protocol}`
    finished = await runCells(cells, results, { name, folder: 'runs/svdd', atOnce: 4, onProgress })
  } finally {
    for (const world of open.values()) await (await world).close()
  }
  onProgress?.(1, 'done')
  const { verdict, why } = known ?? verdictOf(findings(results, chosen))
  const result: ReproductionResult = {
    paper:
      'Li, Zhao, Wang, Scalia, Eraslan, Nair, Biancalani, Ji, Regev, Levine, Uehara 2024, Derivative-Free Guidance in Continuous ' +
      'and Discrete Diffusion Models with Soft Value-Based Decoding, arXiv 2408.08252',
    claim:
      'For rewards without a gradient SVDD draws better samples than best-of-N, best-of-N no worse ones than SMC, and SMC better ones ' +
      'than the model, for as many network evaluations; its rewards rise with the candidates of a step, and SMC has the least diversity.',
    verdict,
    why,
    command: `npx espalier reproduce svdd${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `${seeds.length} seeds, ${samples} samples each, for 1 to 20 times the NFE of a plain sample; 10 steps, or 50`,
    table: results.rows(),
  }
  found.set(result, finished)
  finished.remove()
  return known ? extended(known, result) : result
}

function cellOf(
  goal: Goal,
  method: Method,
  m: number,
  worldOf: (name: ImageWorldName) => Promise<ImageWorld>,
): SearchCell {
  const { setting, scale, steps } = goal
  return {
    ...{ method: method.name, setting, budget: budgetOf(goal, m) },
    async run(seed) {
      const world = await worldOf(goal.world)
      const reward = goal.reward(world)
      const kept = await method.run({ world, reward, scale, steps, m, seed })
      const { nfe, gradientEvaluations, rewardEvaluations } = kept
      const rewards = await reward.evaluate(kept.samples)
      const { confidence, features } = await world.judge(kept.samples)
      return {
        ...{ nfe, gradientEvaluations, rewardEvaluations },
        values: {
          [metrics.median]: quantile(rewards, 0.5),
          [metrics.top]: quantile(rewards, 0.9),
          [metrics.spread]: spread(features),
          [metrics.sure]: mean(confidence),
        },
        pictures: kept.samples.slice(0, shown).map(toBytes),
      }
    },
  }
}
