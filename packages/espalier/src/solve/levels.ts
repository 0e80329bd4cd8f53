import type { Process } from '../process/process.ts'
import { interpret } from './interpret.ts'
import { type Plan, stepsOf } from './plan.ts'

/** What a state is made of, `a x_0 + s eps`, where data and noise do not change along the way. */
export interface Level {
  readonly a: number
  readonly s: number
}

/**
 * The level of the state that each stage makes, read off the table: a plan that starts from `a x_0 + s eps` and is told
 * the same x_0 or eps at every call makes states that are again such sums. A state at time t has `a(t), s(t)`; a velocity
 * of noise predictions has `0, 1`, one of data predictions `1, 0`; a noise that two stages share has `0, 0`.
 */
export function levelsOf(plan: Plan, process: Process): Level[] {
  const [data, noise] = plan.target === 'data' ? [1, 0] : [0, 1]
  const levels: Level[] = []
  interpret(plan, (_x, _t, out) => out.set([data, noise]), [process.a(plan.grid[0]), process.s(plan.grid[0])], {
    noise: (_, out) => out.fill(0),
    onStage: (_, [a, s]) => {
      levels.push({ a, s })
      return undefined
    },
  })
  return levels
}

/** A plan without the last data prediction of `denoised`: the run then ends in a state of the process. */
export function undenoised(plan: Plan, process: Process): Plan {
  const { a, s } = levelsOf(plan, process)[plan.stages.length - 1]
  const clean = Math.abs(a - 1) < 1e-6 && Math.abs(s) < 1e-6
  return clean && process.s(plan.grid[stepsOf(plan)]) > 1e-5 ? { ...plan, stages: plan.stages.slice(0, -1) } : plan
}

/**
 * The time of the grid that the state of each stage is a state at, if any: the last one of a step is at its end, and
 * others are where their level says, as the state that a corrector corrects.
 */
export function timesOfStates(plan: Plan, process: Process): (number | undefined)[] {
  const levels = levelsOf(plan, process)
  return plan.stages.map(({ step }, i) => {
    const [from, to] = [plan.grid[step], plan.grid[step + 1]]
    if (plan.stages[i + 1]?.step !== step) return to
    return [to, from].find((t) => sameLevel(levels[i], { a: process.a(t), s: process.s(t) }))
  })
}

/** Whether two levels are the same up to rounding. */
export function sameLevel(p: Level, q: Level): boolean {
  const near = (v: number, w: number) => Math.abs(v - w) <= 1e-6 * Math.abs(w)
  return near(p.a, q.a) && near(p.s, q.s)
}
