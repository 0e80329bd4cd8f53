export { type AdaptiveOptions, type AdaptiveResult, executeAdaptive } from './adaptive.ts'
export { type AnalyseOptions, type Analysis, analyse, type OrderAnalysis } from './analyse.ts'
export { type EulerAncestralOptions, eulerAncestral, renoise } from './ancestral.ts'
export { solverCatalogue, solverFrom } from './catalogue.ts'
export type { ChurnOptions } from './churn.ts'
export {
  type Convergence,
  type ConvergenceOptions,
  convergence,
  flowError,
  type Reference,
  type ReferenceOptions,
  referenceFlow,
  slopeOf,
} from './convergence.ts'
export { ddim } from './ddim.ts'
export { ddpm } from './ddpm.ts'
export { type DeisOptions, deis } from './deis.ts'
export { denoised } from './denoised.ts'
export {
  type DpmAncestralOptions,
  type DpmSdeOptions,
  dpmSolverPlusPlusAncestral,
  dpmSolverPlusPlusSde,
} from './dpm-sde.ts'
export { type DpmSinglestepOptions, dpmSolverSinglestep, orderSchedule } from './dpm-singlestep.ts'
export { type DpmMultistepOptions, dpmSolver, dpmSolverPlusPlus } from './dpm-solver.ts'
export { type DualFastOptions, dualFast, growing } from './dual-fast.ts'
export { euler, heun, type OdeOptions } from './euler.ts'
export { advance, type ExecuteOptions, execute, type Kept, type StepReport, start, startStd } from './execute.ts'
export { exponentialStep, type LinearStep, type Variable } from './exponential.ts'
export { type FlowDiffusion, type FlowSdeOptions, flowDiffusions, flowSde } from './flow-sde.ts'
export { type GhvbOptions, ghvb } from './ghvb.ts'
export { type Ask, type InterpretOptions, interpret, type Memory } from './interpret.ts'
export { lms } from './lms.ts'
export { covariance, type Gaussian, type Moments, type MomentsOptions, moments } from './moments.ts'
export { heavyBall, type MomentumOptions, nesterov, withMomentum } from './momentum.ts'
export { type MrSamplerOptions, mrSampler } from './mr-sampler.ts'
export { type MultistepOptions, multistepPlan, orderAt, stageOf } from './multistep.ts'
export {
  degreeOfExactness,
  type Order,
  type OrderOptions,
  orderConditions,
  orderOf,
  TREES,
  worstByOrder,
} from './order.ts'
export {
  type Combination,
  HERE,
  isStochastic,
  memoryAt,
  nfeOf,
  oneStepPlan,
  type Plan,
  parsePlan,
  planSchema,
  type Solver,
  type Stage,
  stepsOf,
  type Update,
} from './plan.ts'
export { adamsBashforth, ipndm, plms, pndm } from './pndm.ts'
export { type PredictorCorrector, predictorCorrectorPlan } from './predictor-corrector.ts'
export { resShift } from './res-shift.ts'
export { type RungeKuttaOptions, rungeKutta } from './runge-kutta.ts'
export { type SaSolverOptions, saSolver } from './sa-solver.ts'
export {
  type ScheduledSolver,
  type SchedulerRun,
  schedulerClasses,
  solverFromSchedulerConfig,
} from './scheduler-config.ts'
export type { FlowRun, SchedulerLabel } from './scheduler-grid.ts'
export {
  type Amplification,
  amplification,
  type Box,
  type Complex,
  type StabilityRegion,
  stabilityLimit,
  stabilityRegion,
  steadyStep,
} from './stability.ts'
export { type Tableau, type TableauName, tableaus } from './tableau.ts'
export { type RootedTree, rootedTrees } from './trees.ts'
export { type UniPcOptions, uniPC } from './uni-pc.ts'
