/** The two networks of digits: drawn side by side, seed by seed, so that their times can be compared. */

import { classify, imagesTensor, loadZoo, mnistData, oneHot, predictedClasses } from '@espalier/zoo'
import { classifierFree } from 'espalier/guide'
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
  counts,
  guidanceScale,
  guidedCounts,
  largeAlone,
  nameOf,
  type Order,
  type Pair,
  paperShare,
  relativeCost,
  shares,
  smallAlone,
  stepsAtEqualCost,
  stitched,
} from './stitched.ts'

export interface Sampler {
  readonly name: string
  readonly solver: Solver
  readonly process: Process
  /** Steps with which the share of the small network is swept. Default: no sweep. */
  readonly steps?: number
  readonly shares: readonly number[]
  /** Steps with which the paper's share is tried. */
  readonly counts: readonly number[]
  /** Guidance scale, and NFE a step. */
  readonly w: number
  readonly cost: number
}

/** On the linear schedule of the paper's networks; and on the cosine schedule of ours, which has less noise at each time. */
const [linear, cosine] = [vpLinear(), vpCosine()]
const [first, second, ancestral] = [ddim(), dpmSolverPlusPlus({ order: 2 }), ddpm()]
const plain = { process: linear, shares, counts, w: 1, cost: 1 }
const strong = { process: linear, shares: [], counts: guidedCounts, w: guidanceScale, cost: 2 }
export const samplers: readonly Sampler[] = [
  { ...plain, name: 'DDIM', solver: first, steps: 20 },
  { ...plain, name: 'DPM-Solver++ 2M', solver: second, steps: 10 },
  { ...plain, name: 'DDPM', solver: ancestral, steps: 20 },
  {
    ...{ name: 'DDIM on the cosine schedule', solver: first, steps: 20, process: cosine, w: 1, cost: 1 },
    ...{ shares: [0.2, 0.4, 0.6, 0.8], counts: [] },
  },
  { ...strong, name: `DDIM, w = ${guidanceScale}`, solver: first },
  { ...strong, name: `DPM-Solver++ 2M, w = ${guidanceScale}`, solver: second },
]
/** One without and one with guidance, at fewer numbers of steps. */
export const quickSamplers: readonly Sampler[] = [
  { ...samplers[0], counts: [5, 10] },
  { ...samplers[4], counts: [5] },
]
export const settingOf = ({ name }: Pick<Sampler, 'name'>) => `mnist, ${name}`
const grid: Grid = uniformGrid

export const metrics = {
  fid: 'CNN-FID',
  agreement: 'share of digits that are read as their class',
  time: 'ms an image',
  /** With the steps of the sweep. */
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

/** The sweep of one sampler and its runs with other numbers of steps, each with its controls. */
function runsOf({ solver, steps, name, process, shares: swept, counts: tried }: Sampler, pair: Pair): Run[] {
  const planOf = (n: number) => solver(process, grid(process, n))
  const stitch = (order: Order, r: number, n: number, method = nameOf(order, r)): Run => {
    const plan = planOf(n)
    const cost = n * (1 - r + r * relativeCost)
    return { method, plan, steps: n, cost, wrap: () => stitched(order, r, pair, plan.grid) }
  }
  const large = [...tried, ...tried.map((n) => stepsAtEqualCost(n, paperShare))]
  const runs = tried.flatMap((n) => [
    stitch('small first', paperShare, n),
    stitch('large first', paperShare, n),
    stitch('small first', 1, n, smallAlone),
  ])
  if (steps) {
    large.push(steps, ...[...swept, 1].map((r) => stepsAtEqualCost(steps, r)))
    const other = swept.filter((r) => r !== paperShare || !tried.includes(steps))
    runs.push(...other.map((r) => stitch('small first', r, steps)))
    runs.push(...other.filter((r) => lastFirst.includes(r)).map((r) => stitch('large first', r, steps)))
    runs.push(stitch('alternating', 0.5, steps))
    if (!tried.includes(steps)) runs.push(stitch('small first', 1, steps, smallAlone))
  }
  const alone = [...new Set(large)].sort((a, b) => b - a).map((n) => stitch('small first', 0, n, largeAlone))
  if (!steps || name !== 'DPM-Solver++ 2M') return [...alone, ...runs]
  const plan = planOf(steps)
  const run: typeof execute = async (_, __, x, options) => {
    const to = Math.round(paperShare * steps)
    const { states } = await advance(plan, pair.small, { states: [x], predictions: [] }, { ...options, to })
    return execute(solver(process, plan.grid.slice(to)), pair.large, states[0], options)
  }
  const cost = steps * (1 - paperShare + paperShare * relativeCost)
  return [...alone, ...runs, { method: forgetful(paperShare), plan, steps, cost, run }]
}

/** Samples a seed, of the ten classes in turn: one network call. */
export const images = 30
/** Shares of the small network that are also tried in the other order. */
const lastFirst = [0.2, 0.4, 0.6, 0.8]

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
  const unconditional = { label: { shape: [1, 10], data: new Float32Array(10) } }
  const on = (process: Process, scale = 1) => {
    const subject = model.subject(scale, process)
    const asked = classifierFree(viewed(small, process), { scale, unconditional })
    return { subject, pair: { small: asked, large: subject.denoiser } }
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
      const { subject, pair } = on(sampler.process, sampler.w)
      return { sampler, subject, runs: runsOf(sampler, pair) }
    })
    const costOf = (runs: readonly Run[], { cost: each }: Sampler) =>
      each * runs.reduce((sum, { cost }) => sum + cost, 0)
    const total = work.reduce((sum, { runs, sampler }) => sum + costOf(runs, sampler), 0) * seeds.length
    let done = 0
    for (const { sampler, subject, runs } of work) {
      const drawn = runs.map((): Tensor[] => [])
      const ms = runs.map((): number[] => [])
      for (const seed of seeds) {
        for (const [i, { plan, wrap, run, cost }] of runs.entries()) {
          const began = performance.now()
          drawn[i].push(...(await drawSamples({ subject, wrap, run }, plan, [seed], images)))
          ms[i].push((performance.now() - began) / images)
          done += sampler.cost * cost
          onProgress(done / total, `mnist, ${sampler.name}, seed ${seed}`)
        }
      }
      const setting = settingOf(sampler)
      const whole = ms[runs.findIndex(({ method, steps }) => method === largeAlone && steps === sampler.steps)]
      for (const [i, { method, steps }] of runs.entries()) {
        const nfe = steps * sampler.cost
        const cell = { method, setting, budget: nfe, nfe }
        for (const { name: metric, values } of judged) results.add({ ...cell, metric, values: await values(drawn[i]) })
        results.add({ ...cell, metric: metrics.time, values: ms[i] })
        if (whole) results.add({ ...cell, metric: metrics.relativeTime, values: ms[i].map((v, k) => v / whole[k]) })
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
