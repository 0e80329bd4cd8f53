/** Sequences of every method, with what they cost. The judge is not asked here. */

import { mean } from 'espalier/measure'
import {
  ancestral,
  countedEnergy,
  energySampler,
  firstHitting,
  kernelSampler,
  sampleTokens,
  shaped,
  type TokenSolver,
} from 'espalier/text'
import { cpuSeconds } from '../support/cpu-time.ts'
import type { Outcome, SearchCell } from '../support/search-cells.ts'
import { judgedInBatches } from '../support/text.ts'
import type { Models } from './models.ts'
import {
  cooled,
  type EnergyName,
  edlm,
  inCalls,
  metrics,
  names,
  onGrid,
  onSteps,
  released,
  settings,
  temperatures,
  windowed,
} from './names.ts'
import type { Drafts, Plan } from './plan.ts'
import { type Pool, traced } from './pool.ts'

type Open = () => Promise<Models>

/** A cell whose outcome holds its sequences. */
export interface DrawnCell extends SearchCell {
  /** Of a pool: nothing of it is measured but what is chosen from it. */
  readonly pool?: boolean
}

export const sequencesOf = ({ texts = [] }: Outcome): Int32Array[] =>
  texts.map((text) => Int32Array.from(text.split(' '), Number))

/** What a pool holds, by a cell of {@link poolCell}. */
export function poolOf(outcome: Outcome): Pool {
  const rows = (outcome.texts ?? []).map((text) => JSON.parse(text) as [number, number, number[]])
  return {
    tokens: rows.map(([, , tokens]) => Int32Array.from(tokens)),
    logs: rows.map(([log]) => log),
    paths: rows.map(([, path]) => path),
  }
}

/** Rows of both networks for a sequence, about. */
export const rowsOf = (calls: number, drafts = 1, window = 1): number =>
  Math.round(calls * (1 + (drafts > 1 ? drafts * window : 0)))

/** A sampler of drafts at its place. */
interface Arm {
  readonly method: string
  readonly setting: string
  readonly calls: number
  readonly count: number
  readonly energy?: EnergyName
  readonly drafts?: number
  readonly window?: number
  readonly variant?: 'released'
  readonly temperature?: number
  /** On an even grid of so many steps instead of by first hitting. */
  readonly grid?: boolean
}

export function drawnCells(plan: Plan, open: Open): DrawnCell[] {
  const { count, cheap, calls } = plan
  const each = (drafts: Drafts, of: (k: number, n: number) => Omit<Arm, 'drafts' | 'calls' | 'setting'>): Arm[] =>
    Object.entries(drafts).flatMap(([k, all]) =>
      all.map((n) => ({ setting: inCalls(n), calls: n, drafts: Number(k), ...of(Number(k), n) })),
    )
  const arms: Arm[] = [
    // First what is not timed: code is compiled meanwhile.
    ...each(plan.grid, (k, n) => ({
      ...{ method: k === 1 ? names.mdlmGrid : onGrid(k), setting: onSteps(n), grid: true },
      ...(k === 1 ? { count: cheap } : { count, energy: 'ar' }),
    })),
    ...calls.flatMap((n) =>
      [1, ...temperatures].map((temperature) => ({
        ...{ method: cooled(temperature), setting: inCalls(n), calls: n, count: cheap, temperature },
      })),
    ),
    ...each(plan.windowed, (k) => ({
      ...{ method: windowed(k), count: k === 2 ? cheap : count, energy: 'ar', window: 0.2 },
    })),
    ...(['ar', 'coAr', 'nce'] as const).flatMap((energy) =>
      each(plan[energy], (k) => ({ method: edlm(energy, k), count, energy })),
    ),
    ...each(plan.released, (k) => ({ method: released(k), count, energy: 'ar', variant: 'released' })),
  ]
  return [
    ...arms.map((arm) => drawn(arm, open)),
    ...plan.pools.map(({ calls, most }) => poolCell(calls, most, count, open)),
    leftToRightCell(plan, open),
  ]
}

function drawn(arm: Arm, open: Open): DrawnCell {
  const { method, setting, calls, count, drafts = 1, window = 1, temperature = 1 } = arm
  return {
    ...{ method, setting, budget: rowsOf(calls, drafts, window) },
    async run(seed) {
      const models = await open()
      const denoiser = shaped(models.denoiser, { temperature })
      const energy = arm.energy && (await models.energy(arm.energy))
      const meter = { evaluations: 0 }
      const effective: number[] = []
      const weigh = energy && {
        energy: countedEnergy(energy, meter),
        ...{ drafts, window, variant: arm.variant },
        onWeights: (weights: Float64Array) => void effective.push(1 / weights.reduce((sum, w) => sum + w * w, 0)),
      }
      const began = cpuSeconds()
      const { tokens, nfe } = await sampleTokens({ denoiser, sampler: solverOf(arm, weigh), count, seed })
      const cpu = (1000 * (cpuSeconds() - began)) / count
      // Rows of a call follow one another, where all of them are weighed.
      const quarter = count * Math.ceil(calls / 4)
      return {
        ...{ nfe: nfe / count, gradientEvaluations: 0, rewardEvaluations: meter.evaluations / count },
        values: {
          ...costs(nfe / count, meter.evaluations / count, cpu),
          ...(effective.length > 0 ? { [metrics.effective]: mean(effective) } : {}),
          ...(effective.length === count * calls
            ? {
                [metrics.effectiveFirst]: mean(effective.slice(0, quarter)),
                [metrics.effectiveLast]: mean(effective.slice(-quarter)),
              }
            : {}),
        },
        texts: tokens.map((row) => row.join(' ')),
      }
    },
  }
}

function solverOf({ calls, grid }: Arm, draft: Parameters<typeof energySampler>[0] | undefined): TokenSolver {
  if (!grid) return firstHitting({ calls, draft })
  return draft ? energySampler({ ...draft, steps: calls }) : kernelSampler(ancestral, { steps: calls })
}

const costs = (nfe: number, energies: number, cpu: number) => ({
  [metrics.nfe]: nfe,
  [metrics.energies]: energies,
  [metrics.rows]: nfe + energies,
  [metrics.cpu]: cpu,
})

export const poolName = (most: number): string => `pool of ${most}`

function poolCell(calls: number, most: number, count: number, open: Open): DrawnCell {
  return {
    ...{ method: poolName(most), setting: inCalls(calls), budget: most * (calls + 1), pool: true },
    async run(seed) {
      const { denoiser, autoregressive } = await open()
      const { solver, logOf } = traced(firstHitting({ calls }))
      const began = cpuSeconds()
      const { tokens, nfe } = await sampleTokens({ denoiser, sampler: solver, count: count * most, seed })
      const losses = await judgedInBatches(autoregressive, tokens)
      const cpu = (1000 * (cpuSeconds() - began)) / count
      return {
        ...{ nfe: nfe / count, gradientEvaluations: 0, rewardEvaluations: most },
        values: costs(nfe / count, most, cpu),
        texts: tokens.map((row, i) => JSON.stringify([-losses[i] * row.length, logOf(row), [...row]])),
      }
    },
  }
}

/** One row of the autoregressive model a token, of half the length on average. */
function leftToRightCell({ cheap, calls }: Plan, open: Open): DrawnCell {
  const length = calls[calls.length - 1]
  return {
    ...{ method: names.autoregressive, setting: settings.leftToRight, budget: length },
    async run(seed) {
      const models = await open()
      const began = cpuSeconds()
      const tokens = await models.drawn(cheap, seed)
      const cpu = (1000 * (cpuSeconds() - began)) / cheap
      return {
        ...{ nfe: 0, gradientEvaluations: 0, rewardEvaluations: length },
        values: costs(0, length, cpu),
        texts: tokens.map((row) => row.join(' ')),
      }
    },
  }
}
