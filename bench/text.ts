/**
 * Text: what the samplers add to the network (tokens per second beside the bare `session.run` of the same batches), and
 * first hitting beside the ancestral sampler at the same quality. Goal: at least 0.9 of the bare network.
 */
import { nodeRuntime } from 'espalier/node'
import {
  ancestral,
  firstHitting,
  kernelSampler,
  networkTokenDenoiser,
  sampleTokens,
  type TokenDenoiser,
  type TokenSolver,
} from 'espalier/text'
import { cpuTime, pairwise, ratio, report, summary } from './support/pairwise.ts'
import { recorderOf } from './support/recorder.ts'
import { textModel } from './support/text.ts'

const batches = [1, 16, 64]
/** Tokens of a call of first hitting, of whole contexts. */
const tokensPerCall = 4
/** Shorter sequences for the samplers of many steps: four steps a token, where the laws are not told apart. */
const short = 32
const steps = 4 * short

const { name, graph, card } = textModel()
const runtime = nodeRuntime()
const session = await runtime.load(graph, { threads: 1 })
const denoiser = networkTokenDenoiser(session, card)

// The bare arm replays exactly what the network was fed.
const { recorded, recording } = recorderOf(session)
const spy = networkTokenDenoiser(recording, card)

const sample = (model: TokenDenoiser, sampler: TokenSolver, count: number, length?: number) =>
  sampleTokens({ denoiser: model, sampler, count, length, seed: 1 })
const perSecond = (tokens: number, ms: readonly number[]) => summary(ms.map((time) => (1000 * tokens) / time))

const beside: Record<string, unknown> = {}
for (const batch of batches) {
  const length = denoiser.context
  const sampler = firstHitting({ calls: length / tokensPerCall })
  recorded.length = 0
  await sample(spy, sampler, batch)
  const bare = [...recorded]
  const arms = {
    bare: async () => {
      for (const { feeds, fetches } of bare) await session.run(feeds, fetches)
    },
    library: () => sample(denoiser, sampler, batch),
  }
  const rounds = batch === 64 ? 5 : 11
  const timings = await pairwise(arms, { rounds, warmUp: 2 })
  const work = await pairwise(arms, { rounds, warmUp: 0, clock: cpuTime })
  beside[`batch ${batch}`] = {
    shareOfBareWallTime: ratio(timings, 'bare', 'library'),
    shareOfBareCpuTime: ratio(work, 'bare', 'library'),
    tokensPerSecond: perSecond(batch * length, timings.library),
    tokensPerSecondOfTheBareNetwork: perSecond(batch * length, timings.bare),
  }
}

/** Nothing that the network said is remembered for the next step. */
const forgetful: TokenDenoiser = { ...denoiser, timeFree: false }
const samplers: Record<string, unknown> = {}
for (const batch of batches) {
  const run = (model: TokenDenoiser, sampler: TokenSolver) => () => sample(model, sampler, batch, short)
  const arms = {
    firstHitting: run(denoiser, firstHitting()),
    ancestral: run(denoiser, kernelSampler(ancestral, { steps })),
    ...(batch < 64
      ? { ancestralAsPublished: run(forgetful, kernelSampler(ancestral, { steps, gumbels: { bits: 52 } })) }
      : {}),
  }
  const timings = await pairwise<string>(arms, { rounds: batch === 1 ? 7 : 3, warmUp: 1, clock: cpuTime })
  const nfe: Record<string, number> = {}
  for (const [arm, go] of Object.entries(arms)) nfe[arm] = (await go()).nfe / batch
  samplers[`batch ${batch}`] = Object.fromEntries(
    Object.keys(arms).map((arm) => [
      arm,
      { cpuTimeOverFirstHitting: ratio(timings, arm, 'firstHitting'), nfePerSequence: nfe[arm] },
    ]),
  )
}

report('text', {
  measures: 'token samplers beside the bare network, and first hitting beside the ancestral sampler',
  goal: 'the library at least 0.9 of the tokens per second of bare session.run with the same batches',
  model: name,
  threads: 1,
  libraryBesideBareNetwork: {
    what: `first hitting, ${tokensPerCall} tokens a call, sequences of ${denoiser.context} tokens, beside the same feeds`,
    results: beside,
  },
  firstHittingBesideAncestral: {
    what:
      `sequences of ${short} tokens in ${steps} steps: with exact draws where a mask falls and a cache of rows; as published: V ` +
      'Gumbels for every mask at every step, without a cache',
    results: samplers,
  },
})
await runtime.close()
