export type { Condition, Denoiser, Target } from './denoiser.ts'
export {
  type Grid,
  type GridName,
  type GridOptions,
  grids,
  karrasGrid,
  logSnrGrid,
  powerGrid,
  quadraticGrid,
  uniformGrid,
} from './grid.ts'
export { type Coefficients, type Conversion, coefficientsAt, conversion, convert } from './prediction.ts'
export type { Prediction, Process } from './process.ts'
export {
  linearBetas,
  type ProcessSpecification,
  parseProcess,
  type TableProcess,
  vpCosine,
  vpLinear,
  vpTable,
} from './variance-preserving.ts'
