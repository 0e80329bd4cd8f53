import type { StochasticChain } from '../chain/chain.ts'
import type { Edge } from './edges.ts'
import { oneOf, type SearchOptions, type SearchResult } from './search.ts'
import type { Backup, Tree } from './tree.ts'
import type { SavedSearch } from './tree-file.ts'
import { type StateKeeping, stateKeepings } from './tree-states.ts'

export const selections = ['boltzmann', 'boltzmann-mixed', 'uct'] as const
export const readOuts = ['values', 'argmax', 'weighted'] as const

/** How an iteration descends. */
export type TreeSelection = (typeof selections)[number]
/** How samples are read out of a finished tree. */
export type ReadOut = (typeof readOuts)[number]

export interface TreeSearchOptions<S, X> extends Omit<SearchOptions<S, X>, 'chain'> {
  /** With `stochasticChain(chain)` for one whose kind is known at run time alone. */
  readonly chain: StochasticChain<S, X>
  /**
   * Progressive widening: a node with N visits takes a new child while it has fewer than `c N^alpha`. Defaults 2 and
   * 0.8 (the paper's for images; 0.7 for text). With these a node lets selection pass only after 36 visits, so small
   * budgets want a smaller alpha.
   */
  readonly c?: number
  readonly alpha?: number
  /**
   * How an iteration descends: `boltzmann` draws a child from softmax(lambda v); `boltzmann-mixed` draws a uniform
   * child with probability `epsilon` (ours, not the paper's: it evens out the visits and so most of the bias of
   * adaptive trees); `uct` takes the largest `v + cUct sd sqrt(ln N / N_child)`.
   */
  readonly selection?: TreeSelection
  /** Share of uniform choices of `boltzmann-mixed`, in [0, 1]. Default 0.5. */
  readonly epsilon?: number
  /** Exploration of `uct` (the paper gives no value). Default 1. */
  readonly cUct?: number
  /** Unit of `cUct`: the running standard deviation of the leaf rewards (default), or 1. */
  readonly uctScale?: 'std' | 'none'
  /** Default `soft`. `max` is lambda -> infinity in the backup alone. */
  readonly backup?: Backup
  /**
   * How candidates are weighed and `selected` is chosen:
   *
   * - `values` (default of DTS): from the root, child ~ softmax(lambda v), down to a leaf. Its law has the bias of
   *   adaptive trees: a lucky child is visited again and its value falls, an unlucky one keeps its first.
   * - `argmax` (default of DTS*): weights as above, and the leaf at the end of the largest values is selected.
   * - `weighted` (ours, an exact repair): an iteration that chose its children with probabilities q_j of m_j counts its
   *   leaf `g = prod 1 / (m_j q_j)` times, so that `Z = mean g exp(lambda r)` over all iterations is unbiased where m
   *   depends on counts alone (at the root exactly, deeper within measurement), and candidates weigh `sum g exp(lambda
   *   r)`. It needs every child to be possible: its defaults are `boltzmann-mixed` with epsilon 0.3, c 2 and alpha 0.5.
   */
  readonly readOut?: ReadOut
  /** Memory against network evaluations; see {@link StateKeeping}. Default `float32`. */
  readonly states?: StateKeeping
  /**
   * How a new child comes to its reward: `full` walks the rest of the chain, and all states on the way join the tree;
   * `finish` walks one edge by the chain's kernel and from there goes straight to a final state by the chain's short
   * plan, whose end hangs below the child as a leaf. Much cheaper for each reward, but the law is another: the tree
   * estimates values, and samples, of the chain that leaves for the short plan, not of the chain's own end.
   */
  readonly rollout?: 'full' | 'finish'
  /**
   * Iterations at most, those that fall on a known leaf and cost nothing included. Default: ten times the affordable.
   */
  readonly maxIterations?: number
  /**
   * Continues a saved run: the result is that of a run that was never interrupted (and, at width 1, a larger budget
   * continues a finished run as if it had been given at once).
   */
  readonly resume?: SavedSearch
  /** Called whenever rollouts have been backed up; `save` takes a snapshot, whose states are views and cost nothing. */
  readonly onCheckpoint?: (save: () => SavedSearch) => void | Promise<void>
  /** Called after each iteration, with the leaf that it ended in; the tree may be read, and not changed. */
  readonly onIteration?: (tree: Tree<S>, leaf: number) => void
}

/** What must not change between a run and its continuation. Budget and width may. */
export interface Settings {
  readonly method: string
  readonly seed: number
  readonly lambda: number
  readonly c: number
  readonly alpha: number
  readonly selection: TreeSelection
  readonly epsilon: number
  readonly cUct: number
  readonly uctScale: 'std' | 'none'
  readonly backup: Backup
  readonly readOut: ReadOut
  readonly states: StateKeeping
  readonly rollout: 'full' | 'finish'
  /** NFE of each edge of the chain. */
  readonly edges: readonly number[]
}

export interface TreeSearchResult<S, X> extends SearchResult<X> {
  readonly tree: Tree<S>
  readonly iterations: number
  /** Draws candidates from the tree's read-out law, with replacement; no model is called. @returns indices */
  draw(count: number, seed?: number): number[]
  save(): SavedSearch
}

/** The two sides in which DTS and DTS* differ. */
export interface Variant {
  readonly method: string
  readonly selection: TreeSelection
  readonly readOut: ReadOut
}

/** The settings of a run, defaults filled in. @throws one line for what is wrong */
export function resolveSettings<S, X>(
  variant: Variant,
  options: TreeSearchOptions<S, X>,
  edges: readonly Edge[],
  lambda: number,
): Settings {
  const readOut = oneOf('readOut', options.readOut ?? variant.readOut, readOuts)
  const weighted = readOut === 'weighted'
  const usual = weighted ? { alpha: 0.5, epsilon: 0.3, selection: 'boltzmann-mixed' as const } : undefined
  const { c = 2, alpha = usual?.alpha ?? 0.8, epsilon = usual?.epsilon ?? 0.5, cUct = 1 } = options
  const selection = oneOf('selection', options.selection ?? usual?.selection ?? variant.selection, selections)
  if (!(c > 0 && c < Infinity)) throw new Error(`widening c is ${c}, expected a positive number`)
  if (!(alpha >= 0 && alpha <= 1)) throw new Error(`widening alpha is ${alpha}, expected a number in [0, 1]`)
  if (!(epsilon >= 0 && epsilon <= 1)) throw new Error(`epsilon is ${epsilon}, expected a probability`)
  if (!(cUct >= 0 && cUct < Infinity)) throw new Error(`cUct is ${cUct}, expected a number from 0 on`)
  if (weighted && !(selection === 'boltzmann-mixed' && epsilon > 0)) {
    throw new Error(
      `readOut 'weighted' needs selection 'boltzmann-mixed' with an epsilon above 0 (every child must be possible), ` +
        `got '${selection}' with ${epsilon}`,
    )
  }
  return {
    method: variant.method,
    seed: options.seed,
    lambda,
    c,
    alpha,
    selection,
    epsilon,
    cUct,
    uctScale: oneOf('uctScale', options.uctScale ?? 'std', ['std', 'none']),
    backup: oneOf('backup', options.backup ?? 'soft', ['soft', 'max']),
    readOut,
    states: oneOf('states', options.states ?? 'float32', stateKeepings),
    rollout: oneOf('rollout', options.rollout ?? 'full', ['full', 'finish']),
    edges: edges.map((edge) => edge.cost),
  }
}
