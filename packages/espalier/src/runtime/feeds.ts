import type { Tensor } from '../tensor/tensor.ts'
import type { RuntimeTensor, Session, ValueMetadata } from './runtime.ts'

/** What may be fed: a float32 {@link Tensor}, or a {@link RuntimeTensor} of any type. */
export type Feeds = Readonly<Record<string, Tensor | RuntimeTensor>>

/** The typed array of each element type. */
export const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
  uint8: Uint8Array,
} as const

/** Whether the runtime can carry tensors of this type (strings and 4-bit types it cannot). */
export function isSupportedType(type: string): type is RuntimeTensor['type'] {
  return Object.hasOwn(arrays, type)
}

/** The same tensor with its type named; a plain {@link Tensor} is float32. */
export function typed(tensor: Tensor | RuntimeTensor): RuntimeTensor {
  return 'type' in tensor ? tensor : { type: 'float32', shape: tensor.shape, data: tensor.data }
}

const describe = (type: string, shape: readonly (number | string)[]) => `${type} [${shape.join(', ')}]`

/**
 * Checks feeds against the graph's inputs before the engine sees them: ONNX Runtime ignores unknown names silently and
 * its own messages name neither the wanted shape nor the given one.
 *
 * A declared shape `[]` may be a scalar or an undeclared shape (the engine does not tell them apart), so its rank is
 * left to the engine.
 *
 * @throws Error that names the input, what was given and what the graph declares
 */
export function checkFeeds(inputs: readonly ValueMetadata[], feeds: Feeds): void {
  for (const name of Object.keys(feeds)) {
    if (!inputs.some((input) => input.name === name)) {
      throw new Error(`The graph has no input "${name}"; its inputs are ${list(inputs)}.`)
    }
  }
  for (const input of inputs) {
    const given = feeds[input.name]
    if (!given) throw new Error(`Input "${input.name}" is missing; the graph's inputs are ${list(inputs)}.`)
    checkFeed(input, typed(given))
  }
}

function checkFeed(input: ValueMetadata, given: RuntimeTensor): void {
  const fail = (detail: string) =>
    new Error(
      `Input "${input.name}": given ${describe(given.type, given.shape)}, ` +
        `the graph declares ${describe(input.type, input.shape)} (${detail}).`,
    )
  if (given.type !== input.type) throw fail(`element types differ`)
  if (!(given.data instanceof arrays[given.type])) {
    throw fail(`${given.type} values belong in a ${arrays[given.type].name}`)
  }
  let size = 1
  for (const dimension of given.shape) size *= dimension
  if (size !== given.data.length) throw fail(`the shape holds ${size} values, the data ${given.data.length}`)
  if (input.shape.length === 0) return
  if (given.shape.length !== input.shape.length) {
    throw fail(`rank ${given.shape.length} instead of ${input.shape.length}`)
  }
  for (let axis = 0; axis < input.shape.length; axis++) {
    const declared = input.shape[axis]
    if (typeof declared === 'number' && declared !== given.shape[axis]) {
      throw fail(`axis ${axis} is ${given.shape[axis]}, must be ${declared}`)
    }
  }
}

/** @throws Error when a wanted output does not exist */
export function checkFetches(outputs: readonly ValueMetadata[], fetches: readonly string[]): void {
  for (const name of fetches) {
    if (!outputs.some((output) => output.name === name)) {
      throw new Error(`The graph has no output "${name}"; its outputs are ${list(outputs)}.`)
    }
  }
}

const list = (values: readonly ValueMetadata[]) =>
  values.map((value) => `"${value.name}" ${describe(value.type, value.shape)}`).join(', ') || '(none)'

/**
 * A session that checks its feeds and fetches, and refuses to run once released; `release` may be called again.
 *
 * @param onRelease called once, at the release
 */
export function guarded(session: Session, onRelease = () => {}): Session {
  let released: Promise<void> | undefined
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    async run(feeds, fetches, into) {
      if (released) throw new Error('This session was released; load the model again to run it.')
      checkFeeds(session.inputs, feeds)
      if (fetches) checkFetches(session.outputs, fetches)
      return session.run(feeds, fetches, into)
    },
    release() {
      if (released) return released
      onRelease()
      released = session.release()
      return released
    },
  }
}
