/** The kernels that turn one flow network into a chain, and the searches over them. */

import { type Chain, type NoiseChain, odeChain, pixelChain, type StochasticChain } from 'espalier/chain'
import { circularGrid, flow, type Grid, type Process, uniformGrid, viewed, vpLinear } from 'espalier/process'
import type { Reward } from 'espalier/reward'
import {
  bestOfN,
  type ChainKind,
  forest,
  greedyIslands,
  pathsSearch,
  rbf,
  type SearchMethod,
  type SearchResult,
  searchFrom,
  smc,
  svdd,
  zeroOrderSearch,
} from 'espalier/search'
import { ddim, flowSde, type Solver } from 'espalier/solve'
import type { Key, Tensor } from 'espalier/tensor'
import type { Digits } from '../support/digits.ts'

export const steps = 10

interface Kernel {
  readonly process: Process
  readonly solver: Solver
  readonly grid: Grid
}

const vp = vpLinear()

/**
 * The linear flow at the noise levels that the VP process has on the quarter circle: the paper's "timestep conversion
 * only".
 */
const vpLevels: Grid = (process, n) => [
  uniformGrid(process, 1)[0],
  ...circularGrid(vp, n)
    .slice(1, -1)
    .map((t) => process.timeOfLogSnr(vp.logSnr(t))),
  0,
]

/** Stochastic kernels with the marginals of the flow, in as many steps each. */
export const kernels = {
  'linear SDE': { process: flow(), solver: flowSde(), grid: uniformGrid },
  'linear SDE at VP levels': { process: flow(), solver: flowSde(), grid: vpLevels },
  'VP-SDE': { process: vp, solver: flowSde(), grid: circularGrid },
  'VP-SDE, even times': { process: vp, solver: flowSde(), grid: uniformGrid },
  'DDIM, eta = 1': { process: flow(), solver: ddim({ eta: 1 }), grid: uniformGrid },
} as const satisfies Record<string, Kernel>

export type KernelName = keyof typeof kernels
export const kernelNames = Object.keys(kernels) as KernelName[]

/** All steps but the last, which is the clean estimate and draws nothing, are branch points. */
const everyStep = Array.from({ length: steps - 1 }, (_, i) => steps - i)

export function stochastic(
  { denoiser, range }: Digits,
  name: KernelName,
  branchAt: readonly number[] = everyStep,
): StochasticChain<Float32Array, Tensor> {
  const { process, solver, grid } = kernels[name]
  const view = viewed(denoiser, process)
  const plan = solver(view.process, grid(view.process, steps))
  return pixelChain({ denoiser: view, plan, branchAt, range })
}

/** The ODE of the linear flow, with a level a step for searches over paths. */
export function deterministic({ denoiser, range }: Digits): NoiseChain<Float32Array, Tensor> {
  const { process } = denoiser
  const plan = ddim()(process, uniformGrid(process, steps))
  return odeChain({ denoiser, plan, range, branchAt: Array.from({ length: steps }, (_, i) => steps - i) })
}

/** Chains and starts of RBF as released, in proportion: 2 and 25 of 500 NFE. */
export const startsOf = (budget: number) => Math.max(1, Math.round(budget / 20))
/** Half the quota of an interval. */
const blockOf = (budget: number) => Math.max(1, Math.floor((0.45 * budget) / (steps - 1) / 2))
export const bestOfNName = 'best-of-N, ODE'
/** Two of our own, and the second without its plain samples first, which it takes below three islands. */
export const forestName = 'forest (ours)'
export const greedyName = 'greedy islands (ours)'
export const boldName = `${greedyName}, no hedge`
/** NFE of the three islands. */
export const threeIslands = 3 * 16 * steps
export const nameOf = (search: string, kernel: KernelName) => `${search}, ${kernel}`

/** The searches by name, each on its own chain. */
export function methodsOf(world: Digits): Record<string, SearchMethod> {
  const ode = deterministic(world)
  const all: Record<string, SearchMethod> = {
    [bestOfNName]: method('any', (task) => bestOfN({ ...task, chain: ode })),
    'ZO-4, ODE': method('deterministic', (task) => zeroOrderSearch({ ...task, chain: ode })),
    // Of ten steps: out to a noise of .2, back to .9, and so on, two rounds.
    'Paths-2, ODE': method('deterministic', (task) =>
      pathsSearch({ ...task, chain: ode, level: 8, back: 7, forward: 8 }),
    ),
  }
  for (const kernel of kernelNames) {
    const chain = stochastic(world, kernel)
    const everySecond = stochastic(world, kernel, [10, 8, 6, 4, 2])
    all[nameOf('SMC', kernel)] = method('stochastic', (task) => smc({ ...task, chain }))
    all[nameOf('SVDD', kernel)] = method('stochastic', (task) => svdd({ ...task, chain, ...shared(task, 2) }))
    all[nameOf('CoDe', kernel)] = method('stochastic', (task) =>
      svdd({ ...task, chain: everySecond, ...shared(task, 2) }),
    )
    // One candidate at a time, as published; and the best of so many.
    all[nameOf('RBF', kernel)] = method('stochastic', (task) =>
      rbf({ ...task, chain, starts: startsOf(task.budget), width: 1 }),
    )
    all[nameOf('RBF by blocks', kernel)] = method('stochastic', (task) =>
      rbf({ ...task, chain, starts: startsOf(task.budget), width: blockOf(task.budget), choice: 'best' }),
    )
    all[nameOf(forestName, kernel)] = method('stochastic', (task) => forest({ ...task, chain }))
    all[nameOf(greedyName, kernel)] = method('stochastic', (task) => greedyIslands({ ...task, chain }))
    all[nameOf(boldName, kernel)] = method('stochastic', (task) => greedyIslands({ ...task, chain, hedge: false }))
  }
  return all
}

interface Task {
  readonly reward: Reward<Tensor>
  readonly budget: number
  readonly seed: number
  readonly lambda?: number
}

/** A search of pictures, set up by hand, as the comparison takes it. */
function method(chain: ChainKind, run: (task: Task) => Promise<SearchResult<Tensor>>): SearchMethod {
  return {
    ...searchFrom('best-of-n'),
    chain,
    run: ({ reward, budget, seed, lambda }) => run({ reward, budget, seed, lambda } as Task) as never,
  }
}

/** Of N samples side by side, as many candidates a step as the budget pays: 2 and 25 of 500 NFE in 10 steps. */
const shared = ({ budget }: Task, samples: number) => ({
  samples,
  candidates: Math.max(1, Math.floor(budget / samples / steps)),
})

/** Samples of a chain without a search: start i is drawn from `starts[i]`, its way from `ways[i]`. */
export async function sampled<S>(
  chain: Chain<S, Tensor>,
  starts: readonly Key[],
  ways: readonly Key[],
): Promise<Tensor[]> {
  let states = await chain.start(starts)
  for (let level = 0; level < chain.depth; level++) states = await chain.step(states, level, ways)
  return chain.decode(states)
}
