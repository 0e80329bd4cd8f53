import { checkedReward } from '../reward/checked.ts'
import { fold, type Key, purpose, type Stream, key as seedKey, stream } from '../tensor/random.ts'
import { costFrom, type Edge, edgesOf, rootKey, walk } from './edges.ts'
import { type Account, Ledger } from './ledger.ts'
import { logTilt } from './log-weights.ts'
import { argmax } from './rollouts.ts'
import { checkOptions, type SearchOptions, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'
import { type Backup, ROOT, Tree, type TreeArrays } from './tree.ts'

export interface TreeSearchOptions<S, X> extends SearchOptions<S, X> {
  /**
   * Progressive widening: a node with N visits takes a new child while it has fewer than `c N^alpha`. Defaults 2 and 0.8
   * (the paper's for images; 0.7 for text). With these a node lets selection pass only after 36 visits, so small budgets
   * want a smaller alpha.
   */
  readonly c?: number
  readonly alpha?: number
  /**
   * How an iteration descends: `boltzmann` draws a child from softmax(lambda v); `boltzmann-mixed` draws a uniform child
   * with probability `epsilon` (ours, not the paper's: it evens out the visits and so most of the bias of adaptive
   * trees); `uct` takes the largest `v + cUct sd sqrt(ln N / N_child)`.
   */
  readonly selection?: 'boltzmann' | 'boltzmann-mixed' | 'uct'
  /** Share of uniform choices of `boltzmann-mixed`, in [0, 1]. Default 0.5. */
  readonly epsilon?: number
  /** Exploration of `uct` (the paper gives no value). Default 1. */
  readonly cUct?: number
  /** Unit of `cUct`: the running standard deviation of the leaf rewards (default), or 1. */
  readonly uctScale?: 'std' | 'none'
  /** Default `soft`. `max` is lambda -> infinity in the backup alone. */
  readonly backup?: Backup
  /** Iterations at most, those that fall on a known leaf and cost nothing included. Default: ten times the affordable. */
  readonly maxIterations?: number
  /**
   * Continues a saved run: the result is that of a run that was never interrupted (and, at width 1, a larger budget
   * continues a finished run as if it had been given at once).
   */
  readonly resume?: SavedSearch
  /** Called after every wave of `width` iterations; `save` takes a snapshot, which costs a copy of all states. */
  readonly onCheckpoint?: (save: () => SavedSearch) => void | Promise<void>
}

/** A tree search that can be continued: plain numbers and arrays. */
export interface SavedSearch {
  readonly settings: Settings
  readonly iterations: number
  readonly account: Account
  readonly tree: TreeArrays
}

/** What must not change between a run and its continuation. Budget and width may. */
export interface Settings {
  readonly method: string
  readonly seed: number
  readonly lambda: number
  readonly c: number
  readonly alpha: number
  readonly selection: string
  readonly epsilon: number
  readonly cUct: number
  readonly uctScale: string
  readonly backup: Backup
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
  readonly selection: NonNullable<TreeSearchOptions<unknown, unknown>['selection']>
  readonly readOut: 'draw' | 'argmax'
}

/** One iteration on its way: the selected path, and the child that will be added below it (none if it ends in a leaf). */
interface Traversal {
  readonly path: readonly number[]
  /** Key of the new child; null where selection fell through to a known leaf. */
  readonly childKey: Key | null
  readonly cost: number
}

/**
 * Builds the tree of Diffusion Tree Sampling (arXiv 2506.20701, Algorithm 1): SELECTION, EXPANSION, ROLLOUT, BACKUP, repeated.
 *
 * Iterations run in waves of `width`. Within a wave a selected path counts one virtual visit and its coming child counts
 * as a child, in the widening test only; values and choices see finished children alone. All rollouts of a wave are
 * asked for at once (those that start at the same depth in one call), and backed up in the order of selection, so that
 * the result depends on the seed and the width, never on timing. At width 1 this is the sequential algorithm.
 */
export async function treeSearch<S, X>(
  variant: Variant,
  options: TreeSearchOptions<S, X>,
): Promise<TreeSearchResult<S, X>> {
  const { chain, reward, budget, seed, signal } = options
  const edges = edgesOf(chain)
  const { lambda, width } = checkOptions(options, costFrom(edges, 0), 1)
  const settings = resolveSettings(variant, options, edges, lambda)
  const { method } = settings
  const cheapest = costFrom(edges, edges.length - 1)
  const maxIterations = options.maxIterations ?? 10 * Math.ceil(budget / cheapest)
  if (!(maxIterations >= 1 && (maxIterations < Infinity || cheapest > 0))) {
    throw new Error(
      `maxIterations is ${maxIterations}, expected a number from 1 on (the last edge costs ${cheapest} NFE)`,
    )
  }

  const { resume } = options
  if (resume) checkResume(settings, resume.settings)
  const leafDepth = edges.length
  const tree = resume
    ? Tree.load(resume.tree, leafDepth, lambda, settings.backup, (data) => chain.load(data))
    : new Tree<S>(leafDepth, lambda, settings.backup)
  const ledger = new Ledger(options, resume?.account)
  const samples: X[] = resume ? await chain.decode(tree.leaves.map((leaf) => tree.states[leaf] as S)) : []
  const spread = new RunningStd()
  for (const leaf of tree.leaves) spread.add(tree.value(leaf))
  const root = rootKey(seed)
  const selectKey = purpose(seedKey(seed), 'select')
  let iterations = resume?.iterations ?? 0

  /** SELECTION: descend while the node is saturated. Null where every child on the way is still under way. */
  const select = (iteration: number, pending: Map<number, number>, virtual: Map<number, number>): Traversal | null => {
    const draws = stream(fold(selectKey, iteration))
    const path = [ROOT]
    let node = ROOT
    let nodeKey = root
    while (!tree.isLeaf(node)) {
      const born = tree.childCount(node) + (pending.get(node) ?? 0)
      const visits = tree.visits(node) + (virtual.get(node) ?? 0)
      if (born < settings.c * visits ** settings.alpha) {
        return { path, childKey: fold(nodeKey, born), cost: costFrom(edges, path.length - 1) }
      }
      if (tree.childCount(node) === 0) return null
      node = choose(node, draws)
      nodeKey = fold(nodeKey, tree.indexOf(node))
      path.push(node)
    }
    return { path, childKey: null, cost: 0 }
  }

  const choose = (node: number, draws: Stream): number => {
    if (settings.selection === 'uct') {
      const scale = settings.cUct * (settings.uctScale === 'std' ? spread.value() : 1)
      const logVisits = Math.log(tree.visits(node))
      return tree.argmaxChild(node, (child) => scale * Math.sqrt(logVisits / tree.visits(child)))
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

  /** EXPANSION and ROLLOUT of a wave: the new states of each traversal, from the new child to the leaf, or null. */
  const expand = async (wave: readonly Traversal[]): Promise<S[][] | null> => {
    const groups = new Map<number, number[]>()
    wave.forEach(({ path, childKey }, i) => {
      const depth = path.length - 1
      if (childKey) groups.set(depth, [...(groups.get(depth) ?? []), i])
    })
    const grown: S[][] = wave.map(() => [])
    let abandoned = false
    const walks = [...groups].map(async ([first, members]) => {
      const states = members.map((i) => tree.states[wave[i].path[first]] as S)
      const keys = members.map((i) => wave[i].childKey as Key)
      const ends = await walk(chain, edges, { first, states, keys }, (nfe) => {
        ledger.spend(nfe)
        abandoned ||= signal?.aborted ?? false
        return !abandoned
      }).catch((cause) => {
        abandoned = true
        throw cause
      })
      ends?.forEach((row) => {
        row.forEach((state, j) => {
          grown[members[j]].push(state)
        })
      })
      return ends !== null
    })
    // All walks have come to rest before anything is reported: nothing runs on behind a failed search.
    const outcomes = await Promise.allSettled(walks)
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure) throw failure.reason
    return outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value) ? grown : null
  }

  /** BACKUP of a wave, in the order of selection. */
  const absorb = async (wave: readonly Traversal[], grown: readonly S[][]): Promise<void> => {
    const fresh = wave.flatMap((traversal, i) => (traversal.childKey ? [i] : []))
    const decoded = fresh.length > 0 ? await chain.decode(fresh.map((i) => grown[i][grown[i].length - 1])) : []
    const name = (j: number) => `iteration ${iterations + fresh[j]}`
    const rewards = fresh.length > 0 ? await checkedReward(reward, name).evaluate(decoded) : []
    let next = 0
    wave.forEach(({ path, childKey, cost }, i) => {
      let node = path[path.length - 1]
      for (const state of grown[i]) node = tree.add(node, state)
      const value = childKey ? rewards[next] : tree.value(node)
      tree.backup(node, value)
      if (!childKey) return
      spread.add(value)
      samples.push(decoded[next++])
      ledger.book({ nfe: cost, rewardEvaluations: 1 }, value)
    })
    iterations += wave.length
  }

  const save = (): SavedSearch => ({
    settings,
    iterations,
    account: ledger.account(),
    tree: tree.save((state) => chain.save(state)),
  })

  const result = (stopped: SearchResult<X>['stopped']): TreeSearchResult<S, X> => {
    const position = new Map(tree.leaves.map((leaf, i) => [leaf, i]))
    const any = tree.leaves.length > 0
    const weights = any ? tree.leafProbabilities() : new Float64Array(0)
    const rewards = tree.leaves.map((leaf) => tree.value(leaf))
    const draw = (count: number, drawSeed = seed): number[] => {
      if (!any) throw new Error('the tree has no leaf yet, so nothing can be drawn from it')
      const draws = stream(purpose(seedKey(drawSeed), 'read-out'))
      return Array.from({ length: count }, () => position.get(tree.drawLeaf(draws)) as number)
    }
    return {
      method,
      candidates: samples.map((sample, i) => ({ sample, reward: rewards[i], weight: weights[i] })),
      selected: !any ? -1 : variant.readOut === 'draw' ? draw(1)[0] : (position.get(tree.argmaxLeaf()) as number),
      best: argmax(rewards),
      logZ: any && settings.backup === 'soft' ? logTilt(lambda, tree.value(ROOT)) : undefined,
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
      if (signal?.aborted) return result('signal')
      const wave = selectWave()
      if (wave.length === 0) return result(iterations >= maxIterations ? 'iterations' : 'budget')
      const grown = await expand(wave)
      if (!grown) return result('signal')
      await absorb(wave, grown)
      ledger.report()
      await options.onCheckpoint?.(save)
    }
  } catch (cause) {
    throw new SearchError<X, TreeSearchResult<S, X>>(method, cause, result('error'))
  }
}

function resolveSettings<S, X>(
  variant: Variant,
  options: TreeSearchOptions<S, X>,
  edges: readonly Edge[],
  lambda: number,
): Settings {
  const { c = 2, alpha = 0.8, epsilon = 0.5, cUct = 1 } = options
  if (!(c > 0 && c < Infinity)) throw new Error(`widening c is ${c}, expected a positive number`)
  if (!(alpha >= 0 && alpha <= 1)) throw new Error(`widening alpha is ${alpha}, expected a number in [0, 1]`)
  if (!(epsilon >= 0 && epsilon <= 1)) throw new Error(`epsilon is ${epsilon}, expected a probability`)
  if (!(cUct >= 0 && cUct < Infinity)) throw new Error(`cUct is ${cUct}, expected a number from 0 on`)
  return {
    method: variant.method,
    seed: options.seed,
    lambda,
    c,
    alpha,
    selection: oneOf('selection', options.selection ?? variant.selection, ['boltzmann', 'boltzmann-mixed', 'uct']),
    epsilon,
    cUct,
    uctScale: oneOf('uctScale', options.uctScale ?? 'std', ['std', 'none']),
    backup: oneOf('backup', options.backup ?? 'soft', ['soft', 'max']),
    edges: edges.map((edge) => edge.cost),
  }
}

function oneOf<const T extends string>(name: string, value: T, known: readonly T[]): T {
  if (!known.includes(value)) throw new Error(`${name} is '${value}', expected one of ${known.join(', ')}`)
  return value
}

function checkResume(now: Settings, saved: Settings): void {
  for (const name of Object.keys(now) as (keyof Settings)[]) {
    const a = JSON.stringify(now[name])
    const b = JSON.stringify(saved[name])
    if (a !== b)
      throw new Error(`the saved tree was built with ${name} = ${b}, this run has ${name} = ${a}: they must agree`)
  }
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
