import { ink, type Reward, scaled } from 'espalier/reward'
import type { Tensor } from 'espalier/tensor'
import type { ImageWorld, ImageWorldName } from '../support/image-world.ts'
import {
  bestOfN,
  cold,
  dps,
  forest,
  greedy,
  learned,
  type Method,
  replacing,
  samples,
  smc,
  svdd,
  warm,
  warmSmc,
} from './methods.ts'
import { compute, settings } from './names.ts'

export interface Goal {
  readonly setting: string
  readonly world: ImageWorldName
  reward(world: ImageWorld): Reward<Tensor>
  /** Standard deviation of the reward in the model, which temperatures are measured in. */
  readonly scale: number
  readonly steps: number
  /** Methods, and how many times a plain sample each of their samples costs. */
  readonly runs: readonly { readonly method: Method; readonly of: readonly number[] }[]
}

/** NFE of a run whose samples cost M times a plain one. */
export const budgetOf = ({ steps }: Pick<Goal, 'steps'>, m: number) => samples * m * steps

const several = compute.filter((m) => m > 1)
const jpeg = { world: 'digits', scale: 60, reward: (world: ImageWorld) => world.jpeg } as const

export function goals(quick: boolean): Goal[] {
  const ours = (of: readonly number[]) => [forest, greedy].map((method) => ({ method, of }))
  const few = (of: readonly number[]) => [
    { method: bestOfN, of: [1, ...of] },
    { method: smc, of: [1, ...of] },
    { method: svdd, of },
    { method: replacing, of },
    ...ours(of),
  ]
  const digits = { ...jpeg, setting: settings.jpeg, steps: 10 }
  if (quick) return [{ ...digits, runs: few([2, 5, 10]) }]
  return [
    {
      ...digits,
      runs: [
        { method: bestOfN, of: compute },
        { method: svdd, of: several },
        { method: smc, of: [1, 5, 10, 20] },
        { method: replacing, of: [5, 10, 20] },
        ...[warmSmc, cold, warm].map((method) => ({ method, of: [10] })),
        { method: learned, of: [10] },
        ...ours([5, 10, 20]),
      ],
    },
    {
      ...{ setting: settings.ink, world: 'digits', scale: 4, steps: 10 },
      // Nothing that the model draws has so much ink.
      reward: () => scaled(ink({ target: 0.3 }), 100),
      runs: [...few([2, 5, 10]), { method: dps, of: [1] }],
    },
    { ...jpeg, setting: settings.clothes, world: 'clothes', steps: 10, runs: few([5]) },
    { ...jpeg, setting: settings.long, steps: 50, runs: few([5]) },
  ]
}
