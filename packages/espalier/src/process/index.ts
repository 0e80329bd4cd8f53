export type { Condition, Denoiser, Target } from './denoiser.ts'
export {
  GaussianMixture,
  type GaussianMixtureSpecification,
  parseGaussianMixture,
} from './gaussian-mixture.ts'
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
export { type Derivative, integrate } from './ode.ts'
export { type Coefficients, type Conversion, coefficientsAt, conversion, convert } from './prediction.ts'
export type { Prediction, Process } from './process.ts'
export { quadraticReward, rewardOf, type SolvableReward, type Tilted, tilt } from './tilted.ts'
export {
  linearBetas,
  type ProcessSpecification,
  parseProcess,
  type TableProcess,
  vpCosine,
  vpLinear,
  vpTable,
} from './variance-preserving.ts'
