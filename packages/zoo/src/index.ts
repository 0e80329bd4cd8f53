export { type Augmentation, writeAugmented } from './augment.ts'
export { accuracy, classify, imagesTensor, predictedClasses } from './evaluate.ts'
export { type DigitEvaluation, type DigitFid, evaluateDigits, type SampleDigitsOptions, sampleDigits } from './fid.ts'
export { type LabelledImages, oneHot, readMnist, writeImage } from './mnist.ts'
export { type LoadedZooModel, loadZoo, type ZooModel, zooModels } from './models.ts'
export {
  type DigitNetworkSize,
  digitClassifier,
  digitJudge,
  digitNetwork,
  mnistNetworkSize,
  type Network,
} from './networks.ts'
export type { Recipe, RecipeSettings } from './recipe.ts'
export { Epochs } from './sampling.ts'
export { exportModel, type RecipeResult, type RunRecipeOptions, recipes, runRecipe } from './train.ts'
