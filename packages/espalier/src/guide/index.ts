export { type ClassifierFreeOptions, classifierFree } from './classifier-free.ts'
export { conditioned } from './conditioned.ts'
