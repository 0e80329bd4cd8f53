/**
 * The batching evaluator: how full its batches are, and what searchers that each ask for one row at a time lose against
 * one caller that asks for all rows at once, and win against searchers without it.
 */
import { nodeRuntime, physicalCores } from 'espalier/node'
import { type Denoiser, parseProcess, uniformGrid } from 'espalier/process'
import { batched, type CoalesceStatistics, networkDenoiser } from 'espalier/runtime'
import { ddim, execute, start } from 'espalier/solve'
import { fold, key } from 'espalier/tensor'
import { digitModel } from './support/digits.ts'
import { cpuTime, pairwise, ratio, report } from './support/pairwise.ts'

const steps = 5
const maxBatch = 64
const { name, graph, card } = digitModel()
const process = parseProcess(card.process)
const runtime = nodeRuntime()
const denoiser = networkDenoiser(await runtime.load(graph), { ...card, process })
const plan = ddim({ eta: 1 })(process, uniformGrid(process, steps))
const keyOf = (searcher: number) => fold(key(7), searcher)

/** One searcher: its own row, its own draws, one row per call; `runs` rollouts. */
async function searcher(model: Denoiser, id: number, runs: number): Promise<void> {
  for (let run = 0; run < runs; run++) {
    const keys = [fold(keyOf(id), run)]
    await execute(plan, model, start(plan, model, keys), { keys })
  }
}

async function together(model: Denoiser, count: number, runs: (id: number) => number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, id) => searcher(model, id, runs(id))))
}

async function occupancy(count: number, runs: (id: number) => number): Promise<CoalesceStatistics> {
  const evaluator = batched(denoiser, { maxBatch })
  await together(evaluator, count, runs)
  return evaluator.statistics
}

const keys = Array.from({ length: maxBatch }, (_, id) => fold(keyOf(id), 0))
const arms = {
  oneCaller: () => execute(plan, denoiser, start(plan, denoiser, keys), { keys }),
  evaluator: () => together(batched(denoiser, { maxBatch }), maxBatch, () => 1),
  noEvaluator: () => together(denoiser, maxBatch, () => 1),
}
const timings = await pairwise(arms, { rounds: 15, warmUp: 2 })
const work = await pairwise(arms, { rounds: 9, warmUp: 0, clock: cpuTime })

const two = {
  oneInFlight: () => together(batched(denoiser, { maxBatch, inFlight: 1 }), 2 * maxBatch, () => 1),
  twoInFlight: () => together(batched(denoiser, { maxBatch, inFlight: 2 }), 2 * maxBatch, () => 1),
}
const doubled = await pairwise(two, { rounds: 11, warmUp: 1 })

report('evaluator', {
  measures: `${maxBatch} concurrent searchers, one row a call, ${steps}-step rollouts, batches of ${maxBatch}`,
  goal: 'occupancy >= 0.95 with 64 searchers',
  model: name,
  threads: physicalCores(),
  occupancy: {
    '64 searchers, 50 calls each': await occupancy(64, () => 50 / steps),
    '100 searchers, 50 calls each': await occupancy(100, () => 50 / steps),
    '100 searchers, 10 to 80 calls each, ragged end': await occupancy(100, (id) => 2 + ((id * 37) % 15)),
  },
  cpuTimeRatios: {
    'evaluator / one caller with all rows': ratio(work, 'evaluator', 'oneCaller'),
    'no evaluator (single rows) / evaluator': ratio(work, 'noEvaluator', 'evaluator'),
  },
  wallTimeRatios: {
    'evaluator / one caller with all rows': ratio(timings, 'evaluator', 'oneCaller'),
    'no evaluator (single rows) / evaluator': ratio(timings, 'noEvaluator', 'evaluator'),
    '128 searchers: one batch in flight / two': ratio(doubled, 'oneInFlight', 'twoInFlight'),
  },
})
await runtime.close()
