export * from './process/index.ts'
export * from './tensor/index.ts'
