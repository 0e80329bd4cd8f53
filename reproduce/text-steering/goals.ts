/** What is searched for, in which text, by whom, and for how much. */

import { type Reward, weightedSum } from 'espalier/reward'
import type { TokenSample } from 'espalier/text'
import type { TextWorldName } from '../support/text.ts'
import { type Method, methods } from './methods.ts'
import { kept, section, settings } from './names.ts'
import type { SteeredWorld } from './world.ts'

export interface Goal {
  readonly setting: string
  readonly world: TextWorldName
  reward(world: SteeredWorld): Reward<TokenSample> | Promise<Reward<TokenSample>>
  /** Of all methods with one, in units of one over the reward: ten over its standard deviation in the model. */
  readonly lambda: number
  /** Network calls of one sequence. */
  readonly calls: number
  readonly runs: readonly { readonly method: Method; readonly budgets: readonly number[] }[]
}

/** 16, 64 and 256 sequences of 16 calls. */
const budgets = [256, 1024, 4096]
const short = budgets.slice(0, 2)

const { model, bestOfN, dtsStar, narrow, dts, svdd, svdd20, fk, smc, forest, greedy } = methods
const { svddFill, svddFills, fkFill, fkFills, greedyFill, greedyFills } = methods
const main = [dtsStar, svdd, fk, greedy]
const others = [narrow, dts, smc, forest]
const looking = [svddFill, svddFills, fkFill, fkFills, greedyFill, greedyFills]

function at(list: readonly Method[], calls: number, of: readonly number[] = budgets): Goal['runs'] {
  const runs = [bestOfN, ...list].map((method) => ({ method, budgets: of }))
  return [{ method: model, budgets: [kept * calls] }, ...runs]
}

const ofSection: Omit<Goal, 'calls' | 'runs'> = {
  ...{ setting: settings.section, world: 'kjv', lambda: 6 },
  reward: (world) => world.section(section),
}
const sentiment: Omit<Goal, 'calls' | 'runs'> = {
  ...{ setting: settings.sentiment, world: 'kjv', lambda: 150 },
  reward: (world) => world.sentiment(),
}
/** Both parts in units of their spread in the model. */
const fluent: Omit<Goal, 'calls' | 'runs'> = {
  ...{ setting: settings.fluent, world: 'kjv', lambda: 7 },
  reward: async (world) =>
    weightedSum([
      { reward: world.sentiment(), weight: 15 },
      { reward: await world.fluency(), weight: 2 },
    ]),
}
const pattern: Omit<Goal, 'calls' | 'runs'> = {
  ...{ setting: settings.pattern, world: 'words', lambda: 80 },
  reward: (world) => world.pattern(/^[a-z]+ing$/gm),
}

export function goals(quick: boolean): Goal[] {
  if (quick) return [{ ...pattern, calls: 16, runs: at(main, 16, [256, 1024]) }]
  const wide = { method: svdd20, budgets: [1024, 4096] }
  const once = (list: readonly Method[]) => list.map((method) => ({ method, budgets: [1024] }))
  return [
    {
      ...ofSection,
      calls: 16,
      runs: [...at(main, 16, [...short, 2048, 4096]), ...once([svdd20, ...others, svddFills, fkFills])],
    },
    { ...sentiment, calls: 16, runs: at(main, 16, short) },
    { ...fluent, calls: 16, runs: at(main, 16, short) },
    { ...pattern, calls: 16, runs: [...at([...main, ...others], 16), wide, ...once(looking)] },
  ]
}
