/** Graphs on onnxruntime-node, in worker threads. Node only; everything else of Espalier also runs in a browser. */
export { physicalCores } from './cores.ts'
export { jpegCodec } from './jpeg-codec.ts'
export { type NodeRuntimeOptions, nodeRuntime } from './runtime.ts'
export { writeFileAtomic } from './write-file-atomic.ts'
