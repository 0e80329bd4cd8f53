import { conditioned, conditionRows, drawConditions, repeated, rowsOf } from '../guide/conditioned.ts'
import { type Condition, type Denoiser, rowCostAt } from '../process/denoiser.ts'
import { execute, start } from '../solve/execute.ts'
import { memoryAt, nfeOf, type Plan, stepsOf } from '../solve/plan.ts'
import { BufferPool } from '../tensor/buffer-pool.ts'
import { type Key, purpose } from '../tensor/random.ts'
import { row, sizeOf, stack, type Tensor } from '../tensor/tensor.ts'
import type { Chain } from './chain.ts'
import { checkEnd, type FinishPlan, finishing } from './finish.ts'
import { asksHere, Recollection, recalling } from './recall.ts'
import type { Block, Branching } from './schedule.ts'

/** What every chain of arrays takes. */
export interface ArrayChainOptions {
  /** A network or an analytic world; guidance and batching wrap it before it comes here. */
  readonly denoiser: Denoiser
  /** From noise to clean data: on a grid that ends at 0, or `denoised` where the process has noise there. */
  readonly plan: Plan
  /**
   * Remaining-step counts at which a search may branch, decreasing from all, or a named schedule ({@link Branching}).
   */
  readonly branchAt?: readonly number[] | Branching
  /**
   * Further inputs of the network, `[k, ...]` each. One row is given to every state; of several, each start draws its
   * own (all equally likely) and keeps it, so that the prior is the mixture of the conditional laws.
   */
  readonly condition?: Condition
  /**
   * For a process on residuals `x - mean`: the name of the condition that is the mean (`mean` of the network's card).
   * It is added to samples and look-aheads, and states stay residuals.
   */
  readonly mean?: string
  /** Samples and look-aheads are clamped to this range, such as `[-1, 1]`. Default: as they are. */
  readonly range?: readonly [low: number, high: number]
  /** A plan of fewer steps from each level to the end: gives the chain `finish`. */
  readonly finish?: FinishPlan
}

/** The members that chains of arrays share, and what their own members are made of. */
export interface ArrayChain {
  readonly chain: Omit<Chain<Float32Array, Tensor>, 'kernel' | 'stochastic'>
  readonly denoiser: Denoiser
  /** Number of values of a state's array; behind it may be the number of its condition. */
  readonly size: number
  /** The arrays of states as a batch `[n, ...event]`. */
  batch(states: readonly Float32Array[]): Tensor
  /** The rows of a batch as states with the conditions of these. */
  statesOf(batch: Tensor, like: readonly Float32Array[]): Float32Array[]
  /** The conditions of states, as {@link denoiser} wants them, and in full, as everyone else does. */
  conditionOf(states: readonly Float32Array[]): Condition | undefined
  fullCondition(states: readonly Float32Array[]): Condition | undefined
  /** The clean data that a look-ahead found at each state, where the step at this level begins with that prediction. */
  known(states: readonly Float32Array[], level: number): (Float32Array | undefined)[]
  /** States at the start of a block, run through it by a plan with the same steps. */
  run(plan: Plan, states: readonly Float32Array[], level: number, keys?: readonly Key[]): Promise<Float32Array[]>
}

/**
 * Arrays of one shape under a plan that is cut into blocks, one a level. Step i of the plan draws its noise from the
 * row's key and i alone, so a rollout in blocks equals one run of the plan. A state is the array, and behind it the
 * number of its condition where there are several.
 *
 * @throws where the plan is for another process, does not end in clean data, or keeps more than the state at a cut
 */
export function arrayChain(options: ArrayChainOptions, blocks: readonly Block[]): ArrayChain {
  const { plan, condition, range } = options
  const several = condition !== undefined && rowsOf(condition) > 1
  const denoiser = condition && !several ? conditioned(options.denoiser, condition) : options.denoiser
  const { event, process } = denoiser
  checkEnd(plan, process)
  for (const { from } of blocks.slice(1)) checkMemory(plan, from)
  const depth = blocks.length
  const size = sizeOf(event)
  const mean = meanOf(options, size)
  const seen = new Recollection()
  const reusable = blocks.map(({ from }) => asksHere(plan, from))
  const lookCost = (level: number) => rowCostAt(denoiser, plan.grid[blocks[level].from])

  /** What runs along a block need for their time. */
  const pool = new BufferPool()

  const batch = (states: readonly Float32Array[], into?: Float32Array) =>
    stack(
      states.map((state) => state.subarray(0, size)),
      event,
      into,
    )
  const chosen = (states: readonly Float32Array[]) => states.map((state) => state[size])
  const conditionOf = (states: readonly Float32Array[]) =>
    several ? conditionRows(condition, chosen(states)) : undefined
  const statesWith = ({ data }: Tensor, choices: ArrayLike<number>) =>
    Array.from({ length: data.length / size }, (_, i) => {
      if (!several) return data.slice(i * size, (i + 1) * size)
      const state = new Float32Array(size + 1)
      state.set(data.subarray(i * size, (i + 1) * size))
      state[size] = choices[i]
      return state
    })
  const statesOf = (reached: Tensor, like: readonly Float32Array[]) => statesWith(reached, several ? chosen(like) : [])
  /** Clean data as a sample: with the mean of the state's condition, in range. */
  const sample = (clean: Float32Array, state: Float32Array): Tensor => {
    const offset = mean?.(several ? state[size] : 0)
    if (!offset && !range) return { shape: event, data: clean }
    const [low, high] = range ?? [-Infinity, Infinity]
    const data = new Float32Array(size)
    for (let i = 0; i < size; i++) {
      const value = offset ? clean[i] + offset[i] : clean[i]
      data[i] = Math.min(high, Math.max(low, value))
    }
    return { shape: event, data }
  }
  const decoded = (state: Float32Array) => sample(state.subarray(0, size), state)
  const known = (states: readonly Float32Array[], level: number) =>
    states.map((state) => (reusable[level] ? seen.recall(state, level) : undefined))
  const run: ArrayChain['run'] = async (table, states, level, keys) => {
    const { from, to } = blocks[level]
    const model = recalling(denoiser, known(states, level))
    const memory = pool.floats(states.length * size)
    const own = { keys, condition: conditionOf(states), from, to, inPlace: true, pool }
    const reached = statesOf(await execute(table, model, batch(states, memory), own), states)
    pool.give([memory.buffer])
    return reached
  }

  return {
    denoiser,
    size,
    batch,
    statesOf,
    conditionOf,
    fullCondition: (states) => (condition && !several ? repeated(condition, states.length) : conditionOf(states)),
    known,
    run,
    chain: {
      depth,
      cost: (level, looked = false) =>
        nfeOf(plan, blocks[level].from, blocks[level].to, denoiser) - (looked && reusable[level] ? lookCost(level) : 0),
      async start(keys) {
        const drawn = several ? drawConditions(rowsOf(condition), keys) : []
        return statesWith(start(plan, denoiser, keys), drawn)
      },
      step: (states, level, keys) =>
        run(
          plan,
          states,
          level,
          keys.map((key) => purpose(key, 'step')),
        ),
      async lookahead(states, level) {
        if (level === depth) return states.map(decoded)
        const open = states.filter((state) => !seen.recall(state, level))
        if (open.length > 0) {
          const times = new Float64Array(open.length).fill(plan.grid[blocks[level].from])
          const clean = await denoiser.predict(batch(open), times, 'data', conditionOf(open))
          open.forEach((state, i) => {
            seen.remember(state, level, row(clean, i).slice())
          })
        }
        return states.map((state) => sample(seen.recall(state, level) as Float32Array, state))
      },
      lookaheadCost: (level) => (level === depth ? 0 : lookCost(level)),
      decode: async (states) => states.map(decoded),
      ...(options.finish &&
        finishing(options.finish, {
          ...{ denoiser, blocks, batch, statesOf, conditionOf },
          grid: plan.grid,
          recall: (state, level) => seen.recall(state, level),
        })),
      save: (state) => state,
      load: (data) => data,
    },
  }
}

function checkMemory(plan: Plan, from: number): void {
  const memory = memoryAt(plan, from)
  if (memory.states + memory.predictions === 0) return
  throw new Error(
    `${plan.name} remembers earlier steps, so a state with ${stepsOf(plan) - from} steps left cannot be branched; take a ` +
      `one-step solver such as ddpm, or branch at the start alone ([${stepsOf(plan)}])`,
  )
}

/** The mean of each condition, by its number. */
function meanOf({ mean, condition }: ArrayChainOptions, size: number): ((choice: number) => Float32Array) | undefined {
  if (mean === undefined) return undefined
  const given = condition?.[mean]
  if (!given) {
    const names = Object.keys(condition ?? {}).join(', ') || 'none'
    throw new Error(
      `the mean "${mean}" is not one of the chain's conditions (${names}); give its values as a condition`,
    )
  }
  if (given.data.length !== given.shape[0] * size) {
    throw new Error(`the mean "${mean}" is [${given.shape.join(', ')}], expected ${size} values a row, as a state has`)
  }
  return (choice) => row(given, choice)
}
