export { type BatchedRewardOptions, batchedReward } from './batched.ts'
export { imageRewards } from './catalogue.ts'
export { checkedReward } from './checked.ts'
export {
  type Bounds,
  clip,
  constraint,
  minimum,
  negated,
  scaled,
  shifted,
  type Term,
  threshold,
  weightedSum,
} from './combinators.ts'
export { type Composition, composedReward } from './composed.ts'
export { type CosineSimilarityOptions, cosineSimilarity, featureSimilarity } from './cosine-similarity.ts'
export { decodedReward } from './decoded.ts'
export { distanceTo, type Formula, formulaReward } from './formula.ts'
export { type FunctionRewardOptions, functionReward, type RewardFunction } from './function.ts'
export {
  classReward,
  differentiableClassReward,
  differentiableGraphReward,
  type GraphRewardOptions,
  graphReward,
  type LoadedReward,
} from './graph.ts'
export { type HttpRewardOptions, httpReward, httpTextReward } from './http.ts'
export { brightness, type ImageOptions, type InkOptions, ink, type Region, smoothness, symmetry } from './images.ts'
export { compressibility, incompressibility, type JpegOptions, jpegBytes } from './jpeg.ts'
export { rankEnsemble } from './rank-ensemble.ts'
export { type DifferentiableReward, isDifferentiable, type Reward } from './reward.ts'
export { type NameSample, RewardError } from './reward-error.ts'
