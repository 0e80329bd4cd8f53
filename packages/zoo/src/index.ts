export { type Augmentation, writeAugmented } from './augment.ts'
export { type DataSet, fashionData, heldOut, mnistData, readFashion, readMnist, type Split } from './data.ts'
export {
  type AxisMap,
  areaDownMap,
  bicubicUpMap,
  blur,
  type Degradation,
  type DegradationSpecification,
  degradation,
  downUp,
  gaussianMap,
  mask,
  oneOf,
  resample,
} from './degrade.ts'
export { Epochs } from './epochs.ts'
export { accuracy, classify, predictedClasses } from './evaluate.ts'
export {
  cnnFidTo,
  type EvaluateImagesOptions,
  evaluateImages,
  type ImageEvaluation,
  type ImageFid,
} from './fid.ts'
export { NotInstalledError } from './idx.ts'
export { imagesTensor, type LabelledImages, oneHot, writeImage } from './images.ts'
export {
  type MinorityScores,
  minorityClassNames,
  minorityScoreOptions,
  minorityScores,
  minorityScoring,
  scoreDigits,
} from './minority.ts'
export {
  type LoadedZooModel,
  type LoadedZooText,
  loadZoo,
  loadZooText,
  type ZooModel,
  type ZooTextModel,
  zooModels,
  zooTextModels,
} from './models.ts'
export {
  type DigitNetworkSize,
  digitClassifier,
  digitJudge,
  digitNetwork,
  minorityClassifier,
  mnistFlowNetworkSize,
  mnistNetworkSize,
  mnistSmallNetworkSize,
  type Network,
  regressionNetwork,
  restorationNetwork,
  restorationNetworkSize,
} from './networks.ts'
export type { Recipe, RecipeSettings } from './recipe.ts'
export { minorityTask } from './recipes/minority.ts'
export {
  type EvaluateRestorationOptions,
  evaluateRestoration,
  type Fidelity,
  fidelityTo,
  type RestorationEvaluation,
} from './restored.ts'
export { type RestoreImagesOptions, restoreImages, type SampleImagesOptions, sampleImages } from './sample.ts'
export {
  type Corpus,
  kjvCorpus,
  type Passage,
  readWords,
  type TokenCorpus,
  tokenCorpus,
  wordsCorpus,
} from './text/corpus.ts'
export { exportModel, type RecipeResult, type RunRecipeOptions, recipes, runRecipe } from './train.ts'
