/**
 * Searches on masked text: Diffusion Tree Search (Jain et al. 2025, arXiv 2506.20701, section 5.3) and soft value-based
 * decoding (Li et al. 2024, arXiv 2408.08252) against best-of-N, FK steering and ours, at equal NFE; and on a law that
 * can be summed over, how far from the tilted law each of them ends.
 */

import { versions } from '@espalier/cli'
import { mean, Results } from 'espalier/measure'
import type { Reward } from 'espalier/reward'
import { distinctShare, type TokenSample } from 'espalier/text'
import { shareToReach } from '../dts-star/share.ts'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { type FinishedCells, type Outcome, runCells, type SearchCell } from '../support/search-cells.ts'
import type { TextWorldName } from '../support/text.ts'
import { verdictOf } from '../support/verdict.ts'
import { exactCells } from './exact.ts'
import { findings } from './findings.ts'
import { type Goal, goals } from './goals.ts'
import type { Method } from './methods.ts'
import { kept, metrics, names } from './names.ts'
import { type SteeredWorld, steeredWorld } from './world.ts'

/** Counts up when the same seed no longer gives the same numbers, so that no result is mixed from two programs. */
const protocol = 1

const found = new WeakMap<ReproductionResult, FinishedCells>()
/** What a run that has just ended wrote, for the page of samples: it is not part of the table. */
export const textsOf = (result: ReproductionResult): FinishedCells | undefined => found.get(result)

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 3 : 5 }, (_, i) => i)
  const results = new Results(seeds)
  const chosen = goals(quick)
  const open = new Map<TextWorldName, Promise<SteeredWorld>>()
  const worldOf = (name: TextWorldName) => {
    const world = open.get(name) ?? steeredWorld(name)
    open.set(name, world)
    return world
  }
  const cells = [
    ...chosen.flatMap((goal) => {
      // One reward for all, so that their batches fill.
      const reward = once(async () => goal.reward(await worldOf(goal.world)))
      return goal.runs.flatMap(({ method, budgets }) =>
        budgets.map((budget) => cellOf(goal, method, budget, () => worldOf(goal.world), reward)),
      )
    }),
    ...exactCells(quick),
  ]
  let finished: FinishedCells
  try {
    const name = `${versions().espalier}-${protocol}`
    finished = await runCells(cells, results, { name, folder: 'runs/text-steering', atOnce: 6, onProgress })
  } finally {
    for (const world of open.values()) await (await world).close()
  }
  onProgress?.(1, 'done')
  const result: ReproductionResult = {
    paper: 'Jain, Sareen, Pedramfar, Ravanbakhsh 2025, Diffusion Tree Sampling, arXiv 2506.20701',
    claim:
      'On masked text Diffusion Tree Search with max backup finds better rewards than best-of-N and FK steering for as many network ' +
      'evaluations, and keeps more distinct trigrams than FK steering; its sampler converges to the tilted law. SVDD is ahead of ' +
      'best-of-N on masked sequences (Li et al. 2024, arXiv 2408.08252).',
    ...verdictOf(findings(results, chosen, quick)),
    command: `npx espalier reproduce text-steering${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `${seeds.length} seeds, one search each; 256 to ${quick ? '1024' : '4096'} NFE in 16 calls a sequence`,
    table: [...results.rows(), ...chosen.flatMap((goal) => shares(results, goal))],
  }
  found.set(result, finished)
  finished.remove()
  return result
}

function cellOf(
  goal: Goal,
  method: Method,
  budget: number,
  open: () => Promise<SteeredWorld>,
  rewardOf: () => Promise<Reward<TokenSample>>,
): SearchCell {
  return {
    ...{ method: method.name, setting: goal.setting, budget },
    async run(seed) {
      const world = await open()
      return judgedOutcome(world, await searched(goal, method, budget, seed, world, await rewardOf()))
    },
  }
}

/** What a search found, before anybody has judged it. */
export interface Found extends Pick<Outcome, 'nfe' | 'gradientEvaluations' | 'rewardEvaluations'> {
  readonly best: number
  /** Mean reward of the sequences. */
  readonly mean: number
  readonly sequences: readonly Int32Array[]
}

export async function searched(
  { lambda, calls }: Goal,
  method: Method,
  budget: number,
  seed: number,
  world: SteeredWorld,
  reward: Reward<TokenSample>,
): Promise<Found> {
  const chain = world.chain(method, calls)
  // Rollouts of a tree at once: fewer learn sooner, more fill batches.
  const result = await method.run({ chain, reward, lambda, budget, seed, width: 4 })
  const { candidates, best, nfe, gradientEvaluations, rewardEvaluations } = result
  const ranked = method.keep === 'first' ? candidates : [...candidates].sort((a, b) => b.reward - a.reward)
  const top = ranked.slice(0, kept)
  return {
    ...{ nfe, gradientEvaluations, rewardEvaluations },
    best: candidates[best].reward,
    mean: mean(top.map(({ reward }) => reward)),
    sequences: top.map(({ sample }) => sample.tokens),
  }
}

export async function judgedOutcome({ text }: SteeredWorld, found: Found): Promise<Outcome> {
  const { best, mean, sequences, ...spent } = found
  const { loss, entropy, valid } = await text.quality(sequences)
  return {
    ...spent,
    values: {
      [metrics.found]: best,
      [metrics.mean]: mean,
      [metrics.loss]: loss,
      [metrics.entropy]: entropy,
      [metrics.distinct]: distinctShare(sequences, 3),
      ...(valid !== undefined && { [metrics.valid]: valid }),
    },
    texts: sequences.slice(0, 2).map((tokens) => text.tokenizer.decode(tokens)),
  }
}

/** How much of best-of-N's largest budget each method needs to get as far. */
function shares(results: Results, { setting, runs }: Goal): ReproductionResult['table'] {
  const metric = metrics.found
  const all = runs.find(({ method }) => method.name === names.bestOfN)?.budgets ?? []
  if (all.length < 2) return []
  const budget = Math.max(...all)
  const mark = { budget, values: results.values(names.bestOfN, { setting, metric, budget }) }
  return (
    runs
      // One that was run at fewer budgets has no course to be read off.
      .filter(({ budgets }) => budgets.length === all.length)
      .map(({ method: { name }, budgets }) => {
        const curve = budgets.map((nfe) => ({
          budget: nfe,
          values: results.values(name, { setting, metric, budget: nfe }),
        }))
        const spent = { nfe: budget, gradientEvaluations: 0, rewardEvaluations: 0 }
        return { method: name, setting, metric: metrics.share, ...spent, ...shareToReach(curve, mark) }
      })
  )
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
