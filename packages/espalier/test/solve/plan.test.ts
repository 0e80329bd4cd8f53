import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { uniformGrid, vpLinear } from '../../src/process/index.ts'
import { ddim, ddpm, isStochastic, nfeOf, parsePlan, stepsOf } from '../../src/solve/index.ts'

const process = vpLinear()
const plan = ddpm()(process, uniformGrid(process, 4))

const message = (json: unknown) => {
  try {
    parsePlan(json)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}
const edited = (
  edit: (copy: { grid: number[]; stages: Record<string, unknown>[] } & Record<string, unknown>) => void,
) => {
  const copy = JSON.parse(JSON.stringify(plan))
  edit(copy)
  return message(copy)
}

describe('a plan', () => {
  it('is plain JSON: writing and reading gives the same plan', () => {
    for (const p of [plan, ddim({ eta: 0.5 })(process, uniformGrid(process, 9))]) {
      expect(parsePlan(JSON.parse(JSON.stringify(p)))).toEqual(p)
    }
  })

  it('counts its steps, calls and noise', () => {
    expect([stepsOf(plan), nfeOf(plan), nfeOf(plan, 1, 3)]).toEqual([4, 4, 2])
    expect([0, 1, 2, 3].map((step) => isStochastic(plan, step))).toEqual([true, true, true, false])
    expect(plan.stages.map(({ noise }) => noise === 0)).toEqual([false, false, false, true])
  })

  it.each<[string, Parameters<typeof edited>[0], string]>([
    ['a grid that rises', (p) => p.grid.reverse(), 'plan.grid[1]: times must decrease, got 0.25 after 0'],
    ['a time beyond 1', (p) => (p.grid[0] = 2), 'plan.grid[0]: '],
    ['a skipped step', (p) => p.stages.splice(1, 1), 'plan.stages[1].step: expected 0 or 1, got 2'],
    ['a missing end', (p) => p.stages.pop(), 'plan.stages: a grid of 5 times has 4 steps, got 3'],
    ['no stages', (p) => (p.stages = []), 'plan.stages: a grid of 5 times has 4 steps, got 0'],
    ['a first step that is not 0', (p) => p.stages.shift(), 'plan.stages[0].step: expected 0, got 1'],
    ['a coefficient that is no number', (p) => (p.stages[2].states = ['x']), 'plan.stages[2].states[0]: '],
    ['a NaN', (p) => (p.stages[2].noise = Number.NaN), 'plan.stages[2].noise: '],
    ['negative noise', (p) => (p.stages[0].noise = -1), 'plan.stages[0].noise: '],
    [
      'a reach before the first state',
      (p) => (p.stages[1].states = [1, 1, 1]),
      'plan.stages[1].states: reads 3 states where only 2 are kept',
    ],
    [
      'a reach before the first call',
      (p) => (p.stages[0].predictions = [1, 1]),
      'plan.stages[0].predictions: reads 2 predictions where only 1 are kept',
    ],
    [
      'an input that needs a later call',
      (p) => (p.stages[0].ask = { states: [1], predictions: [1] }),
      'plan.stages[0].ask.predictions: reads 1',
    ],
    ['an unknown field', (p) => (p.colour = 'red'), 'plan: '],
    ['another prediction', (p) => (p.target = 'velocity'), 'plan.target: '],
  ])('is refused with %s', (_, edit, expected) => {
    expect(edited(edit)).toContain(expected)
    expect(edited(edit)).not.toContain('\n')
  })

  it('is refused as any other JSON, in one line', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(message(json)).toMatch(/^plan[.:]/)
        expect(message(json)).not.toContain('\n')
      }),
    )
  })
})
