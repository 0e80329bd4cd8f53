/** Graphs on onnxruntime-node, and rows of analytic worlds, in worker threads. Node only; everything else of Espalier also runs in a browser. */
export { physicalCores } from './cores.ts'
export { jpegCodec } from './jpeg-codec.ts'
export { type NodeRuntimeOptions, nodeRuntime } from './runtime.ts'
export { inThreads, type RowRange, rowRanges, type ThreadsOptions } from './threads.ts'
export { writeFileAtomic } from './write-file-atomic.ts'
