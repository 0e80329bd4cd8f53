import { nodeRuntime } from 'espalier/node'
import { type Grid, type Process, parseProcess, uniformGrid } from 'espalier/process'
import { type NetworkCard, networkDenoiser } from 'espalier/runtime'
import { ddim, execute, type Plan, type Solver, start } from 'espalier/solve'
import { fold, key, purpose, type Tensor } from 'espalier/tensor'
import { oneHot } from './images.ts'

interface BatchOptions {
  readonly seed: number
  /** Rows at once. Default 100. */
  readonly batch?: number
  readonly onBatch?: (done: number) => void
  readonly signal?: AbortSignal
}

interface SampleRowsOptions extends BatchOptions {
  readonly count: number
  readonly plan: (process: Process) => Plan
  /** The conditions of some rows. */
  readonly condition: (from: number, to: number) => Readonly<Record<string, Tensor>>
}

/** The states at the end of a plan `[count, ...event]`, row i from its own stream. */
async function sampleRows(model: Uint8Array, card: NetworkCard, options: SampleRowsOptions): Promise<Tensor> {
  const { count, seed, condition, batch = 100, signal } = options
  const process = parseProcess(card.process)
  const plan = options.plan(process)
  const root = purpose(key(seed), 'samples')
  const runtime = nodeRuntime({ workers: 0 })
  try {
    const denoiser = networkDenoiser(await runtime.load(model), { ...card, process })
    const size = card.event.reduce((product, n) => product * n, 1)
    const data = new Float32Array(count * size)
    for (let at = 0; at < count; at += batch) {
      signal?.throwIfAborted()
      const to = Math.min(count, at + batch)
      const keys = Array.from({ length: to - at }, (_, i) => fold(root, at + i))
      const x = start(plan, denoiser, keys)
      data.set((await execute(plan, denoiser, x, { keys, condition: condition(at, to) })).data, at * size)
      options.onBatch?.(to)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { shape: [count, ...card.event], data }
  } finally {
    await runtime.close()
  }
}

export interface SampleImagesOptions extends BatchOptions {
  readonly count: number
  /** DDIM steps, each one network evaluation a row. */
  readonly steps: number
  /** One class per row; -1 asks for no class, as everything does of a network without classes. */
  readonly labels: ArrayLike<number>
}

/** Images drawn with deterministic DDIM on even times, row i from its own stream. `[count, 1, 28, 28]`. */
export async function sampleImages(
  model: Uint8Array,
  card: NetworkCard,
  { steps, labels, ...options }: SampleImagesOptions,
): Promise<Tensor> {
  const classes = card.classes?.length ?? 0
  return sampleRows(model, card, {
    ...options,
    plan: (process) => ddim()(process, uniformGrid(process, steps)),
    condition: (from, to) => ({
      ...(classes > 0 && {
        label: { shape: [to - from, classes], data: oneHot(Array.from(labels).slice(from, to), classes) },
      }),
    }),
  })
}

export interface RestoreImagesOptions extends BatchOptions {
  readonly steps: number
  /** Default deterministic DDIM. */
  readonly solver?: Solver
  /** Default even times. */
  readonly grid?: Grid
}

/**
 * Degraded images, restored by a network whose card has the condition `degraded`: row i from its own stream, with the
 * mean of the process added again, clipped to the card's range of values. Of the shape of `degraded`.
 */
export async function restoreImages(
  model: Uint8Array,
  card: NetworkCard,
  degraded: Tensor,
  { steps, solver = ddim(), grid = uniformGrid, ...options }: RestoreImagesOptions,
): Promise<Tensor> {
  const size = degraded.data.length / degraded.shape[0]
  const { shape, data } = await sampleRows(model, card, {
    ...options,
    count: degraded.shape[0],
    plan: (process) => solver(process, grid(process, steps)),
    condition: (from, to) => ({
      degraded: {
        shape: [to - from, ...degraded.shape.slice(1)],
        data: degraded.data.subarray(from * size, to * size),
      },
    }),
  })
  const [low, high] = card.valueRange
  const restored = data.map((r, i) => Math.min(high, Math.max(low, card.mean ? r + degraded.data[i] : r)))
  return { shape, data: restored }
}
