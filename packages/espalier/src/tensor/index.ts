export { BufferPool } from './buffer-pool.ts'
export { type CatalogueEntry, catalogueEntry, fromCatalogue, splitCalls } from './catalogue.ts'
export { combine } from './combine.ts'
export { fromHalf, halfBits, halfValue, LARGEST_HALF, toHalf } from './half.ts'
export { logSumExp } from './log-sum-exp.ts'
export { readNpy, writeNpy } from './npy.ts'
export { parseWith } from './parse.ts'
export type { Precision } from './precision.ts'
export { quantile } from './quantile.ts'
export {
  categorical,
  categoricalFromLog,
  fold,
  gumbel,
  type Key,
  type KeyTable,
  key,
  keyTable,
  normal,
  normalRows,
  philox,
  purpose,
  type Stream,
  stream,
  uniform,
} from './random.ts'
export {
  readSafetensors,
  type Safetensors,
  type StoredPieces,
  type StoredTensor,
  safetensorsParts,
  writeSafetensors,
} from './safetensors.ts'
export { combineSingle } from './single-combine.ts'
export { SingleNormals } from './single-normals.ts'
export { readSnapshot, writeSnapshot } from './snapshot.ts'
export { concatenate, gather, row, rowSize, sizeOf, stack, type Tensor, tensor } from './tensor.ts'
