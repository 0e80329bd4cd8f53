export { type ClassifierFreeOptions, classifierFree, type GuidanceRescale } from './classifier-free.ts'
export { type ClassifierGuidedOptions, classifierGuided } from './classifier-guided.ts'
export {
  type CleanGradient,
  type CleanGradientFunction,
  type CleanGradientOptions,
  cleanGradient,
} from './clean-gradient.ts'
export { conditioned, conditionRows, drawConditions, rowsOf } from './conditioned.ts'
export { type EpsilonScaleOptions, epsilonScaled } from './epsilon-scaled.ts'
export { type ExecuteTimeShiftOptions, executeTimeShift } from './execute-time-shift.ts'
export type { GuidanceInterval } from './interval.ts'
export {
  type MinorityClasses,
  type MinorityScoreOptions,
  minorityLabel,
  minorityScore,
  quantileLabels,
  type RowDistance,
} from './minority.ts'
export {
  type LoadedNoisyClassifier,
  mixtureClassifier,
  type NoisyClassifier,
  noisyClassifier,
} from './noisy-classifier.ts'
export { type RewardGuidedOptions, rewardGuided } from './reward-guided.ts'
export { type StitchPart, stitch, switchTimes } from './stitch.ts'
export { type ThresholdOptions, thresholded } from './thresholded.ts'
export {
  type ConstantShiftOptions,
  constantShift,
  type LevelOptions,
  type ShiftStatistics,
  type TimeShiftedDenoiser,
  timeShift,
} from './time-shift.ts'
