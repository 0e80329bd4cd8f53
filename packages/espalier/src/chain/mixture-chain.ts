import type { CleanGradientFunction } from '../guide/clean-gradient.ts'
import { GaussianMixture } from '../process/gaussian-mixture.ts'
import type { Process } from '../process/process.ts'
import { ancestralStep, decayOf } from '../solve/ancestral.ts'
import { fold, type Key, normal, purpose } from '../tensor/random.ts'
import { row, stack, type Tensor } from '../tensor/tensor.ts'
import type { GuidedChain, StochasticChain } from './chain.ts'
import { type FinishPlan, finishing } from './finish.ts'
import { type Branching, blocksOf } from './schedule.ts'

export interface MixtureChainOptions {
  readonly mixture: GaussianMixture
  readonly process: Process
  /** Decreasing times of the steps that a network would take, from noise to 0: T + 1 numbers. */
  readonly grid: readonly number[]
  /** Remaining-step counts at which a search may branch. Default: five even blocks. */
  readonly branchAt?: readonly number[] | Branching
  /**
   * Where chains start: the exact `marginal` of the process at the first time (then final states are exact draws of the
   * mixture), or `N(0, s^2 I)` as a network's sampler would (`noise`). Default `marginal`.
   */
  readonly start?: 'marginal' | 'noise'
  /** `cleanGradient(mixture.denoiser(process), reward)`: makes the chain a {@link GuidedChain}. */
  readonly gradient?: CleanGradientFunction
  /** A plan for the world's denoiser from each level to the end: gives the chain `finish`. */
  readonly finish?: FinishPlan
}

/**
 * A Gaussian mixture as a chain whose every block is drawn from the EXACT reverse kernel `p(x_s | x_t)`, however long:
 * no network and no discretisation error, so that what remains is the error of the search. A block costs the NFE that
 * a network would need for its steps, one a step, and one less where the state has been looked at, so that budgets
 * compare.
 *
 * The guided proposal of a block is ONE step: a draw of the kernel moved by `V strength g`, V the mean variance of the
 * kernel's components given the state (of one component: its variance). As p is known, so is the log-ratio,
 * `log p(x') - log p(x' - V strength g)`, whatever V is. A kernel of which a component is a point is not moved (V = 0).
 *
 * @throws if the grid does not decrease to 0 or does not fit `branchAt`
 */
export function mixtureChain(
  options: MixtureChainOptions & { readonly gradient: CleanGradientFunction },
): GuidedChain<Float32Array, Tensor>
export function mixtureChain(options: MixtureChainOptions): StochasticChain<Float32Array, Tensor>
export function mixtureChain(options: MixtureChainOptions): StochasticChain<Float32Array, Tensor> {
  const { mixture, process, grid, branchAt, start = 'marginal', gradient } = options
  if (grid.length < 2 || grid.at(-1) !== 0 || grid.some((t, i) => i > 0 && !(t < grid[i - 1]))) {
    throw new Error(`a mixture chain needs times that decrease to 0, got [${summary(grid)}]`)
  }
  const blocks = blocksOf(grid.length - 1, branchAt)
  const shape = mixture.event
  const time = (level: number) => (level === blocks.length ? 0 : grid[blocks[level].from])
  const draw = (x: Float32Array, level: number, key: Key) =>
    mixture.step(process, x, time(level), time(level + 1), stepKey(key, level))

  const chain: StochasticChain<Float32Array, Tensor> = {
    kernel: 'stochastic',
    depth: blocks.length,
    cost: (level, looked = false) => blocks[level].to - blocks[level].from - (looked ? 1 : 0),
    stochastic: () => true,
    async start(keys) {
      const [a, s] = [process.a(grid[0]), process.s(grid[0])]
      return keys.map((key) => {
        const own = purpose(key, 'start')
        const x = new Float32Array(mixture.dimension)
        normal(own, x)
        const clean = start === 'marginal' ? mixture.sample(purpose(own, 'clean')) : undefined
        for (let i = 0; i < x.length; i++) x[i] = s * x[i] + (clean ? a * clean[i] : 0)
        return x
      })
    },
    step: async (states, level, keys) => states.map((x, i) => new Float32Array(draw(x, level, keys[i]))),
    async lookahead(states, level) {
      const [a, s] = [process.a(time(level)), process.s(time(level))]
      return states.map((x) => ({
        shape,
        data: mixture.predict(x, a, s, 'data', new Float32Array(mixture.dimension)),
      }))
    },
    lookaheadCost: (level) => (level === blocks.length ? 0 : 1),
    decode: async (states) => states.map((data) => ({ shape, data })),
    ...(options.finish &&
      finishing(options.finish, {
        ...{ denoiser: mixture.denoiser(process), grid, blocks },
        batch: (states) => stack(states, shape),
        statesOf: (reached, like) => like.map((_, i) => row(reached, i).slice()),
        conditionOf: () => undefined,
        recall: () => undefined,
      })),
    save: (state) => state,
    load: (data) => data,
  }
  if (!gradient) return chain

  const steps = grid.length - 1
  const moves = (level: number) => process.s(time(level + 1)) > 0 || Math.min(...mixture.stds) > 0
  const guided: GuidedChain<Float32Array, Tensor> = {
    ...chain,
    async propose(states, level, keys, strength) {
      if (!moves(level))
        return { states: await chain.step(states, level, keys), logRatio: new Float64Array(states.length) }
      const { gradient: slopes } = await gradient(
        stack(states, shape),
        new Float64Array(states.length).fill(time(level)),
      )
      const factor = strength(blocks[level].to, steps)
      const logRatio = new Float64Array(states.length)
      const moved = states.map((x, i) => {
        const kernel = reverseKernel(mixture, process, x, time(level), time(level + 1))
        const variance = kernel.stds.reduce((sum, std, k) => sum + kernel.weights[k] * std * std, 0)
        const from = draw(x, level, keys[i])
        const g = row(slopes, i)
        const to = from.map((v, j) => v + variance * factor * g[j])
        logRatio[i] = kernel.logDensity(to) - kernel.logDensity(from)
        return Float32Array.from(to)
      })
      return { states: moved, logRatio }
    },
    gradientCost: (level) => (moves(level) && gradient.backward !== false ? 1 : 0),
    rewardCost: (level) => (moves(level) ? 1 : 0),
  }
  return guided
}

/**
 * The law of `x_to` given `x_from = x`: that of {@link GaussianMixture.step}, of which `x_0` has been integrated out.
 */
function reverseKernel(
  mixture: GaussianMixture,
  process: Process,
  x: Float32Array,
  from: number,
  to: number,
): GaussianMixture {
  const posterior = mixture.posterior(x, process.a(from), process.s(from))
  const { x: keep, prediction: gain, noise } = ancestralStep(process, from, to, decayOf(process, from, to))
  return new GaussianMixture({
    means: posterior.means.map((mean) => mean.map((m, j) => keep * x[j] + gain * m)),
    stds: posterior.stds.map((std) => Math.hypot(gain * std, noise)),
    weights: [...posterior.weights],
  })
}

/** The stream of the draws of one step: the search's own children are `fold(key, n)`, never this. */
export function stepKey(key: Key, level: number): Key {
  return fold(purpose(key, 'step'), level)
}

function summary(grid: readonly number[]): string {
  return grid.length <= 6 ? grid.join(', ') : `${grid.slice(0, 3).join(', ')}, ..., ${grid.slice(-2).join(', ')}`
}
