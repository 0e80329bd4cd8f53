/** What the forest makes of look-aheads that say nothing, or the contrary of the truth. */

import { posteriorMean, type ValueFunction } from 'espalier/search'
import { forestOn, type Method } from './methods.ts'
import type { World } from './worlds.ts'

type Values = (world: World) => ValueFunction<Float32Array>

const free = (name: string, of: (x: Float32Array) => number): ValueFunction<Float32Array> => ({
  ...{ name, cost: () => 0, rewardEvaluations: 0, looks: false },
  evaluate: async (states) => states.map(of),
})

export const lookaheads: Readonly<Record<string, Values>> = {
  constant: () => free('constant', () => 0),
  /** A rough function of the state, as good as noise, and as large as rewards are. */
  random: () => free('random', (x) => 10 * Math.sin(1e5 * x[0])),
  inverted: ({ chains, reward }) =>
    posteriorMean(chains.fine, {
      name: 'inverted',
      evaluate: async (samples) => Array.from(await reward.evaluate(samples), (r) => -r),
    }),
}

export const robustness: readonly Method[] = Object.entries(lookaheads).flatMap(([name, values]) =>
  [false, true].map(
    (guard): Method => ({
      method: 'forest',
      setting: `fine levels, ${guard ? 'guard' : 'no guard'}, ${name} look-ahead`,
      measured: ['samples'],
      run: (world, seed, budget) => forestOn('fine', '', { guard, values: values(world) }).run(world, seed, budget),
    }),
  ),
)
