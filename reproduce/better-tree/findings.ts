/** The parts of the claim, read off the runs, seed by seed. */

import { mean95, pairedDifference95 } from 'espalier/measure'
import { type Finding, show } from '../support/verdict.ts'
import type { Outcome } from './cells.ts'
import {
  bon,
  exactWeights,
  fk,
  greedy,
  ir,
  type Method,
  published,
  star,
  svddArgmax,
  svddSoftmax,
  tempered,
} from './methods.ts'
import type { WorldName } from './worlds.ts'

/** What one run of a method in a world gave, by {@link titleOf}. */
export type Outcomes = ReadonlyMap<string, readonly Outcome[]>

export const titleOf = (world: WorldName, { method, setting }: Pick<Method, 'method' | 'setting'>, budget: number) =>
  `${world}, ${method} (${setting}), ${budget} NFE`

/** Worlds where the rewarded set is small, and where the best reward is not found by accident. */
const rare: readonly WorldName[] = ['sharp3', 'sharp4', 'mode3', 'mode4', 'hd32b']
const all: readonly WorldName[] = ['gmm', ...rare, 'hd32', 'gauss']

const names: ReadonlyMap<Method, string> = new Map([
  [tempered.fine, 'the forest'],
  [ir, 'importance resampling'],
  [published.coarse, 'DTS'],
  [fk.fine, 'SMC'],
  [exactWeights.coarse, 'DTS with exact weights'],
  [greedy.full, 'greedy islands'],
  [bon, 'best-of-N'],
  [star.narrow, 'DTS* (alpha 0.5)'],
  [star.wide, 'DTS*'],
  [svddArgmax, 'SVDD (argmax)'],
  [svddSoftmax.fine, 'SVDD (softmax)'],
])

export function findings(outcomes: Outcomes, budgets: readonly number[]): Finding[] {
  const last = Math.max(...budgets)
  const of = (world: WorldName, method: Method, budget = last) => outcomes.get(titleOf(world, method, budget))
  const nameOf = (method: Method) => names.get(method) ?? method.method

  /** In which of the worlds a is lower than b on the same seeds, beyond doubt; it holds if in some, and nowhere higher. */
  const below = (
    about: string,
    worlds: readonly WorldName[],
    a: Method,
    b: Method,
    what: 'distance' | 'gap',
    budget = last,
  ): Finding => {
    const told: Record<'is lower' | 'is higher' | 'is not told apart', string[]> = {
      'is lower': [],
      'is higher': [],
      'is not told apart': [],
    }
    for (const world of worlds) {
      const [left, right] = [of(world, a, budget), of(world, b, budget)]
      if (!left || !right) continue
      const [x, y] = [left, right].map((runs) => runs.map((run) => run[what]))
      const { low, high } = pairedDifference95(x, y)
      const how = high < 0 ? 'is lower' : low > 0 ? 'is higher' : 'is not told apart'
      told[how].push(`${world} (${show(mean95(x).mean)} : ${show(mean95(y).mean)})`)
    }
    const text = Object.entries(told).flatMap(([how, where]) =>
      where.length > 0 ? [`${how} in ${where.join(', ')}`] : [],
    )
    return {
      holds: told['is lower'].length > 0 && told['is higher'].length === 0,
      about: `${about} at ${budget} NFE`,
      text: `${nameOf(a)} against ${nameOf(b)} ${text.join(', ')}`,
    }
  }

  const ratios = (world: WorldName, method: Method) =>
    of(world, method)?.flatMap((run) => (run.z === null ? [] : [run.z])) ?? []
  /**
   * Where plain rollouts are worth five effective samples or more. Elsewhere a mean of so few estimates depends on who was
   * lucky, and its standard error too.
   */
  const told = all.filter((world) => {
    const z = ratios(world, ir)
    return z.length > 1 && z.length / z.reduce((sum, v) => sum + (v - 1) ** 2, 0) >= 5
  })

  /** Whether mean estimates of Z are within 3.5 standard errors of Z. */
  const unbiased = (method: Method): Finding => {
    const rows = told.map((world) => {
      const z = ratios(world, method)
      const centre = mean95(z).mean
      const error = Math.sqrt(z.reduce((sum, v) => sum + (v - centre) ** 2, 0) / (z.length - 1) / z.length)
      return { world, centre, far: Math.abs(centre - 1) / error }
    })
    return {
      holds: rows.every(({ far }) => far < 3.5),
      about: `mean estimate of Z over Z at ${last} NFE, where rollouts are worth 5 samples or more`,
      text: `${nameOf(method)} ${rows.map(({ world, centre }) => `${show(centre)} (${world})`).join(', ')}`,
    }
  }

  return [
    unbiased(tempered.fine),
    unbiased(exactWeights.coarse),
    below('total variation', all, tempered.fine, ir, 'distance'),
    below('total variation', all, tempered.fine, published.coarse, 'distance'),
    below('total variation', all, tempered.fine, fk.fine, 'distance'),
    below('total variation', all, tempered.fine, svddSoftmax.fine, 'distance'),
    ...[bon, star.wide, star.narrow, fk.fine, svddArgmax].map((rival) =>
      below('distance to the highest reward', rare, greedy.full, rival, 'gap'),
    ),
  ]
}
