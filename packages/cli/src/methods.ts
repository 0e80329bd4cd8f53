/** `--method`: the search algorithms by name. */

import { type Chain, stochasticChain } from 'espalier/chain'
import {
  bestOfN,
  dts,
  dtsStar,
  importanceResampling,
  type SearchResult,
  type TreeSearchOptions,
  type TreeSearchResult,
} from 'espalier/search'
import type { Tensor } from 'espalier/tensor'

/** Chains come from files and options, where the compiler cannot know their kind. */
type Options = Omit<TreeSearchOptions<Float32Array, Tensor>, 'chain'> & {
  readonly chain: Chain<Float32Array, Tensor>
}

export interface SearchMethod {
  /** As papers write it. */
  readonly label: string
  readonly about: string
  /** Whether it builds a tree, which is checkpointed and can be continued. */
  readonly tree: boolean
  run(options: Options): Promise<SearchResult<Tensor>>
}

export const methods = {
  'dts-star': {
    label: 'DTS*',
    about: 'Diffusion Tree Search: one tree of denoising paths, grown where rewards are high',
    tree: true,
    run: (options: Options): Promise<TreeSearchResult<Float32Array, Tensor>> =>
      dtsStar({ ...options, chain: stochasticChain(options.chain) }),
  },
  dts: {
    label: 'DTS',
    about: 'Diffusion Tree Sampling: the same tree, for samples of p(x) exp(lambda r(x)) / Z',
    tree: true,
    run: (options: Options): Promise<TreeSearchResult<Float32Array, Tensor>> =>
      dts({ ...options, chain: stochasticChain(options.chain) }),
  },
  'best-of-n': {
    label: 'best-of-N',
    about: 'independent samples, and the best of them',
    tree: false,
    run: ({ resume: _r, onCheckpoint: _c, ...options }: Options) => bestOfN(options),
  },
  importance: {
    label: 'importance resampling',
    about: 'independent samples, drawn again by exp(lambda r)',
    tree: false,
    run: ({ resume: _r, onCheckpoint: _c, ...options }: Options) => importanceResampling(options),
  },
} as const satisfies Record<string, SearchMethod>

export type MethodName = keyof typeof methods
export const methodNames = Object.keys(methods) as MethodName[]
