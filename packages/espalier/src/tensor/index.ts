export {
  categorical,
  categoricalFromLog,
  fold,
  gumbel,
  type Key,
  key,
  normal,
  philox,
  purpose,
  type Stream,
  stream,
  uniform,
} from './random.ts'
export type { Tensor } from './tensor.ts'
