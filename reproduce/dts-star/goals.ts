/** What is searched for, in which world, by whom, and for how much. */

import { type Reward, weightedSum } from 'espalier/reward'
import type { Tensor } from 'espalier/tensor'
import { type ImageWorld, type ImageWorldName, misread, type Opinion } from '../support/image-world.ts'
import { type Method, methods } from './methods.ts'
import { error, label, settings } from './names.ts'

export interface Goal {
  readonly setting: string
  readonly world: ImageWorldName
  reward(world: ImageWorld): Reward<Tensor>
  /** What the found sample is really worth, where the search does not see it. */
  truth?(world: ImageWorld): Reward<Tensor>
  /** Of all methods with one, in units of one over the reward: ten over its standard deviation in the model. */
  readonly lambda: number
  /** What the judge says about the same thing; of file sizes it has no opinion, but whether the picture still shows something. */
  held(opinion: Opinion): readonly number[]
  readonly steps: number
  readonly runs: readonly { readonly method: Method; readonly budgets: readonly number[] }[]
}

/** 25, 75 and 250 samples of ten steps. */
export const budgets = [250, 750, 2500] as const

const ofDigit = (opinion: Opinion) => opinion.logOdds(label)
const ofAny = (opinion: Opinion) => opinion.confidence
const at = (list: readonly Method[], of: readonly number[] = budgets) =>
  [methods.bestOfN, ...list].map((method) => ({ method, budgets: of }))

const { dtsStar, narrow, svdd5, svdd20, fkMax, fk, zeroOrder, paths, rbf, forest, greedy, bold, sparse } = methods
const everyone = [dtsStar, narrow, svdd5, svdd20, fkMax, fk, zeroOrder, paths, rbf, forest, greedy]
const main = [dtsStar, narrow, svdd5, fkMax, zeroOrder, greedy]

type Wanted = Omit<Goal, 'setting' | 'steps' | 'runs'>

const digit: Wanted = {
  ...{ world: 'digits', lambda: 1, held: ofDigit },
  reward: (world: ImageWorld) => world.likeness(label, 'log-odds'),
}
const jpeg: Wanted = { world: 'digits', lambda: 0.15, held: ofAny, reward: (world: ImageWorld) => world.jpeg }
const both: Wanted = {
  ...{ world: 'digits', lambda: 1, held: ofDigit },
  reward: (world: ImageWorld) =>
    weightedSum([
      { reward: world.likeness(label, 'log-softmax'), weight: 1 },
      { reward: world.jpeg, weight: 0.01 },
    ]),
}
const noisy: Wanted = {
  ...digit,
  reward: (world: ImageWorld) => misread(digit.reward(world), error),
  truth: digit.reward,
}

export function goals(quick: boolean): Goal[] {
  const short = [250, 750]
  if (quick) {
    return [
      { ...digit, setting: settings.digit, steps: 10, runs: at(main, short) },
      { ...jpeg, setting: settings.jpeg, steps: 10, runs: at(main, short) },
    ]
  }
  const hasty = { method: bold, budgets: [250] }
  // As long as the command makes them: 20 and 40 samples.
  const long = at([narrow, svdd5, svdd20, fkMax, sparse, greedy, bold, forest], [1000, 2000])
  return [
    { ...digit, setting: settings.digit, steps: 10, runs: [...at(everyone), hasty] },
    { ...jpeg, setting: settings.jpeg, steps: 10, runs: [...at([...main, svdd20, forest]), hasty] },
    { ...both, setting: settings.both, steps: 10, runs: at([dtsStar, narrow, svdd5, fkMax, greedy, forest]) },
    { ...noisy, setting: settings.noisy, steps: 10, runs: at([narrow, svdd5, zeroOrder, greedy, forest]) },
    { ...jpeg, setting: settings.clothes, world: 'clothes', steps: 10, runs: at([...main, forest], short) },
    { ...digit, setting: settings.long, steps: 50, runs: long },
    { ...jpeg, setting: settings.longJpeg, steps: 50, runs: long },
  ]
}
