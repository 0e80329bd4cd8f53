import { writeModel } from '@espalier/graph'
import type { Chain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import type { Reward } from '../reward/reward.ts'
import type { Runtime, Session } from '../runtime/runtime.ts'
import { costFrom, edgesOf } from '../search/edges.ts'
import { softMean } from '../search/log-weights.ts'
import { oneOf } from '../search/search.ts'
import type { ValueFunction } from '../search/values.ts'
import { fold, type Key, key, purpose, stream } from '../tensor/random.ts'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import { warmupCosine } from './adamw.ts'
import { bakeParameters, type Loss, meanSquare } from './graph.ts'
import { type Task, train } from './trainer.ts'
import { type ValueNetwork, valueNetwork } from './value-network.ts'

export interface FitValuesOptions<S, X> {
  readonly chain: Chain<S, X>
  readonly reward: Reward<X>
  /** Where it is trained, and where it runs then. */
  readonly runtime: Runtime
  /** Rollouts of the chain that it learns from. All their states are kept in memory. */
  readonly rollouts: number
  readonly seed: number
  /** Shape of a state. */
  readonly event: readonly number[]
  /** What the network sees of a state: values of `event`. Default: what the chain saves of it. */
  readonly input?: (state: S) => Float32Array
  /** Default: {@link valueNetwork} of the event. */
  readonly network?: ValueNetwork
  /**
   * What is minimised over rollouts and levels.
   * - `mean` (default): `(f - r)^2`, as in the released code for images: f becomes the mean reward `E[r(x_0) | x]`.
   * - `exponential`: `(exp(lambda f) - exp(lambda r))^2` (Li et al. 2024, Algorithm 3): f becomes the soft value V. States
   *   far below the best weigh next to nothing, so that for large lambda it learns from few.
   * - `poisson` (ours): `exp(lambda f) - lambda f exp(lambda r)`, which has the same minimum V, and is convex in f.
   */
  readonly loss?: 'mean' | 'exponential' | 'poisson'
  /** Inverse temperature of V. Default 1. */
  readonly lambda?: number
  /** Optimiser steps. Default 2000. */
  readonly steps?: number
  /** States of one step, drawn evenly from all rollouts and levels. Default 128. */
  readonly batch?: number
  /** Peak learning rate. Default 2e-3. */
  readonly rate?: number
  /**
   * Share of the rollouts that are kept back; of 20 moments of the training, the one whose weights fit these best is taken, so
   * that rollouts are not learned by heart. 0 takes the last weights. Default 0.1.
   */
  readonly heldOut?: number
  /** Rollouts that walk together. Default 64. */
  readonly width?: number
  readonly signal?: AbortSignal
  /** Share that is done of the rollouts, then of the training. */
  readonly onProgress?: (share: number, what: 'rollouts' | 'training') => void
}

/** A learned value function, which owns its session. */
export interface FittedValues<S> extends ValueFunction<S> {
  /** NFE and reward evaluations that its rollouts cost, before any search: a comparison has to add them. */
  readonly fitting: { readonly nfe: number; readonly rewardEvaluations: number; readonly seconds: number }
  /** Loss over training, mean of each hundredth of the steps. */
  readonly losses: readonly number[]
  /** How the rollouts that were kept back were fitted: at first, where nothing is known, and by what was taken. */
  readonly heldOut?: { readonly first: number; readonly loss: number; readonly step: number }
  /** Number of trained weights. */
  readonly parameters: number
  release(): Promise<void>
}

/**
 * Learns a value function from rollouts of the model (SVDD-MC: Li et al. 2024, arXiv 2408.08252, section 4.4): each level's
 * state of a rollout is regressed on the reward at the rollout's end. Then a value costs no network evaluation and no
 * reward evaluation: `svdd({ values })`, `smc({ values })`, `forest({ values })`.
 *
 * Deterministic by seed on one machine.
 *
 * @throws Error where a reward fails or is infinite, states are not of the event, or training diverges
 */
export async function fitValues<S, X>(options: FitValuesOptions<S, X>): Promise<FittedValues<S>> {
  const {
    chain,
    runtime,
    event,
    seed,
    lambda = 1,
    steps = 2000,
    rate = 2e-3,
    heldOut = 0.1,
    signal,
    onProgress,
  } = options
  const kind = oneOf('loss', options.loss ?? 'mean', ['mean', 'exponential', 'poisson'])
  if (!(lambda > 0 && lambda < Infinity)) throw new Error(`lambda is ${lambda}, expected a positive number`)
  for (const [name, value] of Object.entries({ rollouts: options.rollouts, steps, batch: options.batch ?? 1 })) {
    if (!(Number.isInteger(value) && value >= 1)) throw new Error(`${name} is ${value}, expected 1 or more`)
  }
  if (!(heldOut >= 0 && heldOut < 1))
    throw new Error(`heldOut is ${heldOut}, expected a share of the rollouts in [0, 1)`)
  const began = performance.now()
  const network = options.network ?? valueNetwork(event, { seed })
  const input = inputOf(options)
  const time = (level: number) => 1 - level / chain.depth
  const walked = await rolloutsOf(options, input)
  const learned = options.rollouts - Math.floor(heldOut * options.rollouts)
  const goal = goalOf(kind, lambda, walked.rewards.subarray(0, learned))
  const check = learned < options.rollouts ? heldOutLoss(options, walked, goal, time, learned) : undefined

  const model = (weights: ReadonlyMap<string, Float32Array>) => writeModel(bakeParameters(network.model, weights))
  let best = { model: model(new Map()), step: 0, loss: Infinity }
  let first = Infinity
  if (check) first = best.loss = await check(best.model)
  const losses: number[] = []
  let sum = 0
  const { average } = await train(taskOf(options, network, walked, goal, time, learned), {
    ...{ runtime, steps, signal, ema: 0.99 },
    optimizer: { rate: warmupCosine(rate, steps, Math.min(100, steps / 10)) },
    onStep: async ({ step, loss }, weights) => {
      sum += loss
      if (check && step % Math.ceil(steps / 20) === 0) {
        const now = model(weights())
        const found = await check(now)
        if (found < best.loss) best = { model: now, step, loss: found }
      }
      const every = Math.max(1, Math.floor(steps / 100))
      if (step % every !== 0) return
      losses.push(sum / every)
      sum = 0
      onProgress?.(step / steps, 'training')
      await new Promise((resolve) => setTimeout(resolve))
    },
  })
  signal?.throwIfAborted()
  const session = await runtime.load(check ? best.model : model(average))
  return {
    name: `learned by ${kind} loss`,
    cost: () => 0,
    rewardEvaluations: 0,
    looks: false,
    async evaluate(states, level) {
      const outputs = await outputsBy(session, states.map(input), event, time(level))
      return Float64Array.from(outputs, (y) => goal.offset + goal.scale * y)
    },
    fitting: { ...walked.cost, seconds: (performance.now() - began) / 1000 },
    losses,
    heldOut: check && { first, loss: best.loss, step: best.step },
    parameters: network.parameters.reduce((total, name) => total + (average.get(name)?.length ?? 0), 0),
    release: () => session.release(),
  }
}

/** What the network sees, checked. */
function inputOf<S, X>({ chain, event, input = (state) => chain.save(state) }: FitValuesOptions<S, X>) {
  const size = sizeOf(event)
  return (state: S) => {
    const values = input(state)
    if (values.length === size) return values
    throw new Error(
      `a state has ${values.length} values, the value network takes [${event}]; give the values that it is to see (input)`,
    )
  }
}

interface Walked {
  readonly levels: readonly number[]
  /** States at each of the levels, one per rollout. */
  readonly states: readonly (readonly Float32Array[])[]
  readonly rewards: Float64Array
  readonly cost: { readonly nfe: number; readonly rewardEvaluations: number }
}

/** Plain rollouts, with what they were at the levels where a search may stop. */
async function rolloutsOf<S, X>(
  { chain, reward, rollouts, seed, width = 64, signal, onProgress }: FitValuesOptions<S, X>,
  input: (state: S) => Float32Array,
): Promise<Walked> {
  const edges = edgesOf(chain)
  const levels = edges.map(({ from }) => from)
  const states = levels.map(() => [] as Float32Array[])
  const rewards = new Float64Array(rollouts)
  const root = purpose(key(seed), 'value rollouts')
  for (let done = 0; done < rollouts; done += width) {
    signal?.throwIfAborted()
    const keys: Key[] = Array.from({ length: Math.min(width, rollouts - done) }, (_, i) => fold(root, done + i))
    let now = await chain.start(keys)
    for (let level = 0; level < chain.depth; level++) {
      const at = levels.indexOf(level)
      if (at >= 0) states[at].push(...now.map((state) => input(state).slice()))
      now = await chain.step(now, level, keys)
    }
    const name = (i: number) => `value rollout ${done + i}`
    const values = await checkedReward(reward, name).evaluate(await chain.decode(now))
    for (let i = 0; i < keys.length; i++) {
      if (!Number.isFinite(values[i])) {
        throw new Error(`${name(i)} has a reward of ${values[i]}; values are fitted to finite rewards, so bound it`)
      }
      rewards[done + i] = values[i]
    }
    onProgress?.(Math.min(1, (done + width) / rollouts), 'rollouts')
  }
  return { levels, states, rewards, cost: { nfe: rollouts * costFrom(edges, 0), rewardEvaluations: rollouts } }
}

/** What is fitted: `f = offset + scale y` with the network's output y, which begins at 0. */
interface Goal {
  readonly offset: number
  readonly scale: number
  readonly loss: Loss
  /** The loss of one output. */
  readonly lossOf: (y: number, target: number) => number
  readonly target: (reward: number) => number
}

function goalOf(kind: 'mean' | 'exponential' | 'poisson', lambda: number, rewards: Float64Array): Goal {
  const centre = rewards.reduce((sum, r) => sum + r / rewards.length, 0)
  const scale = Math.sqrt(rewards.reduce((sum, r) => sum + (r - centre) ** 2 / rewards.length, 0)) || 1
  if (kind === 'mean') {
    const lossOf = (y: number, target: number) => (y - target) ** 2
    return { offset: centre, scale, loss: meanSquare('value'), lossOf, target: (r) => (r - centre) / scale }
  }
  // Both exponents less that of the soft mean: it only rescales the loss, which is then about 1 at first. The largest
  // reward bounds the targets by the number of rollouts.
  const offset = softMean(rewards, lambda)
  return {
    offset,
    scale,
    target: (r) => Math.exp(lambda * (r - offset)),
    lossOf(value, target) {
      const y = lambda * scale * value
      return kind === 'exponential' ? (Math.exp(y) - target) ** 2 : Math.exp(y) - y * target
    },
    loss: (b) => {
      const y = b.get('value').mul(lambda * scale)
      const target = b.inputLike('target', y)
      return kind === 'exponential' ? y.exp().sub(target).square().mean() : y.exp().sub(y.mul(target)).mean()
    },
  }
}

function taskOf(
  { event, seed, batch = 128 }: Pick<FitValuesOptions<never, never>, 'event' | 'seed' | 'batch'>,
  network: ValueNetwork,
  { levels, states, rewards }: Walked,
  { loss, target }: Goal,
  time: (level: number) => number,
  learned: number,
): Task {
  const size = sizeOf(event)
  const x = new Float32Array(batch * size)
  const t = new Float32Array(batch)
  const targets = new Float32Array(batch)
  const root = purpose(key(seed), 'value batches')
  return {
    ...network,
    loss,
    batch(step) {
      const draws = stream(fold(root, step))
      for (let row = 0; row < batch; row++) {
        const at = Math.floor(((row + draws.uniform()) / batch) * levels.length)
        const rollout = draws.integer(learned)
        x.set(states[at][rollout], row * size)
        t[row] = time(levels[at])
        targets[row] = target(rewards[rollout])
      }
      const rows = [batch]
      return {
        x: { shape: [batch, ...event], data: x },
        t: { shape: rows, data: t },
        target: { shape: rows, data: targets },
      }
    },
  }
}

/** The mean loss of a model over all levels of the rollouts that it does not learn from. */
function heldOutLoss<S, X>(
  { runtime, event }: FitValuesOptions<S, X>,
  { levels, states, rewards }: Walked,
  { lossOf, target }: Goal,
  time: (level: number) => number,
  from: number,
): (model: Uint8Array) => Promise<number> {
  const targets = rewards.subarray(from).map(target)
  return async (model) => {
    const session = await runtime.load(model)
    try {
      let sum = 0
      for (const [at, level] of levels.entries()) {
        const outputs = await outputsBy(session, states[at].slice(from), event, time(level))
        for (let i = 0; i < targets.length; i++) sum += lossOf(outputs[i], targets[i])
      }
      return sum / (levels.length * targets.length)
    } finally {
      await session.release()
    }
  }
}

async function outputsBy(
  session: Session,
  states: readonly Float32Array[],
  event: readonly number[],
  t: number,
): Promise<Float32Array> {
  const n = states.length
  const size = sizeOf(event)
  const x: Tensor = { shape: [n, ...event], data: new Float32Array(n * size) }
  states.forEach((state, i) => {
    x.data.set(state, i * size)
  })
  const { value } = await session.run({ x, t: { shape: [n], data: new Float32Array(n).fill(t) } }, ['value'])
  return value.data as Float32Array
}
