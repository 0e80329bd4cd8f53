/** A flow of digits as a chain, rewards from one classifier, and another one that judges: what the searches are run on. */

import { createHash } from 'node:crypto'
import { concat, importModel, readModel, writeModel } from '@espalier/graph'
import { classify, loadZoo, predictedClasses } from '@espalier/zoo'
import { forestBranches, type GuidedChain, pixelChain, type StochasticChain } from 'espalier/chain'
import { classifierFree, cleanGradient } from 'espalier/guide'
import { nodeRuntime } from 'espalier/node'
import { type DifferentiableDenoiser, uniformGrid } from 'espalier/process'
import { batchedReward, clip, type DifferentiableReward, differentiableGraphReward, type Reward } from 'espalier/reward'
import { batched, type ClassifierCard, loadDenoiser, type NetworkCard } from 'espalier/runtime'
import { ddim, type Plan } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { stacked } from '../support/digits.ts'

/** Steps of a sample, each 1 NFE. */
export const steps = 10
/** Rows of one network call: what the zoo's networks like best on few cores. */
const rows = 64

/** A set of digits that is asked for: the law of the model given that the classifier sees one of them. */
export interface Task {
  readonly setting: string
  readonly labels: readonly string[]
}

/** Shares under the model by the classifier: 0 is its rarest digit, 3 its commonest. */
export const tasks: readonly Task[] = [
  { setting: 'digit 3', labels: ['3'] },
  { setting: 'digit 0', labels: ['0'] },
  { setting: 'even digits', labels: ['0', '2', '4', '6', '8'] },
]

/** Where the chain is cut: for trees (the paper's schedule), for methods that look ahead, after every step. */
export const cuts = {
  even: [10, 8, 6, 4, 2],
  fine: forestBranches(steps).filter((left) => left > 1),
  every: Array.from({ length: steps - 1 }, (_, i) => steps - i),
  one: [steps],
} as const

type Chain = StochasticChain<Float32Array, Tensor>

export interface World {
  /** Changes with the networks and the number of steps: what was computed in another world does not count. */
  readonly id: string
  chain(cut: keyof typeof cuts): Chain
  /** With the gradient of the task's reward through the network. */
  guided(task: Task, cut: keyof typeof cuts): GuidedChain<Float32Array, Tensor>
  /** `max_{i in labels} log p(i | x)`, at least -50. */
  reward(task: Task): Reward<Tensor>
  /** The zoo's network of digits that knows classes, asked for the task's under classifier-free guidance. */
  conditional(task: Task, w: number): Chain
  /** What the other classifier makes of samples. */
  judge(samples: readonly Tensor[]): Promise<Judgement>
  close(): Promise<void>
}

export interface Judgement {
  readonly features: readonly Float32Array[]
  readonly classes: Uint8Array
}

export async function openWorld(): Promise<World> {
  const flow = loadZoo('mnist-flow') as { model: Uint8Array; card: NetworkCard }
  const known = loadZoo('mnist') as { model: Uint8Array; card: NetworkCard }
  const classifier = loadZoo('mnist-classifier') as { model: Uint8Array; card: ClassifierCard }
  const runtime = nodeRuntime()
  const network = await loadDenoiser(runtime, flow.model, flow.card, { gradient: true })
  const denoiser = batched(network, { maxBatch: rows }) as unknown as DifferentiableDenoiser
  const conditional = await loadDenoiser(runtime, known.model, known.card)
  const [low, high] = flow.card.valueRange
  const range = [low, high] as const
  const gradients = new Map<string, DifferentiableReward<Tensor>>()
  for (const { setting, labels } of tasks) {
    const loaded = await differentiableGraphReward(runtime, anyOf(classifier, labels), {
      ...{ name: `log p(${labels.join(' or ')})`, event: classifier.card.event, input: classifier.card.input },
      output: likeliest,
    })
    gradients.set(setting, clip(loaded, -50, 0))
  }
  const differentiable = (task: Task) => gradients.get(task.setting) as DifferentiableReward<Tensor>
  const shared = new Map<string, Reward<Tensor>>()
  for (const task of tasks) shared.set(task.setting, batchedReward(differentiable(task), { maxBatch: rows }))
  const plan = stochasticPlan(denoiser)
  const judge = loadZoo('mnist-judge').model
  const hash = createHash('sha256')
  for (const { model } of [flow, known, classifier]) hash.update(model)
  hash.update(judge)

  return {
    id: `${hash.digest('hex').slice(0, 12)}-${steps}-steps`,
    chain: (cut) => pixelChain({ denoiser, plan, range, branchAt: cuts[cut] }),
    guided: (task, cut) =>
      pixelChain({
        ...{ denoiser, plan, range, branchAt: cuts[cut] },
        gradient: cleanGradient(denoiser, differentiable(task), { range }),
      }),
    reward: (task) => shared.get(task.setting) as Reward<Tensor>,
    conditional(task, w) {
      const classes = known.card.classes as readonly string[]
      const label = task.labels.flatMap((name) => classes.map((one) => (one === name ? 1 : 0)))
      const unconditional = { label: { shape: [1, classes.length], data: new Float32Array(classes.length) } }
      const guided = batched(w === 1 ? conditional : classifierFree(conditional, { scale: w, unconditional }), {
        maxBatch: rows,
      })
      return pixelChain({
        ...{ denoiser: guided, plan: stochasticPlan(guided), range, branchAt: cuts.one },
        condition: { label: { shape: [task.labels.length, classes.length], data: Float32Array.from(label) } },
      })
    },
    async judge(samples) {
      const { features, logits } = await classify(judge, stacked(samples))
      const width = features.shape[1]
      return {
        features: samples.map((_, i) => features.data.subarray(i * width, (i + 1) * width)),
        classes: predictedClasses(logits),
      }
    },
    async close() {
      await network.release()
      await conditional.release()
      await runtime.close()
    },
  }
}

/** Ancestral sampling. As few steps are better with noise than without: CNN-FID .77 (10 steps) and .61 (20) of 1024 samples. */
const stochasticPlan = ({ process }: Pick<DifferentiableDenoiser, 'process'>): Plan =>
  ddim({ eta: 1 })(process, uniformGrid(process, steps))

const likeliest = 'likeliest'

/** The classifier's graph with one more output: the log-probability of the likeliest of some classes. */
function anyOf({ model, card }: { model: Uint8Array; card: ClassifierCard }, labels: readonly string[]): Uint8Array {
  const b = importModel(readModel(model))
  const logP = b.get(card.outputs.logits).logSoftmax()
  const columns = labels.map((label) => {
    const k = card.classes.indexOf(label)
    return logP.slice(1, k, k + 1)
  })
  b.output(likeliest, (columns.length === 1 ? columns[0] : concat(columns, 1)).max([1], false))
  return writeModel(b.build())
}
