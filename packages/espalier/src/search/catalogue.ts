import { z } from 'zod/mini'
import { type Chain, guidedChain, noiseChain, stochasticChain } from '../chain/chain.ts'
import type { Branching } from '../chain/schedule.ts'
import { type CatalogueEntry, catalogueEntry, fromCatalogue } from '../tensor/catalogue.ts'
import { resamplingSchemes } from './resampling.ts'
import type { SearchOptions, SearchResult } from './search.ts'
import type { Tree } from './tree.ts'
import { readOuts, selections } from './tree-settings.ts'
import { stateKeepings } from './tree-states.ts'

/** What kind of chain a method walks. */
export type ChainKind = 'any' | 'stochastic' | 'guided' | 'deterministic'

/** A search with its settings, ready to be run. */
export interface SearchMethod {
  readonly chain: ChainKind
  /** Where a chain is best branched for it. */
  readonly blocks: Branching
  /** Whether it is after the best sample, or after samples of the tilted law. */
  readonly goal: 'best' | 'samples'
  /** Whether its result is a tree that is read out without the model: a {@link TreeSearchResult}. */
  readonly tree: boolean
  run<S, X>(options: MethodOptions<S, X>): Promise<SearchResult<X>>
}

/** What every method is given. A `resume` is what `save` of the same method gave. */
export interface MethodOptions<S, X> extends SearchOptions<S, X> {
  readonly resume?: unknown
  readonly onCheckpoint?: (save: () => unknown) => void | Promise<void>
  /** Of methods with a tree: called after each iteration, with the leaf that it ended in. */
  readonly onIteration?: (tree: Tree<S>, leaf: number) => void
}

const count = z.int().check(z.gte(1))
const share = z.number().check(z.gte(0), z.lte(1))
const positive = z.number().check(z.positive())
const level = z.number().check(z.gte(0))

const population = { particles: count, trigger: share, resampling: z.enum(resamplingSchemes as [string]) }
const tree = {
  c: positive,
  alpha: share,
  selection: z.enum(selections),
  epsilon: share,
  cUct: level,
  uctScale: z.enum(['std', 'none']),
  backup: z.enum(['soft', 'max']),
  readOut: z.enum(readOuts),
  states: z.enum(stateKeepings),
  rollout: z.enum(['full', 'finish']),
}

type Run = <X>(options: never) => Promise<SearchResult<X>>

/** An entry whose method takes its own options beside those of every search; its code is loaded when it is run. */
function entry<Shape extends z.core.$ZodShape>(
  name: string,
  about: string,
  kind: Pick<SearchMethod, 'chain' | 'blocks' | 'goal'> & { readonly tree?: boolean },
  shape: Shape,
  load: () => Promise<Run>,
): CatalogueEntry<SearchMethod> {
  return catalogueEntry(name, about, shape, (own) => ({
    tree: false,
    ...kind,
    run(options) {
      const chain = kinds[kind.chain](options.chain)
      return load().then((search) => search({ ...options, ...own, chain } as never))
    },
  }))
}

const kinds: Record<ChainKind, <S, X>(chain: Chain<S, X>) => Chain<S, X>> = {
  any: (chain) => chain,
  stochastic: (chain) => stochasticChain(chain),
  guided: (chain) => guidedChain(chain),
  deterministic: (chain) => noiseChain(chain),
}

const samples = (chain: ChainKind) => ({ chain, blocks: 'fine', goal: 'samples' }) as const
const best = (chain: ChainKind, blocks: Branching) => ({ chain, blocks, goal: 'best' }) as const

/** Every search, by the name that the field uses, for {@link searchFrom}. */
export const searchCatalogue: readonly CatalogueEntry<SearchMethod>[] = [
  entry(
    'greedy',
    'greedy islands (ours): small populations, and new ones along the best path',
    best('stochastic', 'every'),
    { particles: count, ess: share, local: share, hedge: z.boolean() },
    async () => (await import('./methods.ts')).greedyIslands as Run,
  ),
  entry(
    'forest',
    'tempered forest (ours): samples of the tilted law, and an unbiased Z',
    samples('stochastic'),
    { particles: count, grow: level, trigger: share, guard: z.boolean() },
    async () => (await import('./methods.ts')).forest as Run,
  ),
  entry(
    'dts-star',
    'Diffusion Tree Search (Jain 2025): a tree grown where rewards are high',
    { ...best('stochastic', 'even'), tree: true },
    tree,
    async () => (await import('./dts.ts')).dtsStar as Run,
  ),
  entry(
    'dts',
    'Diffusion Tree Sampling (Jain 2025): the same tree, for samples of the tilted law',
    { ...samples('stochastic'), blocks: 'even', tree: true },
    tree,
    async () => (await import('./dts.ts')).dts as Run,
  ),
  entry(
    'best-of-n',
    'independent samples, and the best of them',
    best('any', 'one'),
    {},
    async () => (await import('./methods.ts')).bestOfN as Run,
  ),
  entry(
    'importance',
    'independent samples, drawn again by exp(lambda r)',
    { ...samples('any'), blocks: 'one' },
    {},
    async () => (await import('./methods.ts')).importanceResampling as Run,
  ),
  entry(
    'smc',
    'particles, resampled by expected rewards',
    samples('stochastic'),
    population,
    async () => (await import('./methods.ts')).smc as Run,
  ),
  entry(
    'fk',
    'FK steering (Singhal 2025): SMC with other potentials',
    samples('stochastic'),
    { ...population, potential: z.enum(['difference', 'max', 'sum', 'reward']) },
    async () => (await import('./methods.ts')).fkSteering as Run,
  ),
  entry(
    'tds',
    'twisted SMC (Wu 2023): steps along the gradient',
    samples('guided'),
    population,
    async () => (await import('./methods.ts')).tds as Run,
  ),
  entry(
    'das',
    'tempered TDS (Kim 2025)',
    samples('guided'),
    { ...population, growth: positive },
    async () => (await import('./methods.ts')).das as Run,
  ),
  entry(
    'dps',
    'each sample along the gradient alone (Chung 2023)',
    best('guided', 'one'),
    { particles: count, scale: level },
    async () => (await import('./methods.ts')).dps as Run,
  ),
  entry(
    'svdd',
    'the best of M candidates at every step (Li 2024)',
    best('stochastic', 'every'),
    {
      ...{ candidates: count, samples: count, selection: z.enum(['argmax', 'softmax']) },
      ...{ selectStart: z.boolean(), replace: share, weighted: z.boolean() },
    },
    async () => (await import('./methods.ts')).svdd as Run,
  ),
  entry(
    'rbf',
    'rollover budget forcing (Kim 2025): on as soon as something is better',
    best('stochastic', 'every'),
    { chains: count, starts: count, choice: z.enum(['first', 'best']) },
    async () => (await import('./methods.ts')).rbf as Run,
  ),
  entry(
    'random',
    'best-of-N of a deterministic sampler',
    best('deterministic', 'one'),
    { count },
    async () => (await import('./methods.ts')).randomSearch as Run,
  ),
  entry(
    'zero-order',
    'the best neighbours of a start noise, again and again (Ma 2025)',
    best('deterministic', 'one'),
    { neighbours: count, cosine: z.number().check(z.gte(-1), z.lte(1)), keepPivot: z.boolean(), rounds: count },
    async () => (await import('./methods.ts')).zeroOrderSearch as Run,
  ),
  entry(
    'paths',
    'paths noised back and denoised again (Ma 2025)',
    best('deterministic', 'every'),
    { paths: count, branches: count, level: count, back: count, forward: count },
    async () => (await import('./methods.ts')).pathsSearch as Run,
  ),
]

/**
 * The search that a text asks for: `name`, or `name(option=value, ...)`, such as `svdd(candidates=20)`.
 * @throws one line: what was not understood, and what there is
 */
export function searchFrom(text: string): SearchMethod {
  return fromCatalogue(searchCatalogue, 'search', text)
}
