export { type LabelledImages, oneHot, readMnist, writeImage } from './mnist.ts'
export { type LoadedZooModel, loadZoo, type ZooModel, zooModels } from './models.ts'
export type { Recipe, RecipeSettings } from './recipe.ts'
export { exportModel, type RecipeResult, type RunRecipeOptions, recipes, runRecipe } from './train.ts'
