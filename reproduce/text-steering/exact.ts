/** A law that can be summed over: how far what a search gives is from the tilted law. */

import { functionReward, type Reward } from 'espalier/reward'
import { dts, fkSteering, forest, importanceResampling, type SearchResult, svdd } from 'espalier/search'
import { key, purpose, stream } from 'espalier/tensor'
import {
  fillValue,
  firstHitting,
  maskedChain,
  maskedProcess,
  type TokenChain,
  TokenLaw,
  type TokenSample,
} from 'espalier/text'
import type { SearchCell } from '../support/search-cells.ts'
import { metrics, names, settings, withFills } from './names.ts'

const [vocabulary, length] = [2, 5]

/** Sequences whose tokens depend on one another strongly: exponents of normals. */
function law(): TokenLaw {
  const draws = stream(purpose(key(7), 'law'))
  return new TokenLaw(
    vocabulary,
    length,
    Float64Array.from({ length: vocabulary ** length }, () => Math.exp(1.2 * draws.normal())),
  )
}

/** Neighbours that are alike, and not all the same token. */
function score(tokens: ArrayLike<number>): number {
  const all = Array.from(tokens)
  const pairs = all.filter((token, i) => i > 0 && token === all[i - 1]).length
  return pairs - 0.5 * all[0] - (pairs === length - 1 ? 2 : 0)
}

type Search = (task: Task) => Promise<SearchResult<TokenSample>>

interface Task {
  readonly chain: TokenChain
  readonly reward: Reward<TokenSample>
  readonly lambda: number
  readonly budget: number
  readonly seed: number
}

/** Rows of one population, as published searches of text have 4 to 16. */
const particles = 8

interface Exact {
  readonly name: string
  readonly search: Search
  /** NFE of one run: it is run anew as often as the budget pays, and all runs count alike. Default: the budget. */
  readonly each?: number
}

const soft = ({ chain, reward, lambda }: Task) => fillValue(chain, reward, { lambda })

/** What is compared. */
export const exact: readonly Exact[] = [
  { name: names.importance, search: importanceResampling },
  { name: names.dts, search: (task) => dts({ ...task, alpha: 0.7 }) },
  { name: names.repaired, search: (task) => dts({ ...task, readOut: 'weighted' }) },
  { name: names.forest, search: forest },
  {
    name: names.fkFew,
    each: particles * length,
    search: (task) => fkSteering({ ...task, particles, potential: 'max' }),
  },
  {
    name: withFills(names.fkFew, 4),
    each: particles * length,
    search: (task) => fkSteering({ ...task, particles, potential: 'max', values: soft(task) }),
  },
  { name: names.svddSoft, search: (task) => svdd({ ...task, candidates: 5, selection: 'softmax' }) },
  {
    name: withFills(names.svddSoft, 4),
    search: (task) => svdd({ ...task, candidates: 5, selection: 'softmax', values: soft(task) }),
  },
  { name: names.svdd, search: (task) => svdd({ ...task, candidates: 5 }) },
]

/** The law of the rewards themselves, and a sharper one. */
export const exactSettings = [
  // 80 to 20480 rollouts.
  { setting: settings.world, lambda: 1, budgets: [400, 1600, 6400, 25_600, 102_400], quick: 3 },
  { setting: settings.sharp, lambda: 2, budgets: [400, 1600, 6400, 25_600], quick: 0 },
] as const

export const exactBudgets = (of: (typeof exactSettings)[number], quick: boolean): readonly number[] =>
  quick ? of.budgets.slice(0, of.quick) : of.budgets

/** One cell a method and budget: the distance between the tilted law and what a run gives by its weights. */
export function exactCells(quick: boolean): SearchCell[] {
  const model = law()
  const denoiser = model.denoiser(maskedProcess(vocabulary))
  const reward = functionReward<TokenSample>((samples) => samples.map(({ tokens }) => score(tokens)))
  return exactSettings.flatMap((where) => {
    const { setting, lambda } = where
    const { law: target } = model.tilt(score, lambda)
    const cellOf = ({ name, search, each }: Exact, budget: number): SearchCell => ({
      ...{ method: name, setting, budget },
      async run(seed) {
        const mass = new Float64Array(vocabulary ** length)
        const spent = { nfe: 0, gradientEvaluations: 0, rewardEvaluations: 0 }
        const runs = each === undefined ? 1 : Math.floor(budget / each)
        for (let run = 0; run < runs; run++) {
          const chain = maskedChain({ denoiser, sampler: firstHitting(), branchAt: 'every' })
          const found = await search({ chain, reward, lambda, budget: each ?? budget, seed: 100_000 * seed + run })
          for (const { sample, weight } of found.candidates) mass[model.index(sample.tokens)] += weight / runs
          spent.nfe += found.nfe
          spent.rewardEvaluations += found.rewardEvaluations
        }
        return { ...spent, values: { [metrics.distance]: target.distance(mass) } }
      },
    })
    return exact.flatMap((one) => exactBudgets(where, quick).map((budget) => cellOf(one, budget)))
  })
}
