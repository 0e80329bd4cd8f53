export { bestOfN } from './best-of-n.ts'
export {
  type ChainKind,
  type MethodOptions,
  type SearchMethod,
  searchCatalogue,
  searchFrom,
} from './catalogue.ts'
export { type DpsOptions, dps } from './dps.ts'
export { dts, dtsStar } from './dts.ts'
export { type Edge, edgesOf, rolloutCost } from './edges.ts'
export { type FkOptions, fkSteering, type Potential } from './fk-steering.ts'
export { type ForestOptions, type ForestResult, forest, type Member } from './forest.ts'
export { type ForestDiagnostics, nodeValues } from './forest-diagnostics.ts'
export { type GreedyIslandsOptions, greedyIslands } from './greedy-islands.ts'
export { importanceResampling } from './importance-resampling.ts'
export type { IslandPlan, IslandRule, Leaf, Place, Population, SavedIsland, Selection } from './island.ts'
export { type IslandOptions, type IslandResult, runIslands, type SavedIslands, type Voyage } from './islands.ts'
export { effectiveSampleSize, softMean, softmax } from './log-weights.ts'
export {
  type RandomSearchOptions,
  randomSearch,
  type SavedNoiseSearch,
  type ZeroOrderOptions,
  type ZeroOrderResult,
  zeroOrderSearch,
} from './noise-search.ts'
export { type SelectStartOptions, type StartSelection, selectStart } from './noise-selection.ts'
export { type PathsOptions, type PathsResult, type PathsSettings, pathsSearch, type SavedPaths } from './paths.ts'
export { type RbfInterval, type RbfOptions, type RbfResult, type RbfSettings, rbf, type SavedRbf } from './rbf.ts'
export { type Regrown, type RegrowOptions, regrow } from './regrow.ts'
export { type ResamplingScheme, resample, resamplingSchemes } from './resampling.ts'
export type { RolloutOptions, SavedRollouts } from './rollouts.ts'
export type { Candidate, Progress, SearchOptions, SearchResult } from './search.ts'
export { SearchError } from './search-error.ts'
export { type Preference, type SmcOptions, smc } from './smc.ts'
export { type SvddOptions, svdd } from './svdd.ts'
export { type DasOptions, das, type TdsOptions, tds } from './tds.ts'
export { type Backup, ROOT, Tree, type TreeArrays, type TreeShape } from './tree.ts'
export { loadTree, readTree, type SavedSearch, type TreeNotes, treeFileParts, writeTree } from './tree-file.ts'
export { drawLeaves, leafLogWeights, logZOf, type ReadableTree } from './tree-gains.ts'
export {
  type ReadOut,
  readOuts,
  type Settings,
  selections,
  type TreeSearchOptions,
  type TreeSearchResult,
  type TreeSelection,
} from './tree-settings.ts'
export { type StateArrays, type StateKeeping, stateKeepings } from './tree-states.ts'
export { posteriorMean, type ValueFunction } from './values.ts'
