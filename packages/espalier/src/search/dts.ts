import { treeSearch } from './tree-search.ts'
import type { TreeSearchOptions, TreeSearchResult } from './tree-settings.ts'

/**
 * Diffusion Tree Sampling (Jain, Sareen, Pedramfar, Ravanbakhsh 2025, arXiv 2506.20701): one persistent tree of
 * denoising trajectories, whose values converge to `V(x_t) = (1/lambda) log E[exp(lambda r(x_0)) | x_t]`, and whose
 * read-out (child ~ softmax(lambda v), down to a leaf) converges to the tilted law `p(x) exp(lambda r(x)) / Z`.
 *
 * Each candidate's weight is its exact read-out probability, `selected` is one draw; `draw` gives more.
 *
 * At a finite budget the values are biased down and the samples over-dispersed, because children that were lucky first
 * are revisited and the unlucky are not; `selection: 'boltzmann-mixed'` removes most of that, `readOut: 'weighted'`
 * all.
 */
export function dts<S, X>(options: TreeSearchOptions<S, X>): Promise<TreeSearchResult<S, X>> {
  return treeSearch({ method: 'dts', selection: 'boltzmann', readOut: 'values' }, options)
}

/**
 * Diffusion Tree Search, DTS* in the paper: the same tree for finding one good sample. It descends by upper confidence
 * bounds, and selects the leaf at the end of the largest values (the heaviest subtree first: the marginal-MAP leaf,
 * which need not be the leaf of the largest reward; that one is `best`).
 */
export function dtsStar<S, X>(options: TreeSearchOptions<S, X>): Promise<TreeSearchResult<S, X>> {
  return treeSearch({ method: 'dts-star', selection: 'uct', readOut: 'argmax' }, options)
}
