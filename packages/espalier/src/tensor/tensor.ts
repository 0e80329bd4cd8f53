/** A dense float32 array with a shape, row-major. A batch of events has shape `[n, ...event]`. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** Number of elements of a shape; 1 of `[]`. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (const dimension of shape) size *= dimension
  return size
}

/**
 * A tensor over `data` (not copied), or of zeros.
 * @throws if a dimension is not a count, or the data do not fill the shape
 */
export function tensor(shape: readonly number[], data?: Float32Array): Tensor {
  if (shape.some((dimension) => !(Number.isInteger(dimension) && dimension >= 0))) {
    throw new Error(`a shape is made of whole numbers >= 0, got [${shape}]`)
  }
  const size = sizeOf(shape)
  if (data && data.length !== size) {
    throw new Error(`a tensor of shape [${shape}] has ${size} elements, got ${data.length}`)
  }
  return { shape: [...shape], data: data ?? new Float32Array(size) }
}

/** Elements per row of a batch `[n, ...event]`. */
export function rowSize({ shape }: Tensor): number {
  if (shape.length === 0) throw new Error('a scalar has no rows')
  return sizeOf(shape.slice(1))
}

/** Row i of a batch, as a view of its data. */
export function row(batch: Tensor, i: number): Float32Array {
  if (!(Number.isInteger(i) && i >= 0 && i < batch.shape[0])) {
    throw new Error(`there is no row ${i} in a batch of shape [${batch.shape}]`)
  }
  const size = rowSize(batch)
  return batch.data.subarray(i * size, (i + 1) * size)
}

/** A new batch of the rows with the given indices, in their order; rows may repeat. */
export function gather(batch: Tensor, indices: ArrayLike<number>): Tensor {
  const size = rowSize(batch)
  const data = new Float32Array(indices.length * size)
  for (let i = 0; i < indices.length; i++) data.set(row(batch, indices[i]), i * size)
  return { shape: [indices.length, ...batch.shape.slice(1)], data }
}

/**
 * A batch `[n, ...event]` of n rows, copied.
 * @param data memory of that size that the batch is to lie in. Default: fresh
 */
export function stack(
  rows: readonly Float32Array[],
  event: readonly number[],
  data: Float32Array = new Float32Array(rows.length * sizeOf(event)),
): Tensor {
  const size = sizeOf(event)
  rows.forEach((values, i) => {
    if (values.length !== size)
      throw new Error(`row ${i} has ${values.length} elements, events [${event}] have ${size}`)
    data.set(values, i * size)
  })
  return { shape: [rows.length, ...event], data }
}

/** A new batch of the rows of all batches, in order. There must be at least one batch. */
export function concatenate(batches: readonly Tensor[]): Tensor {
  if (batches.length === 0) throw new Error('cannot concatenate 0 batches')
  const event = batches[0].shape.slice(1)
  const odd = batches.find(({ shape }) => shape.length !== event.length + 1 || event.some((d, i) => d !== shape[i + 1]))
  if (odd) throw new Error(`cannot concatenate batches of shapes [${batches[0].shape}] and [${odd.shape}]`)
  const n = batches.reduce((sum, { shape }) => sum + shape[0], 0)
  const data = new Float32Array(n * sizeOf(event))
  let offset = 0
  for (const batch of batches) {
    data.set(batch.data, offset)
    offset += batch.data.length
  }
  return { shape: [n, ...event], data }
}
