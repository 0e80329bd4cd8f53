/**
 * Diffusion Tree Search as search (Jain, Sareen, Pedramfar, Ravanbakhsh 2025, arXiv 2506.20701, section 5.3): the best reward
 * found on pictures against best-of-N, SVDD, FK steering, searches over noises and our greedy islands, at equal NFE.
 */

import { versions } from '@espalier/cli'
import { Results, topSamples } from 'espalier/measure'
import type { SearchResult } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { spread } from '../support/digits.ts'
import { type ImageWorld, type ImageWorldName, imageWorld, toBytes } from '../support/image-world.ts'
import { extended, lacking } from '../support/known.ts'
import { type FinishedCells, type Outcome, runCells, type SearchCell } from '../support/search-cells.ts'
import { verdictOf } from '../support/verdict.ts'
import { findings } from './findings.ts'
import { type Goal, goals } from './goals.ts'
import type { Method } from './methods.ts'
import { bestOfN, forest, greedy, metrics } from './names.ts'
import { shareToReach } from './share.ts'

/** Counts up when the same seed no longer gives the same numbers, so that no result is mixed from two programs. */
const protocol = 1
const top = 16

/** The found pictures of a run, for the contact sheets: they are not part of the table. */
const found = new WeakMap<ReproductionResult, FinishedCells>()
export const picturesOf = (result: ReproductionResult): FinishedCells | undefined => found.get(result)

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress, known } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 3 : 10 }, (_, i) => i)
  const results = new Results(seeds)
  const chosen = goals(quick)
  const open = new Map<ImageWorldName, Promise<ImageWorld>>()
  const worldOf = (name: ImageWorldName) => {
    const world = open.get(name) ?? imageWorld(name)
    open.set(name, world)
    return world
  }
  const all = chosen.flatMap((goal) =>
    goal.runs.flatMap(({ method, budgets }) => budgets.map((budget) => cellOf(goal, method, budget, worldOf))),
  )
  const cells = lacking(known, all, ({ method }) => [forest, greedy].includes(method))
  let finished: FinishedCells
  try {
    const name = `${versions().espalier}-${protocol}`
    finished = await runCells(cells, results, { name, folder: 'runs/dts-star', onProgress })
  } finally {
    for (const world of open.values()) await (await world).close()
  }
  onProgress?.(1, 'done')

  const { verdict, why } = known ?? verdictOf(findings(results, chosen))
  const result: ReproductionResult = {
    paper: 'Jain, Sareen, Pedramfar, Ravanbakhsh 2025, Diffusion Tree Sampling, arXiv 2506.20701',
    claim:
      'Diffusion Tree Search finds better rewards than best-of-N, FK steering and local searches at an equal number of network ' +
      "evaluations, and reaches best-of-N's with up to five times fewer, without over-optimising.",
    verdict,
    why,
    command: `npx espalier reproduce dts-star${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `${seeds.length} seeds, one search each; 250 to ${quick ? '750 NFE in 10 steps' : '2500 NFE in 10 steps, 1000 and 2000 in 50'}`,
    // Shares are of seeds, of which a finished result keeps no values.
    table: [...results.rows(), ...(known ? [] : chosen.flatMap((goal) => shares(results, goal)))],
  }
  finished.remove()
  if (known) return extended(known, result)
  found.set(result, finished)
  return result
}

function cellOf(
  goal: Goal,
  method: Method,
  budget: number,
  worldOf: (name: ImageWorldName) => Promise<ImageWorld>,
): SearchCell {
  const { setting, lambda, steps } = goal
  return {
    ...{ method: method.name, setting, budget },
    async run(seed) {
      const world = await worldOf(goal.world)
      const search = method.at(budget)
      const reward = goal.reward(world)
      const chain = world.chain(search, steps, reward)
      const result = await search.run({ chain, reward, lambda, budget, seed, width: method.width ?? 8 })
      return measured(goal, world, result)
    },
  }
}

async function measured(goal: Goal, world: ImageWorld, result: SearchResult<Tensor>): Promise<Outcome> {
  const { candidates, best, nfe, gradientEvaluations, rewardEvaluations } = result
  const { sample, reward } = candidates[best]
  const opinion = await world.judge([sample, ...topSamples(result, top)])
  const sure = opinion.confidence.slice(1)
  const truth = goal.truth && Array.from(await goal.truth(world).evaluate([sample]))[0]
  return {
    ...{ nfe, gradientEvaluations, rewardEvaluations },
    values: {
      [metrics.found]: reward,
      ...(truth !== undefined && { [metrics.truth]: truth }),
      [metrics.held]: goal.held(opinion)[0],
      [metrics.sure]: sure.reduce((sum, value) => sum + value, 0) / sure.length,
      [metrics.spread]: spread(opinion.features.slice(1)),
    },
    pictures: [toBytes(sample)],
  }
}

/** How much of best-of-N's largest budget each method needs to get as far. */
function shares(results: Results, { setting, runs, truth }: Goal): ReproductionResult['table'] {
  const metric = truth ? metrics.truth : metrics.found
  const budget = Math.max(...runs[0].budgets)
  const mark = { budget, values: results.values(bestOfN, { setting, metric, budget }) }
  const compared = runs.filter(({ budgets }) => budgets.includes(budget))
  return compared.map(({ method: { name }, budgets }) => {
    const curve = budgets.map((nfe) => ({
      budget: nfe,
      values: results.values(name, { setting, metric, budget: nfe }),
    }))
    const spent = { nfe: Math.max(...budgets), gradientEvaluations: 0, rewardEvaluations: 0 }
    return { method: name, setting, metric: metrics.share, ...spent, ...shareToReach(curve, mark) }
  })
}
