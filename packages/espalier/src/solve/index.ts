export { ddim } from './ddim.ts'
export { ddpm } from './ddpm.ts'
export { advance, type ExecuteOptions, execute, type Kept, type StepReport, start } from './execute.ts'
export {
  type Combination,
  HERE,
  isStochastic,
  memoryAt,
  nfeOf,
  oneStepPlan,
  type Plan,
  parsePlan,
  type Solver,
  type Stage,
  stepsOf,
  type Update,
} from './plan.ts'
