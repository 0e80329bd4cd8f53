/** The two networks of digits: drawn side by side, seed by seed, so that their times can be compared. */

import { classify, imagesTensor, loadZoo, mnistData, oneHot, predictedClasses } from '@espalier/zoo'
import { drawSamples, type Method, type Metric } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import { type Grid, type Process, uniformGrid, viewed, vpCosine, vpLinear } from 'espalier/process'
import { loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { advance, ddim, ddpm, dpmSolverPlusPlus, execute, type Plan, type Solver } from 'espalier/solve'
import { concatenate, type Tensor } from 'espalier/tensor'
import { imageModel } from '../support/images.ts'
import type { Results } from '../support/results.ts'
import { differences } from './difference.ts'
import {
  largeAlone,
  nameOf,
  type Order,
  type Pair,
  relativeCost,
  shares,
  smallAlone,
  stepsAtEqualCost,
  stitched,
} from './stitched.ts'

export interface Sampler {
  readonly name: string
  readonly solver: Solver
  readonly steps: number
  readonly process: Process
}

/** On the linear schedule of the paper's networks; and on the cosine schedule of ours, which has less noise at each time. */
const [linear, cosine] = [vpLinear(), vpCosine()]
export const samplers: readonly Sampler[] = [
  { name: 'DDIM', solver: ddim(), steps: 20, process: linear },
  { name: 'DPM-Solver++ 2M', solver: dpmSolverPlusPlus({ order: 2 }), steps: 10, process: linear },
  { name: 'DDPM', solver: ddpm(), steps: 20, process: linear },
  { name: 'DDIM on the cosine schedule', solver: ddim(), steps: 20, process: cosine },
]
export const settingOf = ({ name, steps }: Sampler) => `mnist, ${name}, ${steps} steps`
const grid: Grid = uniformGrid

export const metrics = {
  fid: 'CNN-FID',
  agreement: 'share of digits that are read as their class',
  time: 'ms an image',
  relativeTime: 'time, relative to large alone',
} as const
/** The small network's predictions are forgotten where the large one takes over. */
export const forgetful = (r: number) => `${nameOf('small first', r)}, history dropped`

interface Run extends Pick<Method, 'wrap' | 'run'> {
  readonly method: string
  readonly plan: Plan
  readonly steps: number
  /** Calls for each sample, in those of the large network. */
  readonly cost: number
}

/** The sweep of one sampler, with its controls. */
function runsOf({ solver, steps, name, process }: Sampler, pair: Pair): Run[] {
  const planOf = (n: number) => solver(process, grid(process, n))
  const plan = planOf(steps)
  const costOf = (r: number) => steps * (1 - r + r * relativeCost)
  const stitch = (order: Order, r: number, method = nameOf(order, r)): Run => ({
    ...{ method, plan, steps, cost: costOf(r) },
    wrap: () => stitched(order, r, pair, plan.grid),
  })
  const fewer = [...new Set([...shares, 1].map((r) => stepsAtEqualCost(steps, r)))]
  const runs = [
    stitch('small first', 0, largeAlone),
    ...shares.map((r) => stitch('small first', r)),
    stitch('small first', 1, smallAlone),
    ...shares.map((r) => stitch('large first', r)),
    stitch('alternating', 0.5),
    ...fewer.map((n): Run => ({ method: largeAlone, plan: planOf(n), steps: n, cost: n })),
  ]
  if (name !== 'DPM-Solver++ 2M') return runs
  const r = 0.4
  const run: typeof execute = async (_, __, x, options) => {
    const to = Math.round(r * steps)
    const { states } = await advance(plan, pair.small, { states: [x], predictions: [] }, { ...options, to })
    return execute(solver(process, plan.grid.slice(to)), pair.large, states[0], options)
  }
  return [...runs, { method: forgetful(r), plan, steps, cost: costOf(r), run }]
}

/** Samples a seed: one network call. */
export const images = 64

/** Runs the sweeps of samplers and adds their cells to the results. */
export async function digits(
  ran: readonly Sampler[],
  results: Results,
  onProgress: (done: number, what: string) => void,
): Promise<void> {
  const { seeds } = results
  const model = await imageModel('mnist')
  const runtime = nodeRuntime()
  const { model: bytes, card } = loadZoo('mnist-small') as { model: Uint8Array; card: NetworkCard }
  const small = await loadDenoiser(runtime, bytes, card)
  const on = (process: Process) => {
    const subject = model.subject(1, process)
    return { subject, pair: { small: viewed(small, process), large: subject.denoiser } }
  }
  try {
    const real = mnistData.read('test')
    await differences(
      'mnist',
      on(linear).pair,
      (i) => {
        const [from, to] = [i * 16, i * 16 + 16]
        const labels = oneHot(real.labels.subarray(from, to), 10)
        return { images: imagesTensor(real, from, to), condition: { label: { shape: [16, 10], data: labels } } }
      },
      results,
    )
    const judged: Metric[] = [model.cnnFid(seeds.length, images), agreement()]
    const work = ran.map((sampler) => {
      const { subject, pair } = on(sampler.process)
      return { sampler, subject, runs: runsOf(sampler, pair) }
    })
    const total = work.flatMap(({ runs }) => runs).reduce((sum, { cost }) => sum + cost, 0) * seeds.length
    let done = 0
    for (const { sampler, subject, runs } of work) {
      const drawn = runs.map((): Tensor[] => [])
      const ms = runs.map((): number[] => [])
      for (const seed of seeds) {
        for (const [i, { plan, wrap, run, cost }] of runs.entries()) {
          const began = performance.now()
          drawn[i].push(...(await drawSamples({ subject, wrap, run }, plan, [seed], images)))
          ms[i].push((performance.now() - began) / images)
          done += cost
          onProgress(done / total, `mnist, ${sampler.name}, seed ${seed}`)
        }
      }
      const setting = settingOf(sampler)
      for (const [i, { method, steps }] of runs.entries()) {
        const cell = { method, setting, budget: steps, nfe: steps }
        for (const { name: metric, values } of judged) results.add({ ...cell, metric, values: await values(drawn[i]) })
        results.add({ ...cell, metric: metrics.time, values: ms[i] })
        results.add({ ...cell, metric: metrics.relativeTime, values: ms[i].map((v, k) => v / ms[0][k]) })
      }
      for (const { floor, name: metric } of judged)
        if (floor) results.add({ method: floor.name, setting, metric, nfe: 0, values: await floor.values() })
    }
  } finally {
    await model.close()
    await small.release()
    await runtime.close()
  }
}

/** How often a second classifier, which is not the judge of the CNN-FID, reads a digit as the class asked for. */
function agreement(): Metric {
  const { model } = loadZoo('mnist-classifier')
  return {
    name: metrics.agreement,
    async values(samples) {
      const { logits } = await classify(model, concatenate(samples))
      const read = predictedClasses(logits)
      const each = read.length / samples.length
      return samples.map((_, s) => {
        const right = read.subarray(s * each, (s + 1) * each).filter((k, i) => k === i % 10).length
        return right / each
      })
    },
  }
}
