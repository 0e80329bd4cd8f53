export type {
  Engine,
  Level,
  ModelEntry,
  RunConfig,
  RunEvent,
  RunState,
  RunStatus,
  RunSummary,
} from './engine.ts'
