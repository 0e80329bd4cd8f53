import { type Chain, stochasticChain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import { fold, type Key, purpose, type Stream, key as seedKey, stream } from '../tensor/random.ts'
import { costFrom, edgesOf, rootKey } from './edges.ts'
import { Ledger } from './ledger.ts'
import { softmax } from './log-weights.ts'
import { argmax } from './rollouts.ts'
import { checkOptions, checkSettings, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'
import { ROOT, Tree } from './tree.ts'
import { type Expansion, expander, type Grown } from './tree-expansion.ts'
import { loadTree, type SavedSearch, shapeOf } from './tree-file.ts'
import { drawLeaves, LeafGains, leafLogWeights, logZOf } from './tree-gains.ts'
import { resolveSettings, type TreeSearchOptions, type TreeSearchResult, type Variant } from './tree-settings.ts'

/** States that are decoded in one call. */
const DECODED_TOGETHER = 64

/** One iteration on its way: the selected path, and the child that will be added below it (none if it ends in a leaf). */
interface Traversal {
  readonly path: readonly number[]
  /** `log prod 1 / (m q)` over the choices: what makes up for how likely the path was. */
  readonly logGain: number
  /** Where the new child begins; null where selection fell through to a known leaf. */
  readonly childKey: Key | null
  /** Keys of the path's nodes. */
  readonly keys: readonly Key[]
  /** Depth of the path's last node whose state is kept. */
  readonly from: number
  readonly cost: number
}

/**
 * Builds the tree of Diffusion Tree Sampling (arXiv 2506.20701, Algorithm 1): SELECTION, EXPANSION, ROLLOUT, BACKUP, repeated.
 *
 * Iterations run in waves of `width`. Within a wave a selected path counts one virtual visit and its coming child counts
 * as a child, in the widening test only; values and choices see finished children alone. All rollouts of a wave are
 * asked for at once (those that start at the same depth in one call), and backed up in the order of selection, so that
 * the result depends on the seed and the width, never on timing. At width 1 this is the sequential algorithm.
 *
 * @throws Error where the options are wrong, or the chain is deterministic; {@link SearchError} where chain or reward fail
 */
export async function treeSearch<S, X>(
  variant: Variant,
  options: TreeSearchOptions<S, X>,
): Promise<TreeSearchResult<S, X>> {
  const { reward, budget, seed, signal, resume } = options
  const chain: Chain<S, X> = stochasticChain(options.chain)
  const edges = edgesOf(chain)
  const { lambda, width } = checkOptions(options, costFrom(edges, 0), 1)
  const settings = resolveSettings(variant, options, edges, lambda)
  const { method } = settings
  const weighted = settings.readOut === 'weighted'
  if (resume) checkSettings(settings, resume.settings)
  const tree = resume ? loadTree(resume, chain) : new Tree<S>(shapeOf(settings), chain)
  const growth = expander(chain, edges, (state) => tree.states.settled(state), settings.rollout === 'finish')
  const { cheapest } = growth
  const maxIterations = options.maxIterations ?? 10 * Math.ceil(budget / cheapest)
  if (!(maxIterations >= 1 && (maxIterations < Infinity || cheapest > 0))) {
    throw new Error(
      `maxIterations is ${maxIterations}, expected a number from 1 on (the cheapest child costs ${cheapest} NFE)`,
    )
  }

  /** Samples of the leaves, where they may be kept beside the states. */
  const samples: X[] | undefined = settings.states === 'float32' ? await decodeLeaves(chain, tree) : undefined
  const gains = new LeafGains(resume?.gains)
  const ledger = new Ledger(options, resume?.account)
  const spread = new RunningStd()
  for (const leaf of tree.leaves) spread.add(tree.value(leaf))
  const root = rootKey(seed)
  const selectKey = purpose(seedKey(seed), 'select')
  let iterations = resume?.iterations ?? 0

  /** SELECTION: descend while the node is saturated. Null where every child on the way is still under way. */
  const select = (iteration: number, pending: Map<number, number>, virtual: Map<number, number>): Traversal | null => {
    const draws = stream(fold(selectKey, iteration))
    const path = [ROOT]
    const keys = [root]
    let logGain = 0
    for (let node = ROOT; !tree.isLeaf(node); ) {
      const depth = path.length - 1
      const born = tree.childCount(node) + (pending.get(node) ?? 0)
      const visits = tree.visits(node) + (virtual.get(node) ?? 0)
      if (born < settings.c * visits ** settings.alpha) {
        let from = depth
        while (from > 0 && !tree.states.has(path[from])) from--
        return { path, logGain, childKey: fold(keys[depth], born), keys, from, cost: growth.cost(depth, from) }
      }
      if (tree.childCount(node) === 0) return null
      const child = choose(node, draws)
      if (weighted) {
        const m = tree.childCount(node)
        logGain -= Math.log(settings.epsilon + (1 - settings.epsilon) * m * tree.share(child))
      }
      keys.push(fold(keys[depth], tree.indexOf(child)))
      path.push(child)
      node = child
    }
    return { path, logGain, childKey: null, keys, from: 0, cost: 0 }
  }

  const choose = (node: number, draws: Stream): number => {
    if (settings.selection === 'uct') {
      const scale = settings.cUct * (settings.uctScale === 'std' ? spread.value() : 1)
      const logVisits = Math.log(tree.visits(node))
      return tree.argmaxChild(node, (visits) => scale * Math.sqrt(logVisits / visits))
    }
    if (settings.selection === 'boltzmann-mixed' && draws.uniform() < settings.epsilon) {
      return tree.uniformChild(node, draws)
    }
    return tree.drawChild(node, draws)
  }

  /** Up to `width` iterations whose cost is still affordable. */
  const selectWave = (): Traversal[] => {
    const wave: Traversal[] = []
    const pending = new Map<number, number>()
    const virtual = new Map<number, number>()
    let reserved = ledger.nfe
    while (wave.length < width && iterations + wave.length < maxIterations && reserved + cheapest <= budget) {
      const traversal = select(iterations + wave.length, pending, virtual)
      if (!traversal || reserved + traversal.cost > budget) break
      reserved += traversal.cost
      for (const node of traversal.path) bump(virtual, node)
      if (traversal.childKey) bump(pending, traversal.path[traversal.path.length - 1])
      wave.push(traversal)
    }
    return wave
  }

  /** EXPANSION and ROLLOUT of a wave's new children; null where the signal says so. */
  const expand = (fresh: readonly Traversal[]): Promise<Grown<S>[] | null> => {
    const expansions = fresh.map(({ path, keys, from, childKey }): Expansion<S> => {
      const below = [...keys.slice(from + 1), childKey as Key]
      return { from, state: from > 0 ? tree.state(path[from]) : undefined, keys: below }
    })
    return growth.expand(expansions, (nfe) => {
      ledger.spend(nfe)
      return !signal?.aborted
    })
  }

  /** BACKUP of a wave, in the order of selection. */
  const absorb = async (wave: readonly Traversal[], grown: readonly Grown<S>[]): Promise<void> => {
    const fresh = wave.flatMap((traversal, i) => (traversal.childKey ? [i] : []))
    const ends = grown.map((row) => row.fresh[row.fresh.length - 1])
    const name = (j: number) => `iteration ${iterations + fresh[j]}`
    const decoded = ends.length > 0 ? await chain.decode(ends) : []
    const rewards = ends.length > 0 ? await checkedReward(reward, name).evaluate(decoded) : []
    let next = 0
    for (const { path, childKey, from, cost, logGain } of wave) {
      let node = path[path.length - 1]
      if (childKey) {
        const { regained, fresh: states } = grown[next]
        regained.forEach((state, i) => {
          tree.states.remember(path[from + 1 + i], state, (kept) => tree.visits(kept))
        })
        states.forEach((state, i) => {
          node = tree.add(node, state, i === states.length - 1)
        })
        const value = rewards[next]
        samples?.push(decoded[next])
        next++
        spread.add(value)
        ledger.book({ nfe: cost, rewardEvaluations: 1 }, value)
        tree.backup(node, value)
      } else tree.backup(node, tree.value(node))
      if (weighted) gains.add(tree.leafIndex(node), logGain)
    }
    iterations += wave.length
  }

  const save = (): SavedSearch => ({
    settings,
    iterations,
    account: ledger.account(),
    gains: gains.save(),
    tree: tree.save(),
  })

  const result = async (stopped: SearchResult<X>['stopped']): Promise<TreeSearchResult<S, X>> => {
    // Behind a failure the chain may fail again; the tree is there all the same.
    const ends = samples ?? (await decodeLeaves(chain, tree).catch(() => [] as X[]))
    const rewards = tree.leaves.map((leaf) => tree.value(leaf)).slice(0, ends.length)
    const any = ends.length > 0
    const kept = { tree, settings, gains: gains.save(), iterations }
    const logWeights = any && weighted ? leafLogWeights(kept) : undefined
    const weights = !any ? [] : logWeights ? softmax(logWeights) : tree.leafProbabilities()
    const draw = (count: number, drawSeed = seed): number[] => drawLeaves(tree, count, drawSeed, logWeights)
    const byValue = settings.readOut === 'argmax'
    return {
      method,
      candidates: ends.map((sample, i) => ({ sample, reward: rewards[i], weight: weights[i] })),
      selected: !any ? -1 : byValue ? tree.leafIndex(tree.argmaxLeaf()) : draw(1)[0],
      best: argmax(rewards),
      logZ: any ? logZOf(kept) : undefined,
      nfe: ledger.spent,
      gradientEvaluations: ledger.gradientEvaluations,
      rewardEvaluations: ledger.rewardEvaluations,
      trace: ledger.trace(),
      stopped,
      tree,
      iterations,
      draw,
      save,
    }
  }

  try {
    for (;;) {
      if (signal?.aborted) return await result('signal')
      const wave = selectWave()
      if (wave.length === 0) return await result(iterations >= maxIterations ? 'iterations' : 'budget')
      const grown = await expand(wave.filter(({ childKey }) => childKey))
      if (!grown) return await result('signal')
      await absorb(wave, grown)
      ledger.report()
      await options.onCheckpoint?.(save)
    }
  } catch (cause) {
    throw new SearchError<X, TreeSearchResult<S, X>>(method, cause, await result('error'))
  }
}

/** The samples of a tree's leaves. */
async function decodeLeaves<S, X>(chain: Chain<S, X>, tree: Tree<S>): Promise<X[]> {
  const samples: X[] = []
  for (let i = 0; i < tree.leaves.length; i += DECODED_TOGETHER) {
    const leaves = tree.leaves.slice(i, i + DECODED_TOGETHER)
    samples.push(...(await chain.decode(leaves.map((leaf) => tree.state(leaf)))))
  }
  return samples
}

/** Standard deviation of the finite values so far (Welford); 1 until it is positive. */
class RunningStd {
  #n = 0
  #mean = 0
  #squares = 0

  add(value: number): void {
    if (value === -Infinity) return
    const delta = value - this.#mean
    this.#mean += delta / ++this.#n
    this.#squares += delta * (value - this.#mean)
  }

  value(): number {
    return this.#squares > 0 ? Math.sqrt(this.#squares / (this.#n - 1)) : 1
  }
}

function bump(counts: Map<number, number>, node: number): void {
  counts.set(node, (counts.get(node) ?? 0) + 1)
}
