import type { GaussianMixture } from '../process/gaussian-mixture.ts'
import type { Process } from '../process/process.ts'
import { fold, type Key, normal, purpose } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { StochasticChain } from './chain.ts'
import { blocksOf } from './schedule.ts'

export interface MixtureChainOptions {
  readonly mixture: GaussianMixture
  readonly process: Process
  /** Decreasing times of the steps that a network would take, from noise to 0: T + 1 numbers. */
  readonly grid: readonly number[]
  /** Remaining-step counts at which a search may branch. Default: five even blocks. */
  readonly branchAt?: readonly number[]
  /**
   * Where chains start: the exact `marginal` of the process at the first time (then final states are exact draws of the
   * mixture), or `N(0, s^2 I)` as a network's sampler would (`noise`). Default `marginal`.
   */
  readonly start?: 'marginal' | 'noise'
}

/**
 * A Gaussian mixture as a chain whose every block is drawn from the EXACT reverse kernel `p(x_s | x_t)`, however long:
 * no network and no discretisation error, so that what remains is the error of the search. A block costs the NFE that
 * a network would need for its steps, one a step, so that budgets compare.
 *
 * @throws if the grid does not decrease to 0 or does not fit `branchAt`
 */
export function mixtureChain(options: MixtureChainOptions): StochasticChain<Float32Array, Tensor> {
  const { mixture, process, grid, branchAt, start = 'marginal' } = options
  if (grid.length < 2 || grid.at(-1) !== 0 || grid.some((t, i) => i > 0 && !(t < grid[i - 1]))) {
    throw new Error(`a mixture chain needs times that decrease to 0, got [${summary(grid)}]`)
  }
  const blocks = blocksOf(grid.length - 1, branchAt)
  const shape = mixture.event
  const time = (level: number) => (level === blocks.length ? 0 : grid[blocks[level].from])

  return {
    kernel: 'stochastic',
    depth: blocks.length,
    cost: (level) => blocks[level].to - blocks[level].from,
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
    async step(states, level, keys) {
      const [from, to] = [time(level), time(level + 1)]
      return states.map((x, i) => Float32Array.from(mixture.step(process, x, from, to, stepKey(keys[i], level))))
    },
    async lookahead(states, level) {
      const [a, s] = [process.a(time(level)), process.s(time(level))]
      return states.map((x) => ({
        shape,
        data: Float32Array.from(mixture.predict(x, a, s, 'data', new Float64Array(mixture.dimension))),
      }))
    },
    lookaheadCost: (level) => (level === blocks.length ? 0 : 1),
    decode: async (states) => states.map((data) => ({ shape, data })),
    save: (state) => state,
    load: (data) => data,
  }
}

/** The stream of the draws of one step: the search's own children are `fold(key, n)`, never this. */
export function stepKey(key: Key, level: number): Key {
  return fold(purpose(key, 'step'), level)
}

function summary(grid: readonly number[]): string {
  return grid.length <= 6 ? grid.join(', ') : `${grid.slice(0, 3).join(', ')}, ..., ${grid.slice(-2).join(', ')}`
}
