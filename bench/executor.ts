/**
 * What the executor and the denoiser add to the network: wall time of DDIM sampling through `execute`, over that of the
 * bare `session.run` calls, at equal NFE. Goal: at most 1.03 at batch 64.
 */
import { nodeRuntime, physicalCores } from 'espalier/node'
import { parseProcess, uniformGrid } from 'espalier/process'
import { networkDenoiser } from 'espalier/runtime'
import { ddim, execute, start } from 'espalier/solve'
import { fold, key } from 'espalier/tensor'
import { digitModel } from './support/digits.ts'
import { cpuTime, pairwise, ratio, report, summary } from './support/pairwise.ts'
import { recorderOf } from './support/recorder.ts'

const steps = 5
const batches = [64, 8]
const { name, graph, card } = digitModel()
const process = parseProcess(card.process)
const runtime = nodeRuntime()
const session = await runtime.load(graph)

// The bare arm replays exactly what the network was fed.
const { recorded, recording } = recorderOf(session)
const denoiser = networkDenoiser(session, { ...card, process })
const spy = networkDenoiser(recording, { ...card, process })

const results: Record<string, unknown> = {}
for (const batch of batches) {
  const keys = Array.from({ length: batch }, (_, i) => fold(key(1), i))
  for (const eta of [0, 1]) {
    const plan = ddim({ eta })(process, uniformGrid(process, steps))
    const x = start(plan, denoiser, keys)
    recorded.length = 0
    await execute(plan, spy, x, { keys })
    const bare = [...recorded]
    const arms = {
      bare: async () => {
        for (const { feeds, fetches } of bare) await session.run(feeds, fetches)
      },
      execute: () => execute(plan, denoiser, x, { keys }),
    }
    const timings = await pairwise(arms, { rounds: 31, warmUp: 4 })
    const work = await pairwise(arms, { rounds: 15, warmUp: 1, clock: cpuTime })
    results[`batch ${batch}, DDIM eta ${eta}`] = {
      wallTime: ratio(timings, 'execute', 'bare'),
      cpuTime: ratio(work, 'execute', 'bare'),
      nfe: batch * bare.length,
      nfePerSecond: summary(timings.execute.map((ms) => (1000 * batch * bare.length) / ms)),
    }
  }
}
report('executor', {
  measures: 'execute + networkDenoiser over bare session.run: same feeds, same worker, wall and CPU time',
  goal: 'wall time: median <= 1.03 at batch 64',
  model: name,
  threads: physicalCores(),
  steps,
  results,
})
await runtime.close()
