export * from './process/index.ts'
export * from './solve/index.ts'
export * from './tensor/index.ts'
