import { conditioned, conditionRows, drawConditions, rowsOf } from '../guide/conditioned.ts'
import { type Condition, type Denoiser, rowCostAt } from '../process/denoiser.ts'
import { execute, start } from '../solve/execute.ts'
import { isStochastic, memoryAt, nfeOf, type Plan, stepsOf } from '../solve/plan.ts'
import { purpose } from '../tensor/random.ts'
import { sizeOf, stack, type Tensor } from '../tensor/tensor.ts'
import type { Chain } from './chain.ts'
import { type Block, blocksOf, evenBranches } from './schedule.ts'

export interface PixelChainOptions {
  /** A network or an analytic world; guidance and batching wrap it before it comes here. */
  readonly denoiser: Denoiser
  /** A stochastic one-step plan from noise to clean data, such as `ddpm()` or `ddim({ eta: 1 })` on a grid that ends at 0. */
  readonly plan: Plan
  /** Remaining-step counts at which a search may branch, decreasing from all. Default: five blocks of even length. */
  readonly branchAt?: readonly number[]
  /**
   * Further inputs of the network, `[k, ...]` each. One row is given to every state; of several, each start draws its
   * own (all equally likely) and keeps it, so that the prior is the mixture of the conditional laws.
   */
  readonly condition?: Condition
  /** Samples and look-aheads are clamped to this range, such as `[-1, 1]`. Default: as they are. */
  readonly range?: readonly [low: number, high: number]
}

/**
 * Arrays of one shape (pixels, latents, fields, points) under a solver: the chain of a diffusion model.
 *
 * A level is a block of the plan's steps between two branch points. Step i of the plan draws its noise from the row's
 * key and i alone, so a rollout in blocks equals one run of the plan. A state is the array, and behind it the number of
 * its condition where there are several.
 *
 * @throws if the plan does not end in clean data, keeps more than the state at a branch point (multistep solvers), or
 *   draws no noise in the block after one (as every sampler's last step: it belongs to a longer block)
 */
export function pixelChain(options: PixelChainOptions): Chain<Float32Array, Tensor> {
  const { plan, range } = options
  const choices = options.condition && rowsOf(options.condition) > 1 ? options.condition : undefined
  const bound = options.condition && !choices
  const denoiser = bound ? conditioned(options.denoiser, options.condition as Condition) : options.denoiser
  const { event } = denoiser
  const steps = stepsOf(plan)
  const end = plan.grid[steps]
  if (end !== 0) throw new Error(`${plan.name} ends at time ${end}, expected a grid that ends in clean data, at 0`)
  const drawsNoise = ({ from, to }: Block) => {
    for (let step = from; step < to; step++) if (isStochastic(plan, step)) return true
    return false
  }
  const blocks = blocksOf(steps, options.branchAt ?? stochasticBranches(steps, drawsNoise))
  for (const block of blocks.slice(1)) checkBranch(plan, block, drawsNoise(block))
  const size = sizeOf(event)

  const arrays = (states: readonly Float32Array[]) =>
    stack(
      states.map((state) => state.subarray(0, size)),
      event,
    )
  const conditionOf = (states: readonly Float32Array[]) => {
    if (!choices) return undefined
    return conditionRows(
      choices,
      states.map((state) => state[size]),
    )
  }
  /** The rows of a batch as states; `choice(i)` numbers the condition of row i. */
  const statesOf = ({ data }: Tensor, choice: (i: number) => number) =>
    Array.from({ length: data.length / size }, (_, i) => {
      const row = data.subarray(i * size, (i + 1) * size)
      if (!choices) return row.slice()
      const state = new Float32Array(size + 1)
      state.set(row)
      state[size] = choice(i)
      return state
    })
  const sample = (state: Float32Array): Tensor => {
    const data = state.subarray(0, size)
    return { shape: event, data: range ? clamped(data, range) : data }
  }

  return {
    kernel: blocks.some(drawsNoise) ? 'stochastic' : 'deterministic',
    depth: blocks.length,
    cost: (level) => nfeOf(plan, blocks[level].from, blocks[level].to, denoiser),
    stochastic: (level) => drawsNoise(blocks[level]),
    async start(keys) {
      const drawn = choices ? drawConditions(rowsOf(choices), keys) : undefined
      return statesOf(start(plan, denoiser, keys), (i) => drawn?.[i] ?? 0)
    },
    async step(states, level, keys) {
      const { from, to } = blocks[level]
      const own = keys.map((key) => purpose(key, 'step'))
      const condition = conditionOf(states)
      const reached = await execute(plan, denoiser, arrays(states), { keys: own, condition, from, to })
      return statesOf(reached, (i) => states[i][size])
    },
    async lookahead(states, level) {
      if (level === blocks.length) return states.map(sample)
      const times = new Float64Array(states.length).fill(plan.grid[blocks[level].from])
      const clean = await denoiser.predict(arrays(states), times, 'data', conditionOf(states))
      return statesOf(clean, (i) => states[i][size]).map(sample)
    },
    lookaheadCost: (level) => (level === blocks.length ? 0 : rowCostAt(denoiser, plan.grid[blocks[level].from])),
    decode: async (states) => states.map(sample),
    save: (state) => state,
    load: (data) => data,
  }
}

/** The even schedule without the points after which nothing random happens. */
function stochasticBranches(steps: number, drawsNoise: (block: Block) => boolean): number[] {
  const branches = evenBranches(steps)
  return branches.filter((b, i) => i === 0 || drawsNoise({ from: steps - b, to: steps - (branches[i + 1] ?? 0) }))
}

function checkBranch(plan: Plan, { from, to }: Block, noisy: boolean): void {
  const remaining = stepsOf(plan) - from
  const memory = memoryAt(plan, from)
  if (memory.states + memory.predictions > 0) {
    throw new Error(
      `${plan.name} remembers earlier steps, so a state with ${remaining} steps left cannot be branched; take a one-step ` +
        `solver such as ddpm, or branch at the start alone ([${stepsOf(plan)}])`,
    )
  }
  if (!noisy) {
    throw new Error(
      `${plan.name} draws no noise between ${remaining} and ${stepsOf(plan) - to} steps left, so all branches there would be ` +
        `equal; leave ${remaining} out of branchAt, or take a stochastic solver such as ddpm`,
    )
  }
}

function clamped(data: Float32Array, [low, high]: readonly [number, number]): Float32Array {
  return data.map((v) => Math.min(high, Math.max(low, v)))
}
