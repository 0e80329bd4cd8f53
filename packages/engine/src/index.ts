export { type AnyCard, isTextCard, parseCard } from './cards.ts'
export { parseRunConfig, runDefaults } from './config.ts'
export type {
  BroughtModel,
  Engine,
  EngineFacts,
  Level,
  ModelEntry,
  NewModel,
  RunConfig,
  RunEvent,
  RunState,
  RunStatus,
  RunSummary,
} from './engine.ts'
export { endings } from './engine.ts'
export { EngineError, type EngineErrorKind, lineOf } from './engine-error.ts'
export { EventLog, type Numbered } from './event-log.ts'
export { Feed, type Told, toldBy } from './feed.ts'
export { type FoundModel, fittingClassifier } from './fitting-classifier.ts'
export { Gate, Stopped } from './gate.ts'
export { type ImageRewardContext, imageRewardKinds, type JpegReward } from './image-reward-kinds.ts'
export type { Limits } from './limits.ts'
export { type LocalEngine, type LocalEngineOptions, localEngine } from './local-engine.ts'
export { modelEntries } from './models.ts'
export { combinations, type RewardText, readReward } from './reward-grammar.ts'
export { fitted, type Opening, type RewardKind, type RewardKinds } from './reward-kinds.ts'
export type { OpenReward, RewardPlace } from './rewards.ts'
export { type RunSearchOptions, type RunSearchResult, runSearch } from './run-search.ts'
export { type ServerEngineOptions, serverEngine } from './server-engine.ts'
export { type ServerSentEvent, serverSentEvents } from './server-sent-events.ts'
export {
  checkModelFiles,
  checkModelKey,
  type GivenModel,
  type ModelSource,
  memorySource,
  unknownModel,
} from './source.ts'
export { memoryStore, type Part, parts, type RunStore } from './store.ts'
export { type MatcherOf, type TextRewardContext, textRewardKinds, type WordLists } from './text-reward-kinds.ts'
export { type Frame, readSamples, type Samples, type SearchView, savedView } from './view.ts'
