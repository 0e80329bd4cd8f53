export { run } from './experiment.ts'
export { figures, report } from './figure.ts'
