import type { Model } from '@espalier/graph'
import { writeModel } from '@espalier/graph'
import type { Runtime, RuntimeTensor } from '../runtime/runtime.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { AdamW, type AdamWOptions, layoutOf } from './adamw.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { type Loss, trainingGraph } from './graph.ts'

/** Inputs of a training graph, by name. */
export type TrainingBatch = Readonly<Record<string, Tensor | RuntimeTensor>>

/** What is learned: a network, its loss, and the data of each step. */
export interface Task {
  /** The network with its starting weights as initialisers. */
  readonly model: Model
  /** Names of the trained initialisers. */
  readonly parameters: readonly string[]
  readonly loss: Loss
  /**
   * The inputs of the network and of the loss at a step, counted from 0. A pure function of the step (draw from streams
   * keyed by seed and step): then a resumed run sees what an uninterrupted one would have seen. May be a promise, where
   * another network is asked for it.
   */
  batch(step: number): TrainingBatch | Promise<TrainingBatch>
}

/** Inputs by name. */
export type Batch = Readonly<Record<string, Tensor | RuntimeTensor>>

/** Where checkpoints are kept. `save` must be atomic: after a crash, the old bytes or the new. */
export interface CheckpointStore {
  load(): Promise<Uint8Array | undefined>
  save(bytes: Uint8Array): Promise<void>
}

export interface TrainProgress {
  /** Steps done, of `steps`. */
  readonly step: number
  readonly steps: number
  /** Loss of this step. */
  readonly loss: number
  /** Norm of the gradient before clipping. */
  readonly gradientNorm: number
  /** Seconds that training has taken, over all sessions of a resumed run. */
  readonly seconds: number
  /** Seconds that are left at the pace of this session. */
  readonly eta: number
}

export interface TrainOptions {
  readonly runtime: Runtime
  readonly steps: number
  readonly optimizer: AdamWOptions
  /** Decay of the moving average of the weights, reached gradually: `min(ema, (1 + step) / (10 + step))`. Default 0.999. */
  readonly ema?: number
  /** Intra-op threads of the engine. */
  readonly threads?: number
  readonly store?: CheckpointStore
  /** Seconds between checkpoints. Default 60. */
  readonly checkpointEvery?: number
  /** Identifies the run: a checkpoint of another configuration is refused. Default ''. */
  readonly fingerprint?: string
  /** Called after each step; `average` gives the averaged weights as they are now (views: copy what must last). */
  readonly onStep?: (progress: TrainProgress, average: () => ReadonlyMap<string, Float32Array>) => void | Promise<void>
  /** Stops after the current step, with a checkpoint. */
  readonly signal?: AbortSignal
}

export interface TrainResult {
  /** Last weights and their moving average, by parameter name. */
  readonly weights: ReadonlyMap<string, Float32Array>
  readonly average: ReadonlyMap<string, Float32Array>
  /** Steps done; fewer than asked for when stopped. */
  readonly step: number
  readonly seconds: number
}

/**
 * Trains a network: each step runs one graph (forward, loss, backward), then AdamW and the moving average update flat
 * arrays that the graph reads in place. With a store it continues where it was stopped, to the same bits.
 *
 * @throws Error when the loss or the gradient is not a number (step and value), or the checkpoint belongs to another run
 */
export async function train(task: Task, options: TrainOptions): Promise<TrainResult> {
  const { runtime, steps, store, ema = 0.999, checkpointEvery = 60, fingerprint = '' } = options
  const initial = task.model.graph.initializers
  const layout = layoutOf(task.parameters.map((name) => [name, initial.get(name)?.shape ?? []]))
  const weights = new Float32Array(layout.size)
  const average = new Float32Array(layout.size)
  const optimizer = new AdamW(layout, options.optimizer)
  for (const { name, at } of layout.slots) weights.set(initial.get(name)!.data as Float32Array, at)
  average.set(weights)
  const state = { weights, average, first: optimizer.first, second: optimizer.second }

  let step = 0
  let secondsBefore = 0
  const saved = await store?.load()
  if (saved) ({ step, seconds: secondsBefore } = readCheckpoint(saved, fingerprint, layout, state))

  const session = await runtime.load(writeModel(trainingGraph(task.model, task.parameters, task.loss)), {
    threads: options.threads,
    memoryPattern: false,
  })
  const views = (flat: Float32Array) =>
    new Map(layout.slots.map(({ name, at, size }) => [name, flat.subarray(at, at + size)] as const))
  const feeds: Record<string, Tensor> = {}
  for (const { name, shape, at, size } of layout.slots) feeds[name] = { shape, data: weights.subarray(at, at + size) }

  const began = performance.now()
  const firstStep = step
  const seconds = () => secondsBefore + (performance.now() - began) / 1000
  const save = async () => store?.save(writeCheckpoint(step, seconds(), fingerprint, layout, state))
  let lastSave = began
  try {
    while (step < steps && !options.signal?.aborted) {
      const outputs = await session.run({ ...feeds, ...(await task.batch(step)) })
      const loss = (outputs.loss.data as Float32Array)[0]
      const gradients = layout.slots.map(({ name }) => outputs[`grad_${name}`].data as Float32Array)
      const gradientNorm = optimizer.update(step, weights, gradients)
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
        throw new Error(
          `training diverged at step ${step}: loss ${loss}, gradient norm ${gradientNorm}; lower the learning rate`,
        )
      follow(average, weights, Math.min(ema, (1 + step) / (10 + step)))
      step++
      const eta = (((performance.now() - began) / 1000) * (steps - step)) / (step - firstStep)
      await options.onStep?.({ step, steps, loss, gradientNorm, seconds: seconds(), eta }, () => views(average))
      if (store && performance.now() - lastSave >= checkpointEvery * 1000) {
        await save()
        lastSave = performance.now()
      }
    }
    if (step > firstStep) await save()
  } finally {
    await session.release()
  }
  return { weights: views(weights), average: views(average), step, seconds: seconds() }
}

/** `average <- decay average + (1 - decay) weights`. */
function follow(average: Float32Array, weights: Float32Array, decay: number): void {
  for (let i = 0; i < average.length; i++) average[i] += (1 - decay) * (weights[i] - average[i])
}
