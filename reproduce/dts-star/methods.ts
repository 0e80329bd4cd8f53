import { type SearchMethod, searchFrom } from 'espalier/search'
import { bestOfN, dtsStar, forest, greedy, narrow } from './names.ts'

/** A method of the comparison. */
export interface Method {
  readonly name: string
  /** As the catalogue of searches has it. */
  at(budget: number): SearchMethod
  /** Rollouts under way together, where it changes what is done. Default 8. */
  readonly width?: number
}

const fixed = (name: string, text: string): Method => ({ name, at: () => searchFrom(text) })

/** By the names of the tables. The settings are the papers' unless the name says another. */
export const methods = {
  bestOfN: fixed(bestOfN, 'best-of-n'),
  dtsStar: fixed(dtsStar, 'dts-star(c=2, alpha=0.8)'),
  narrow: fixed(narrow, 'dts-star(c=2, alpha=0.5)'),
  svdd5: fixed('SVDD, M=5', 'svdd(candidates=5)'),
  svdd20: fixed('SVDD, M=20', 'svdd(candidates=20)'),
  fkMax: fixed('FK, max', 'fk(potential=max)'),
  fk: fixed('FK, difference', 'fk'),
  zeroOrder: fixed('ZO-4', 'zero-order(neighbours=4)'),
  // The paper's .11, .78 and .81 of the time would be one round of ten steps; this is two.
  paths: fixed('Paths-2', 'paths(level=8, back=7, forward=8)'),
  /** One candidate at a time, and 25 starts of 500 NFE, as published. */
  rbf: {
    name: 'RBF',
    at: (budget) => searchFrom(`rbf(starts=${Math.max(1, Math.round(budget / 20))})`),
    width: 1,
  },
  forest: fixed(forest, 'forest'),
  greedy: fixed(greedy, 'greedy'),
  /** Without plain rollouts first where the budget is less than three islands. */
  bold: fixed(`${greedy}, no hedge`, 'greedy(hedge=false)'),
  /** With stops as the forest has them: 17 of 50 steps. */
  sparse: { name: `${greedy}, 17 stops`, at: () => ({ ...searchFrom('greedy'), blocks: 'fine' }) },
} as const satisfies Record<string, Method>
