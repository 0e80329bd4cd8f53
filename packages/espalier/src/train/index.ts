export { AdamW, type AdamWOptions, type Layout, layoutOf, warmupCosine } from './adamw.ts'
export { bakeParameters, crossEntropy, type Loss, meanSquare, tokenCrossEntropy, trainingGraph } from './graph.ts'
export { type ConvOptions, depthToSpace, Layers, spaceToDepth } from './layers.ts'
export { type NceInputs, nceBatch, nceLoss } from './nce.ts'
export {
  type Batch,
  type CheckpointStore,
  type Task,
  type TrainingBatch,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  train,
} from './trainer.ts'
export { type ValueNetwork, type ValueNetworkOptions, valueNetwork } from './value-network.ts'
export { type FittedValues, type FitValuesOptions, fitValues } from './values.ts'
