/**
 * First hitting and the fault of float32 draws (Zheng et al. 2024, arXiv 2409.02908): what an exact sampler of a masked
 * diffusion costs beside the ancestral one, what float32 Gumbels do to both numbers that judge text, and which sampler of
 * few calls gains more than a lower temperature would.
 */

import { versions } from '@espalier/cli'
import { jackknife, mean, Results } from 'espalier/measure'
import {
  ancestral,
  firstHitting,
  type GumbelNoise,
  kernelSampler,
  sampleTokens,
  shaped,
  type TokenSolver,
} from 'espalier/text'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { cpuSeconds } from '../support/cpu-time.ts'
import { type FinishedCells, type Outcome, runCells, type SearchCell } from '../support/search-cells.ts'
import { lossAt, type Tempered } from '../support/temperature-curve.ts'
import { namedQuality, openText, type TextWorld, type TextWorldName } from '../support/text.ts'
import { verdictOf } from '../support/verdict.ts'
import { counted, expectedCalls, uncached, wholeBatches } from './cost.ts'
import { predictedGumbels } from './draws.ts'
import { findings } from './findings.ts'
import { type Method, methodsFor } from './methods.ts'
import {
  atSteps,
  compared,
  cooled,
  data,
  faulty,
  inBatches,
  inCalls,
  metrics,
  names,
  noises,
  predicted,
  temperatures,
  ways,
} from './names.ts'
import { type Plan, plans, quickPlans } from './plan.ts'
import { publishedAncestral } from './published.ts'

/** Counts up when the same seed no longer gives the same numbers, so that no result is mixed from two programs. */
const protocol = 1

export async function run(
  options: ReproductionOptions & { readonly open?: (name: TextWorldName) => Promise<TextWorld> } = {},
): Promise<ReproductionResult> {
  const { quick = false, onProgress, open = openText } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 3 : 5 }, (_, i) => i)
  const results = new Results(seeds)
  const chosen = quick ? quickPlans : plans
  const worlds = new Map<TextWorldName, Promise<TextWorld>>()
  const worldOf = (name: TextWorldName) => {
    const world = worlds.get(name) ?? open(name)
    worlds.set(name, world)
    return world
  }
  try {
    const cells = chosen.flatMap((plan) => cellsOf(plan, () => worldOf(plan.world)))
    // One after another: times are measured too.
    const name = `${versions().espalier}-${protocol}`
    const finished = await runCells(cells, results, { name, folder: 'runs/fhs', atOnce: 1, onProgress })
    for (const plan of chosen) addMatched(plan, finished, results)
    for (const plan of chosen) await addCalls(plan, results)
    const result = resultOf(results, chosen, quick)
    finished.remove()
    onProgress?.(1, 'done')
    return result
  } finally {
    for (const world of worlds.values()) await (await world).close()
  }
}

function resultOf(results: Results, chosen: readonly Plan[], quick: boolean): ReproductionResult {
  const { seeds } = results
  return {
    paper:
      'Zheng, Chen, Mao, Liu, Zhu, Zhang 2024, Masked Diffusion Models are Secretly Time-Agnostic Masked Models and Exploit ' +
      'Inaccurate Categorical Sampling, arXiv 2409.02908',
    claim:
      'First hitting samples a masked diffusion exactly, in one call a token, up to 20 times faster than the ancestral sampler ' +
      'in many steps. Float32 Gumbels lower generative perplexity and entropy together, as a lower temperature does; of two ' +
      'samplers the better one is told at equal entropy alone. With several tokens a call, order 2 is better than order 1.',
    ...verdictOf(findings(results, chosen)),
    command: `npx espalier reproduce fhs${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `${seeds.length} seeds; a seed has ${chosen.map(({ count, world, length }) => `${count} sequences of ${length} tokens of ${world}`).join(', ')}`,
    table: results.rows(),
  }
}

type Open = () => Promise<TextWorld>

function cellsOf(plan: Plan, open: Open): SearchCell[] {
  const { world, count, steps, calls, gumbels, timed, predictedCount } = plan
  const exact = calls[calls.length - 1]
  const kernel = (n: number, gumbels?: GumbelNoise) => kernelSampler(ancestral, { steps: n, gumbels })
  return [
    {
      ...{ method: names.data, setting: data(world), budget: 0 },
      async run(seed) {
        const real = await open()
        const sequences = real.heldOut(seed, count)
        if (!sequences) throw new Error(`the corpus of ${world} is not installed: ${names.data} cannot be measured`)
        return outcome(0, { ...namedQuality(await real.quality(sequences)), [metrics.nfe]: 0 })
      },
    },
    ...steps.map((n) => drawn(plan, open, names.ancestral, atSteps(world, n), async () => kernel(n))),
    ...calls.flatMap((n) => [
      ...comparedIn(plan, n).map(({ name, solver }) =>
        drawn(plan, open, name, inCalls(world, n), () => solver(n), { budget: n }),
      ),
      ...(n === exact ? temperatures : compared).map((temperature) =>
        drawn(plan, open, cooled(temperature), inCalls(world, n), async () => firstHitting({ calls: n }), {
          ...{ budget: n, temperature },
        }),
      ),
    ]),
    ...noises.flatMap((noise) => [
      ...gumbels[noise.key].map(([n, few]) =>
        drawn(plan, open, faulty(noise), atSteps(world, n), async () => kernel(n, noise.noise), { count: few }),
      ),
      ...plan.predicted[noise.key].map((n) =>
        drawn(plan, open, predicted(noise), atSteps(world, n), async () => predictedGumbels(n, noise.noise), {
          count: predictedCount,
        }),
      ),
    ]),
    ...timed.flatMap(({ batch, steps }) =>
      steps.flatMap((n) => Object.values(ways).map((way) => timing(plan, open, way, n, batch, exact))),
    ),
  ]
}

/** In one call a token most samplers are the exact one; and Euler is the ancestral sampler: once is enough to see it. */
function comparedIn({ length, count, calls }: Plan, n: number): Method[] {
  const [fewest, most] = [calls[0], calls[calls.length - 1]]
  return methodsFor(length, count).filter(
    ({ name, exactInTheEnd }) =>
      name === names.exact || ((n < most || !exactInTheEnd) && (n === fewest || name !== names.euler)),
  )
}

/** Sequences of a sampler, measured. The same seed begins with the same draws, whatever the sampler. */
function drawn(
  plan: Plan,
  open: Open,
  method: string,
  setting: string,
  solver: () => Promise<TokenSolver>,
  given: { readonly count?: number; readonly budget?: number; readonly temperature?: number } = {},
): SearchCell {
  const { count = plan.count, budget = plan.length, temperature = 1 } = given
  return {
    ...{ method, setting, budget },
    async run(seed) {
      const world = await open()
      const denoiser = shaped(world.denoiser, { temperature })
      const { tokens, nfe } = await sampleTokens({ denoiser, sampler: await solver(), count, seed })
      return outcome(nfe / count, { ...namedQuality(await world.quality(tokens)), [metrics.nfe]: nfe / count })
    },
  }
}

/** CPU time of a way to run the ancestral sampler, and right after it of first hitting: both as often as one another. */
function timing(plan: Plan, open: Open, way: string, steps: number, batch: number, calls: number): SearchCell {
  return {
    ...{ method: way, setting: inBatches(plan.world, steps, batch), budget: plan.length },
    async run(seed) {
      const { denoiser } = await open()
      const whole = wholeBatches(denoiser, batch)
      const used = { [ways.published]: uncached(whole), [ways.cached]: whole, [ways.ours]: denoiser }[way]
      const sampler = (n: number) =>
        way === ways.ours ? kernelSampler(ancestral, { steps: n }) : publishedAncestral(n)
      const arms = [
        { denoiser: used ?? denoiser, sampler: sampler(steps) },
        { denoiser, sampler: firstHitting({ calls }) },
      ]
      const spent = [0, 0]
      const repeats = batch * steps < 256 ? 3 : 1
      for (let round = -1; round < repeats; round++) {
        for (const [i, arm] of arms.entries()) {
          const began = cpuSeconds()
          // A short run first, so that code is compiled.
          const short = round < 0 && i === 0 ? sampler(16) : arm.sampler
          await sampleTokens({ denoiser: arm.denoiser, sampler: short, count: batch, seed: seed + 100 * round })
          if (round >= 0) spent[i] += cpuSeconds() - began
        }
      }
      return outcome(0, { [metrics.cpu]: spent[0] / spent[1] })
    },
  }
}

const outcome = (nfe: number, values: Record<string, number>): Outcome => ({
  ...{ nfe, gradientEvaluations: 0, rewardEvaluations: 0 },
  values,
})

/**
 * Loss beyond the temperature curve: of the exact sampler for Gumbels, of first hitting in as many calls for the others. Curves
 * are of all seeds together, as those of one are too rough; what stands for a seed is its jackknife pseudo-value.
 */
function addMatched(plan: Plan, cells: FinishedCells, results: Results): void {
  const { world, calls, length, gumbels } = plan
  const exact = calls[calls.length - 1]
  const points = (method: string, setting: string, budget: number) =>
    cells.outcomes({ method, setting, budget }).map(({ values }) => ({
      entropy: values[metrics.entropy],
      loss: Math.log(values[metrics.perplexity]),
    }))
  const add = (method: string, setting: string, budget: number, of: number) => {
    const curve = [1, ...compared].map((t) => points(cooled(t), inCalls(world, of), of))
    const own = points(method, setting, budget)
    results.add({
      ...{ method, setting, budget, metric: metrics.beyond },
      nfe: mean(cells.outcomes({ method, setting, budget }).map(({ nfe }) => nfe)),
      values: jackknife(own.length, (kept) => {
        const together = (of: readonly Tempered[]): Tempered => ({
          entropy: mean(kept.map((seed) => of[seed].entropy)),
          loss: mean(kept.map((seed) => of[seed].loss)),
        })
        const { entropy, loss } = together(own)
        return loss - lossAt(entropy, curve.map(together))
      }),
    })
  }
  for (const n of calls) {
    for (const { name } of comparedIn(plan, n)) if (name !== names.exact) add(name, inCalls(world, n), n, n)
  }
  for (const noise of noises) {
    for (const [n] of gumbels[noise.key]) add(faulty(noise), atSteps(world, n), length, exact)
  }
}

/** Calls of a batch with one cache: the formula, and counts. */
async function addCalls({ world, length }: Plan, results: Results): Promise<void> {
  for (const batch of [1, 16, 64]) {
    for (const steps of [64, 1024, 4096]) {
      const where = { setting: inBatches(world, steps, batch), metric: metrics.calls, budget: length }
      const expected = expectedCalls(steps, batch * length)
      const sampler = kernelSampler(ancestral, { steps })
      const values: number[] = []
      for (const seed of results.seeds) values.push((await counted(sampler, length, batch, seed)).changes)
      const add = (method: string, values: readonly number[]) =>
        results.add({ ...where, method, values, nfe: Math.round(batch * expected) / batch })
      add(
        'formula',
        values.map(() => expected),
      )
      add('counted', values)
    }
  }
}
