import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { uniformGrid, vpLinear } from '../../src/process/index.ts'
import {
  ddim,
  ddpm,
  dpmSolverPlusPlus,
  heun,
  interpret,
  isStochastic,
  nfeOf,
  parsePlan,
  planSchema,
  type Solver,
  saSolver,
  stepsOf,
} from '../../src/solve/index.ts'

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

  it('has a JSON schema, with its limits', () => {
    expect(planSchema()).toMatchObject({
      additionalProperties: false,
      properties: { grid: { minItems: 2, maxItems: 10_001 }, stages: { items: { additionalProperties: false } } },
    })
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
    [
      'a call at no state',
      (p) => (p.stages[1].ask = { states: [], predictions: [] }),
      'plan.stages[1].ask: the network is asked at no state',
    ],
    ['a call before the start of time', (p) => (p.stages[1].time = -0.1), 'plan.stages[1].time: '],
    ['a call beyond the end of time', (p) => (p.stages[1].time = 1.1), 'plan.stages[1].time: '],
    ['a step that is not whole', (p) => (p.stages[1].step = 0.5), 'plan.stages[1].step: '],
    ['a step beyond all numbers', (p) => (p.stages[1].step = 1e300), 'plan.stages[1].step: '],
    ['equal times', (p) => (p.grid[2] = p.grid[1]), 'plan.grid[2]: times must decrease, got 0.75 after 0.75'],
    ['one time', (p) => (p.grid = [1]), 'plan.grid: '],
    ['a grid as text', (p) => (p.grid = '1,0' as never), 'plan.grid: '],
    ['a list that is an object', (p) => (p.stages[0].states = { length: 1, 0: 1 }), 'plan.stages[0].states: '],
    ['a coefficient that is null', (p) => (p.stages[0].predictions = [null]), 'plan.stages[0].predictions[0]: '],
    ['more times than any run', (p) => (p.grid = Array(20_000).fill(0)), 'plan.grid: Too big'],
    ['more stages than any run', (p) => (p.stages = Array(60_000).fill({})), 'plan.stages: Too big'],
    ['a list that is too long', (p) => (p.stages[0].states = Array(5_000).fill(0)), 'plan.stages[0].states: Too big'],
    ['a name of many lines', (p) => (p.name = 'a\nb'), 'plan.name: expected text in one line'],
    ['a name that is a novel', (p) => (p.name = 'a'.repeat(300)), 'plan.name: Too big'],
    ['an unknown field', (p) => (p.colour = 'red'), 'plan: '],
    ['an unknown field of many lines', (p) => (p['a\nb\u2028'] = 1), 'plan: Unrecognized key: "a\\u000ab\\u2028"'],
    ['an unknown field of a stage', (p) => (p.stages[0].colour = 'red'), 'plan.stages[0]: '],
    ['another prediction', (p) => (p.target = 'velocity'), 'plan.target: '],
  ])('is refused with %s', (_, edit, expected) => {
    expect(edited(edit)).toContain(expected)
    expect(edited(edit)).not.toContain('\n')
  })

  it.each(['1e999', '-1e999'])('is refused with the number %s, which JSON reads as infinite', (number) => {
    const text = JSON.stringify(plan)
    for (const field of ['"time":1,', '"noise":0}', '"grid":[1,']) {
      expect(text).toContain(field)
      const broken = text.replace(field, field.replace(/[01](?=[,}]$)/, number))
      expect(message(JSON.parse(broken))).toMatch(/^plan\..*(number|Too)/)
    }
  })

  it('is refused with a field that would change what objects are', () => {
    const text = JSON.stringify(plan).replace('{', '{"__proto__":{"target":"noise"},')
    expect(message(JSON.parse(text))).toBe('plan: Unrecognized key: "__proto__"')
  })

  it('is refused as any other JSON, in one line', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(message(json)).toMatch(/^plan[.:]/)
        expect(message(json)).not.toContain('\n')
      }),
    )
  })

  const plans = [plan, ...[ddim(), heun({ churn: 3 }), dpmSolverPlusPlus({ order: 3 }), saSolver()].map(planOf)]

  it('that is damaged anywhere is refused in one short line, or can still be run', () => {
    const value = fc.oneof(
      fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 0, 1, 2, 1e308, 5e-324, null, true, '', [], {}, [[]], '1'),
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(fc.double({ noNaN: true }), { maxLength: 6 }),
    )
    const damage = fc.record({
      plan: fc.constantFrom(...plans),
      /** Which of all the places in the file. */
      place: fc.nat(),
      how: fc.constantFrom('replace', 'remove', 'repeat', 'add'),
      value,
    })
    let [refused, run] = [0, 0]
    fc.assert(
      fc.property(damage, ({ plan, place, how, value }) => {
        const copy = JSON.parse(JSON.stringify(plan))
        const places = placesOf(copy)
        const [holder, name] = places[place % places.length]
        if (how === 'replace') holder[name] = value
        else if (how === 'add') holder[Array.isArray(holder) ? String(holder.length) : 'more'] = value
        else if (!Array.isArray(holder)) delete holder[name]
        else if (how === 'remove') holder.splice(Number(name), 1)
        else holder.splice(Number(name), 0, holder[Number(name)])
        const said = message(copy)
        if (said === 'accepted') {
          run++
          const read = parsePlan(copy)
          const end = interpret(read, (_x, _t, out) => out.fill(1), [1], { noise: (_stage, out) => out.fill(0) })
          expect(end.states[0]).toHaveLength(1)
        } else {
          refused++
          expect(said).toMatch(/^plan[.:[]/)
          expect(said).not.toMatch(/[\n\r\u2028]|TypeError|Cannot/)
          expect(said.length).toBeLessThan(400)
        }
      }),
      { numRuns: 1500 },
    )
    expect(refused).toBeGreaterThan(200)
    expect(run).toBeGreaterThan(50)
  })
})

function planOf(solver: Solver) {
  return solver(process, uniformGrid(process, 5, { from: 0.9 }))
}

/** Every field and every element of a JSON value, as its holder and its name there. */
function placesOf(json: Record<string, unknown>): [holder: Record<string, unknown> & unknown[], name: string][] {
  return Object.entries(json).flatMap(([name, value]) => [
    [json as Record<string, unknown> & unknown[], name],
    ...(typeof value === 'object' && value !== null ? placesOf(value as Record<string, unknown>) : []),
  ])
}
