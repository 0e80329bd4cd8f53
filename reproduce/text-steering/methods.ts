import { type Branching, branchPoints } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import {
  fkSteering,
  greedyIslands,
  type IslandOptions,
  type SearchResult,
  searchFrom,
  svdd as svddSearch,
} from 'espalier/search'
import { fillValue, type TokenChain, type TokenSample, type TokenState } from 'espalier/text'
import { names, withFills } from './names.ts'

export interface Task {
  readonly chain: TokenChain
  readonly reward: Reward<TokenSample>
  readonly lambda: number
  readonly budget: number
  readonly seed: number
  readonly width: number
}

/** A method of the comparison. */
export interface Method {
  readonly name: string
  readonly blocks: Branching | 'published'
  /** Which samples are measured. Default: the best. */
  readonly keep?: 'first'
  run(task: Task): Promise<SearchResult<TokenSample>>
}

/**
 * Where the paper branches 64 steps, the start included, on a chain of so many calls. It is what the trees have here;
 * all others are cut as the command cuts chains for them.
 */
export function branching(blocks: Method['blocks'], calls: number): number[] {
  if (blocks !== 'published') return branchPoints(blocks, calls)
  return [64, 54, 44, 34, 24, 14].map((left) => Math.round((left * calls) / 64))
}

/** As the catalogue of searches has it. */
function named(name: string, text: string, how: Partial<Method> = {}): Method {
  const search = searchFrom(text)
  return { name, blocks: search.blocks, run: (task) => search.run(task), ...how }
}

const tree = (name: string, text: string) => named(name, text, { blocks: 'published' })

/** A population that looks ahead by fills drawn from the clean law, instead of the likeliest tokens. */
function filled(
  like: Method,
  fills: number,
  search: (options: IslandOptions<TokenState, TokenSample>) => Promise<SearchResult<TokenSample>>,
): Method {
  return {
    ...{ name: withFills(like.name, fills), blocks: like.blocks },
    run: (task) => search({ ...task, values: fillValue(task.chain, task.reward, { fills, lambda: task.lambda }) }),
  }
}

const svdd = named(names.svdd, 'svdd(candidates=5)')
const fk = named(names.fk, 'fk(potential=max)')
const greedy = named(names.greedy, 'greedy')

/** By the names of the tables. The settings are the papers' unless the name says another. */
export const methods = {
  model: named(names.model, 'best-of-n', { keep: 'first' }),
  bestOfN: named(names.bestOfN, 'best-of-n'),
  /** The paper's for text: values are the largest rewards below. */
  dtsStar: tree(names.dtsStar, 'dts-star(c=2, alpha=0.7, backup=max)'),
  narrow: tree(names.narrow, 'dts-star(c=2, alpha=0.5, backup=max)'),
  dts: tree(names.dts, 'dts(c=2, alpha=0.7)'),
  svdd,
  svdd20: named(names.svdd20, 'svdd(candidates=20)'),
  fk,
  smc: named(names.smc, 'smc'),
  forest: named(names.forest, 'forest'),
  greedy,
  svddFill: filled(svdd, 1, (task) => svddSearch({ ...task, candidates: 5 })),
  svddFills: filled(svdd, 4, (task) => svddSearch({ ...task, candidates: 5 })),
  fkFill: filled(fk, 1, (task) => fkSteering({ ...task, potential: 'max' })),
  fkFills: filled(fk, 4, (task) => fkSteering({ ...task, potential: 'max' })),
  greedyFill: filled(greedy, 1, greedyIslands),
  greedyFills: filled(greedy, 4, greedyIslands),
} as const satisfies Record<string, Method>
