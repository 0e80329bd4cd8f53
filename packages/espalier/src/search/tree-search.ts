import { type Chain, stochasticChain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import { fold, type Key, purpose, type Stream, key as seedKey, stream } from '../tensor/random.ts'
import { costFrom, decodeAll, edgesOf, rootKey } from './edges.ts'
import { Ledger } from './ledger.ts'
import { softmax } from './log-weights.ts'
import { argmax } from './rollouts.ts'
import { RunningStd } from './running-std.ts'
import { checkOptions, checkSettings, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'
import { ROOT, Tree } from './tree.ts'
import { type Expansion, expander, type Grown } from './tree-expansion.ts'
import { loadTree, type SavedSearch, shapeOf } from './tree-file.ts'
import { drawLeaves, LeafGains, leafLogWeights, logZOf } from './tree-gains.ts'
import { resolveSettings, type TreeSearchOptions, type TreeSearchResult, type Variant } from './tree-settings.ts'

/** States that are decoded in one call. */
const DECODED_TOGETHER = 64

/** One iteration on its way: the selected path, and the child that will be added below it. */
interface Traversal {
  readonly iteration: number
  readonly path: readonly number[]
  /** Keys of the path's nodes. */
  readonly keys: readonly Key[]
  /** `log prod 1 / (m q)` over the choices: what makes up for how likely the path was. */
  readonly logGain: number
  /** Number of the new child among its siblings; -1 where selection fell through to a known leaf. */
  readonly child: number
  /**
   * Depth of the path's last node whose state was kept when it was selected, and what the new child costs from there.
   */
  readonly from: number
  readonly cost: number
  /** When it is done, on the clock of the search. */
  readonly at: number
}

/** Traversals that walk together. */
interface Flight<S> {
  readonly members: readonly Traversal[]
  readonly at: number
  /** Never rejects. */
  readonly ended: Promise<{ readonly grown: Grown<S>[] | null } | { readonly failure: unknown }>
}

/**
 * Builds the tree of Diffusion Tree Sampling (arXiv 2506.20701, Algorithm 1): SELECTION, EXPANSION, ROLLOUT, BACKUP,
 * repeated.
 *
 * Up to `width` iterations are under way at any time: as one is backed up, the next is selected, so that the network's
 * batches stay full although rollouts from deep nodes are shorter than those from the root. What is under way counts a
 * virtual visit for each node of its path and its coming child as a child, in the widening test only; values and
 * choices see finished children alone. Who is done when goes by a clock of the search's own, on which a rollout takes
 * as long as the NFE that it costs, and those that are done at the same time are backed up in the order of selection:
 * the result depends on the seed and the width, never on timing. At width 1 this is the sequential algorithm.
 *
 * @throws Error where the options are wrong, or the chain is deterministic; {@link SearchError} where chain or reward
 *   fail
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
  let selected = iterations + (resume?.underWay.length ?? 0)
  let clock = resume?.clock ?? 0
  let flights: Flight<S>[] = []
  /** Coming children and visits of each node. */
  const pending = new Map<number, number>()
  const virtual = new Map<number, number>()
  let abandoned = false

  /** SELECTION: descend while the node is saturated. Null where every child on the way is still under way. */
  const select = (iteration: number): Traversal | null => {
    const draws = stream(fold(selectKey, iteration))
    const path = [ROOT]
    const keys = [root]
    let logGain = 0
    for (let node = ROOT; !tree.isLeaf(node); ) {
      const depth = path.length - 1
      const born = tree.childCount(node) + (pending.get(node) ?? 0)
      const visits = tree.visits(node) + (virtual.get(node) ?? 0)
      if (born < settings.c * visits ** settings.alpha) {
        const from = keptAbove(path, depth)
        // The clock does not know what is kept, so that siblings come in the order of their numbers.
        const at = clock + growth.cost(depth, depth)
        return { iteration, path, keys, logGain, child: born, from, cost: growth.cost(depth, from), at }
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
    return { iteration, path, keys, logGain, child: -1, from: 0, cost: 0, at: clock }
  }

  /** The depth, at most `depth`, of the last node of a path whose state is kept; 0 is the root, which needs none. */
  const keptAbove = (path: readonly number[], depth: number): number => {
    while (depth > 0 && !tree.states.has(path[depth])) depth--
    return depth
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

  /** Selects as long as there is room and budget; what falls on a known leaf is backed up at once. */
  const selectMore = (): Traversal[] => {
    const chosen: Traversal[] = []
    const busy = flights.flatMap(({ members }) => members)
    let reserved = busy.reduce((sum, { cost }) => sum + cost, ledger.nfe)
    while (busy.length + chosen.length < width && selected < maxIterations && reserved + cheapest <= budget) {
      const traversal = select(selected)
      if (!traversal || reserved + traversal.cost > budget) break
      selected++
      if (traversal.child < 0) {
        settle(traversal)
        continue
      }
      reserved += traversal.cost
      chosen.push(traversal)
      count(traversal, 1)
    }
    return chosen
  }

  const count = ({ path }: Traversal, by: number) => {
    for (const node of path) bump(virtual, node, by)
    bump(pending, path[path.length - 1], by)
  }

  /** EXPANSION and ROLLOUT: those that begin and end at the same depths walk together. */
  const launch = (chosen: readonly Traversal[]): void => {
    const groups = new Map<string, { from: number; members: Traversal[] }>()
    for (const traversal of chosen) {
      const { path, at } = traversal
      // Of a search that was continued, what was kept may be gone.
      const from = keptAbove(path, traversal.from)
      const name = `${at} ${from} ${path.length}`
      const group = groups.get(name) ?? { from, members: [] }
      group.members.push(traversal)
      groups.set(name, group)
    }
    for (const { from, members } of groups.values()) {
      const expansions = members.map(({ path, keys, child }): Expansion<S> => {
        const below = [...keys.slice(from + 1), fold(keys[keys.length - 1], child)]
        return { from, state: from > 0 ? tree.state(path[from]) : undefined, keys: below }
      })
      // A walk that had begun before the search was continued is not counted twice.
      let again = members.reduce((sum, { path, cost }) => sum + growth.cost(path.length - 1, from) - cost, 0)
      const onWork = (nfe: number) => {
        ledger.spend(Math.max(0, nfe - again))
        again = Math.max(0, again - nfe)
        abandoned ||= signal?.aborted ?? false
        return !abandoned
      }
      const ended = growth.expand(expansions, onWork).then(
        (grown) => ({ grown }),
        (failure: unknown) => {
          abandoned = true
          return { failure }
        },
      )
      flights.push({ members, at: members[0].at, ended })
    }
  }

  /** BACKUP of what is done next. @returns false if it was abandoned */
  const land = async (): Promise<boolean> => {
    const at = Math.min(...flights.map((flight) => flight.at))
    const next = flights.filter((flight) => flight.at === at)
    const rows: { traversal: Traversal; grown: Grown<S> }[] = []
    for (const { members, ended } of next) {
      const end = await ended
      if ('failure' in end || !end.grown) return false
      end.grown.forEach((grown, i) => {
        rows.push({ traversal: members[i], grown })
      })
    }
    rows.sort((a, b) => a.traversal.iteration - b.traversal.iteration)
    const ends = rows.map(({ grown }) => grown.fresh[grown.fresh.length - 1])
    const decoded = await decodeAll(chain, ends)
    const name = (i: number) => `iteration ${rows[i].traversal.iteration}`
    const rewards = await checkedReward(reward, name).evaluate(decoded)
    flights = flights.filter((flight) => flight.at !== at)
    clock = at
    rows.forEach(({ traversal, grown }, i) => {
      count(traversal, -1)
      samples?.push(decoded[i])
      spread.add(rewards[i])
      ledger.book({ nfe: traversal.cost, rewardEvaluations: 1 }, rewards[i])
      settle(traversal, grown, rewards[i])
    })
    return true
  }

  const settle = ({ path, from, logGain }: Traversal, grown?: Grown<S>, value?: number): void => {
    const depth = path.length - 1
    let node = path[depth]
    if (grown) {
      const { regained, fresh } = grown
      const first = depth - regained.length
      for (let d = from + 1; d <= depth; d++)
        tree.states.remember(path[d], regained[d - first - 1], (n) => tree.visits(n))
      fresh.forEach((state, i) => {
        node = tree.add(node, state, i === fresh.length - 1)
      })
    }
    tree.backup(node, value ?? tree.value(node))
    if (weighted) gains.add(tree.leafIndex(node), logGain)
    iterations++
    options.onIteration?.(tree, node)
  }

  /** A traversal as it was when the search was saved. */
  const restored = ({ node, ...saved }: SavedSearch['underWay'][number]): Traversal => {
    const path = tree.path(node)
    const keys = [root]
    for (let d = 1; d < path.length; d++) keys.push(fold(keys[d - 1], tree.indexOf(path[d])))
    const traversal = { ...saved, path, keys, cost: growth.cost(path.length - 1, saved.from) }
    count(traversal, 1)
    return traversal
  }

  /** Lets everything come to rest: nothing runs on behind a search that is over. @throws what failed */
  const drain = async (): Promise<void> => {
    abandoned = true
    for (const { ended } of flights) {
      const end = await ended
      if ('failure' in end) throw end.failure
    }
  }

  const save = (): SavedSearch => ({
    settings,
    iterations,
    clock,
    underWay: flights
      .flatMap(({ members }) => members)
      .sort((a, b) => a.iteration - b.iteration)
      .map(({ iteration, path, child, from, logGain, at }) => {
        return { iteration, node: path[path.length - 1], child, from, logGain, at }
      }),
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
    if (resume) launch(resume.underWay.map(restored))
    for (;;) {
      if (signal?.aborted) break
      launch(selectMore())
      if (flights.length === 0) return await result(selected >= maxIterations ? 'iterations' : 'budget')
      if (!(await land())) break
      ledger.report()
      await options.onCheckpoint?.(save)
    }
    await drain()
    return await result('signal')
  } catch (cause) {
    abandoned = true
    await Promise.all(flights.map(({ ended }) => ended))
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

function bump(counts: Map<number, number>, node: number, by: number): void {
  const sum = (counts.get(node) ?? 0) + by
  if (sum === 0) counts.delete(node)
  else counts.set(node, sum)
}
