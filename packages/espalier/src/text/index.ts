export { type AutoregressiveModel, autoregressiveTable } from './autoregressive.ts'
export { type BatchedTokensOptions, batchedTokens } from './batched.ts'
export { byteSigns } from './byte-tokenizer.ts'
export {
  type AutoregressiveCard,
  type EnergyCard,
  type MaskedCard,
  parseTokenCard,
  processOf,
  type TokenCard,
  type TokenClassifierCard,
} from './card.ts'
export {
  defaultTokenSampler,
  type EnergyForm,
  energyForms,
  type NamedTokenSampler,
  type TokenSamplerParts,
  tokenSamplerCatalogue,
  tokenSamplerFrom,
} from './catalogue.ts'
export { cleanFromScore, concreteScore } from './concrete-score.ts'
export { type ConfidenceOptions, confidenceOrdered } from './confidence.ts'
export { createTokenizer } from './create-tokenizer.ts'
export {
  checkPrompt,
  countedTokens,
  freePrompt,
  stackTokens,
  type TokenBatch,
  type TokenDenoiser,
} from './denoiser.ts'
export { type DistilledProfile, type DistilOptions, distilSampler } from './distil.ts'
export type { PairOptions, ScoreMetric } from './distil-pairs.ts'
export { type DistilTimesOptions, distilTimes, type LearnedTimes } from './distil-times.ts'
export { distinctShare } from './distinct.ts'
export {
  autoregressiveEnergy,
  carryOverEnergy,
  countedEnergy,
  type DraftOptions,
  factorisedEnergy,
  type SequenceEnergy,
  tiltedEnergy,
} from './energy.ts'
export { type EnergyBoundOptions, energyBound, paperObjective } from './energy-bound.ts'
export { type LoadedEnergy, loadEnergy, networkEnergy } from './energy-network.ts'
export { type EnergySamplerOptions, energySampler } from './energy-sampler.ts'
export { type EnumeratedBounds, enumeratedBounds } from './enumerated-bound.ts'
export { type FirstHittingOptions, firstHitting } from './first-hitting.ts'
export { float32Gumbels, type GumbelNoise, gumbelDraw, largestGumbel, truncatedGumbelLaw } from './gumbel.ts'
export { type JumpedTimes, type JumpOptions, jumpYourSteps } from './jump-your-steps.ts'
export {
  ancestral,
  type KernelFamily,
  type KernelStage,
  type RemaskingOptions,
  remasking,
  removal,
  type TokenKernel,
  tauLeaping,
  thetaRk2,
  thetaTrapezoidal,
  tokenEuler,
} from './kernel.ts'
export { type KernelSamplerOptions, kernelSampler } from './kernel-sampler.ts'
export { type LogPartition, logPartition } from './log-partition.ts'
export type { BoundOptions } from './mask-average.ts'
export {
  fillValue,
  loadTokenState,
  type MaskedChainOptions,
  maskedChain,
  type TokenChain,
  type TokenSample,
} from './masked-chain.ts'
export {
  type LoadedTokenDenoiser,
  loadTokenDenoiser,
  networkAutoregressive,
  networkTokenDenoiser,
} from './network.ts'
export { openTokenizer } from './open-tokenizer.ts'
export { maskedProcess, maskOf, noiseTokens, type TokenProcess, transition, uniformProcess } from './process.ts'
export { type ParsedProfile, parseSamplerProfile, profiledSampler, type SamplerProfile } from './profile.ts'
export { type ProfileKernel, type ProfileVariant, type ScaledKernelOptions, scaledKernel } from './profile-kernel.ts'
export { parsePrompt } from './prompt.ts'
export { judged, likelihoodBound, unigramEntropy } from './quality.ts'
export {
  type ClassTransform,
  type LoadedTokenReward,
  loadTokenClassReward,
  tokenClassReward,
} from './rewards/class.ts'
export { type Recognition, recogniser } from './rewards/earley.ts'
export { type Grammar, readGrammar, type Sign } from './rewards/grammar.ts'
export { type GrammarRewardOptions, grammarReward } from './rewards/grammar-reward.ts'
export { type CustomUnit, type LengthUnit, lengthReward, lengthUnits } from './rewards/length.ts'
export { nearPattern } from './rewards/near-pattern.ts'
export { type Matcher, type PatternMeasure, patternReward } from './rewards/pattern.ts'
export { type PronouncingDictionary, type RhymeOptions, rhymeOf, rhymeReward } from './rewards/rhyme.ts'
export { type SentimentOptions, sentimentReward } from './rewards/sentiment.ts'
export { stringReward, textReward } from './rewards/string-reward.ts'
export { alliteration, distinctness, validWordShare, validWords } from './rewards/word-rewards.ts'
export { linesOf, wordsOf } from './rewards/words.ts'
export {
  promptOf,
  type SampledTokens,
  type SampleTokensOptions,
  sampleTokens,
  type TokenProgress,
} from './sample-tokens.ts'
export {
  evenTimes,
  type TokenSampler,
  type TokenSolver,
  type TokenState,
  type TokenTask,
} from './sampler.ts'
export {
  cosine,
  geometric,
  logLinear,
  parseTokenSchedule,
  polynomial,
  type TokenSchedule,
  type TokenScheduleSpecification,
} from './schedule.ts'
export { type ShapeOptions, shaped } from './shaped.ts'
export { TokenLaw } from './token-law.ts'
export { sameTokens, spellTokens, type TextTokenizer } from './tokenizer.ts'
