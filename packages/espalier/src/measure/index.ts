export { quantile } from '../tensor/quantile.ts'
export {
  type Comparison,
  compareSolvers,
  comparisonNfe,
  distanceName,
  drawSamples,
  fineSolutionName,
  type Method,
  type OnRows,
  planWithin,
  type Subject,
} from './comparison.ts'
export { fitGaussian, frechetDistance, type GaussianFit } from './frechet.ts'
export {
  distanceMetric,
  frechetMetric,
  type Metric,
  magnitudeMetric,
  shareOutsideMetric,
  slicedW2Metric,
} from './metrics.ts'
export { type Neighbours, nearestNeighbours, type Rarity, RealSet } from './neighbours.ts'
export { featureDistance, type MagnitudeScoreOptions, magnitudeScore, psnr, rmsDistance, ssim } from './pairs.ts'
export { paretoFront, type ValueAtCost } from './pareto.ts'
export { type Cell, type ComparisonRow, Results, type Where } from './results.ts'
export { energyDistance, type SlicedWassersteinOptions, slicedWasserstein2 } from './samples.ts'
export {
  bestRewardMetric,
  compareSearches,
  drawnMeanMetric,
  drawnSamples,
  heldOutMetric,
  meanRewardMetric,
  type SearchComparison,
  type SearchMetric,
  type SearchTask,
  topSamples,
} from './search-comparison.ts'
export {
  bootstrap95,
  type Interval,
  jackknife,
  mean,
  mean95,
  pairedDifference95,
  share95,
  studentCdf,
  studentQuantile,
  variance,
} from './statistics.ts'
export { exactSamples, guidedWorld, worldSubject, worldW2 } from './subjects.ts'
export { distinctMetric, tokenEntropyMetric } from './text.ts'
