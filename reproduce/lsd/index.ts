export { report } from '../support/report.ts'
export { run } from './experiment.ts'
export { figures } from './figure.ts'
