export { type ClassifierFreeOptions, classifierFree } from './classifier-free.ts'
export { conditioned, conditionRows, drawConditions, rowsOf } from './conditioned.ts'
