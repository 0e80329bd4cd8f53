export {
  asDifferentiable,
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  isDifferentiableDenoiser,
  rowCostAt,
  type Target,
} from './denoiser.ts'
export { edm, ve } from './exploding.ts'
export { flow, shiftOfTokens } from './flow.ts'
export {
  GaussianMixture,
  type GaussianMixtureSpecification,
  parseGaussianMixture,
} from './gaussian-mixture.ts'
export { type Grid, type GridOptions, timeOfRho } from './grid.ts'
export { gridCatalogue, gridFrom } from './grid-catalogue.ts'
export {
  betaGrid,
  circularGrid,
  karrasGrid,
  linearQuadraticGrid,
  logSnrGrid,
  polyexponentialGrid,
  powerGrid,
  quadraticGrid,
  rhoPowerGrid,
  shiftedGrid,
  uniformGrid,
} from './grids.ts'
export {
  alignYourSteps,
  alignYourStepsGrid,
  customGrid,
  type FinalLevel,
  type GridList,
  type SpacedGridOptions,
  spacedGrid,
  wholeGrid,
} from './listed-grids.ts'
export { type Derivative, integrate } from './ode.ts'
export { type ProcessSpecification, parseProcess } from './parse-process.ts'
export {
  type Coefficients,
  type Conversion,
  coefficientsAt,
  conversion,
  convert,
  type EdmPreconditioning,
  inputScale,
  type NetworkOutput,
  pulledToData,
} from './prediction.ts'
export type { Prediction, Process } from './process.ts'
export {
  type MeanRevertingOptions,
  meanReverting,
  type ResidualShiftingOptions,
  type ReversionSchedule,
  residualShifting,
} from './residual.ts'
export { quadraticReward, rewardOf, type SolvableReward, type Tilted, tilt } from './tilted.ts'
export { type BetaRange, subVp, vpCosine, vpLinear, vpScaledLinear } from './variance-preserving.ts'
export { viewed } from './view.ts'
export {
  cosineBetas,
  linearBetas,
  scaledLinearBetas,
  type TableInterpolation,
  type TableOptions,
  type TableProcess,
  vpTable,
  zeroTerminalSnr,
} from './vp-table.ts'
