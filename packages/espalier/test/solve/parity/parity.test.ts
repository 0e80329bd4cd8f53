import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { coefficientsAt, conversion, type Process, type Target } from '../../../src/process/index.ts'
import { interpret } from '../../../src/solve/index.ts'
import { type ScheduledSolver, solverFromSchedulerConfig } from '../../../src/solve/scheduler-config.ts'
import { quantile } from '../../../src/tensor/quantile.ts'
import { problemG } from '../../process/worlds.ts'

/** A run of a scheduler of diffusers, as written by make.py: every network call at `x = a x_0 + s eps`, and the end. */
interface Golden {
  readonly name: string
  readonly config: Readonly<Record<string, unknown>>
  readonly steps: number
  readonly options: { readonly eta?: number; readonly tau?: number; readonly mu?: number; readonly sigmas?: number[] }
  readonly calls: readonly { readonly timestep: number; readonly level: [number, number]; readonly x: number[] }[]
  readonly noise?: readonly number[][]
  readonly end: { readonly level: [number, number]; readonly x: number[] }
}

interface Visit {
  readonly level: readonly [number, number]
  readonly x: readonly number[]
  readonly label?: number
}

const START = [-1, 0.3, 2]
const TOLERANCE = 1e-9

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'))
const goldens = (file: string): Golden[] =>
  JSON.parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8')).cases

/** Our run of the same: the plan in float64, the analytic model, the noise of the golden run by network call. */
function ours(golden: Golden, scheduled: ScheduledSolver): Visit[] {
  const { process, grid, solver, label, initialStd } = scheduled
  const plan = solver(process, grid)
  const visits: Visit[] = []
  const at = (t: number) => [process.a(t), process.s(t)] as const
  const { states } = interpret(
    plan,
    (x, t, out) => {
      const told = label.type === 'linear' ? t : process.logSnr(t)
      visits.push({ level: at(t), x: [...x], label: label.scale * told + label.offset })
      predict(process, x, t, plan.target, out, scheduled.threshold)
    },
    START.map((z) => z * initialStd),
    { noise: (_, out) => out.set(golden.noise?.[visits.length - 1] ?? []) },
  )
  visits.push({ level: at(grid[grid.length - 1]), x: [...states[0]] })
  return visits
}

function predict(
  process: Process,
  x: Float64Array,
  t: number,
  target: Target,
  out: Float64Array,
  threshold: ScheduledSolver['threshold'],
): void {
  x.forEach((v, i) => {
    out[i] = problemG.predict([v], process.a(t), process.s(t), threshold ? 'data' : target, new Float64Array(1))[0]
  })
  if (!threshold) return
  const { type, max, quantile: share = 1, ceiling = Infinity } = threshold
  const size = quantile(Float32Array.from(out, Math.abs), share)
  const most = type === 'static' ? max : Math.min(ceiling, Math.max(max, size))
  const back = conversion('data', target, coefficientsAt(process, t))
  out.forEach((v, i) => {
    out[i] = back.x * x[i] + back.output * ((Math.max(-most, Math.min(most, v)) * max) / most)
  })
}

/** The largest difference, relative to the largest entry. */
function deviation(given: readonly number[], expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs))
  return Math.max(...given.map((v, i) => Math.abs(v - expected[i]))) / scale
}

describe.each(files)('%s', (file) => {
  it.each(goldens(file).map((golden) => [golden.name, golden] as const))('%s', (_, golden) => {
    const run = { ...golden.options, steps: golden.steps, variant: 'released' } as const
    const visits = ours(golden, solverFromSchedulerConfig(golden.config, run))
    const expected: (Omit<Visit, 'label'> & { readonly timestep?: number })[] = [...golden.calls, golden.end]
    if (process.env.PARITY) {
      console.log(file, golden.name, visits.length, expected.length, visits.map((v,i)=>deviation(v.x, expected[i].x).toExponential(0)).join(' '))
    }
    expect(visits.length).toBe(expected.length)
    visits.forEach(({ level, x, label }, i) => {
      const { timestep } = expected[i]
      expect(deviation(level, expected[i].level), `level at call ${i}`).toBeLessThan(TOLERANCE)
      expect(deviation(x, expected[i].x), `state at call ${i}`).toBeLessThan(TOLERANCE)
      if (timestep !== undefined) expect(Math.abs(label! - timestep)).toBeLessThan(1)
    })
  })
})
