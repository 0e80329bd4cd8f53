export {
  type ClassifierCard,
  type ConditionCard,
  type ModelCard,
  type NetworkCard,
  parseModelCard,
  type TimeLabel,
  type WorldCard,
} from './card.ts'
export {
  Activity,
  type CoalesceOptions,
  type Coalescer,
  type CoalesceStatistics,
  coalesce,
  type Slice,
} from './coalesce.ts'
export { type Decoder, type DecoderOptions, type LoadedDecoder, loadDecoder } from './decoder.ts'
export { networkDenoiser } from './denoiser.ts'
export { type BatchedDenoiser, type BatchedOptions, batched } from './evaluator.ts'
export type { Feeds } from './feeds.ts'
export { networkGradient } from './gradient-graph.ts'
export { type LazySession, lazySession } from './lazy-session.ts'
export { type LoadedDenoiser, type LoadOptions, loadDenoiser } from './load.ts'
export { counted, type Meter } from './meter.ts'
export { type NetworkConfig, timeLabel } from './network.ts'
export type { Runtime, RuntimeTensor, Session, SessionOptions, ValueMetadata } from './runtime.ts'
export { nextTurn } from './turn.ts'
export { type WebRuntimeOptions, webRuntime } from './web.ts'
export { type WebGpuRuntimeOptions, webGpuRuntime } from './web-gpu.ts'
