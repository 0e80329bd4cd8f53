import { GraphError } from './errors.ts'
import type { DataType, TensorData } from './model.ts'
import { isFloat, sizeOf, tensor, toNumbers } from './model.ts'
import type { Fact, NdArray, OpCall, OpDefinition } from './op.ts'

/** Values up to this many elements are carried through shape inference. */
const carried = 65536

/** Runs shape inference for one node and, where all inputs are known constants, its value. */
export function inferNode(
  definition: OpDefinition,
  inputs: readonly (Fact | undefined)[],
  call: OpCall,
): readonly Fact[] {
  const outputs = definition.infer(inputs, call)
  if (!definition.evaluate || outputs.some((f) => f.value || sizeOf(f.shape) > carried)) return outputs
  if (
    inputs.length === 0 ||
    !inputs.every((f) => f === undefined || (f.value && f.value.type !== 'string' && sizeOf(f.shape) <= carried))
  )
    return outputs
  const arrays = inputs.map((f) => (f?.value ? { shape: f.shape, data: toNumbers(f.value) } : undefined))
  let results: readonly NdArray[]
  try {
    results = definition.evaluate(arrays, call, outputs, inputs)
  } catch (error) {
    // Stand-ins of free sizes may lie outside a table that the real ones fit; then the value is not known.
    if (error instanceof GraphError) return outputs
    throw error
  }
  return outputs.map((f, i) => (results[i] ? { ...f, value: toData(results[i], f.type) } : f))
}

export function toData(a: NdArray, type: DataType): TensorData {
  return tensor(a.data, a.shape, type)
}

/** The known integers of an input such as axes or a target shape. */
export function knownInts(fact: Fact | undefined, call: OpCall, what: string): number[] {
  if (!fact?.value)
    call.fail(`${what} depends on data, so the shapes are not fixed; make it a constant (re-export with fixed sizes)`)
  return Array.from(toNumbers(fact.value))
}

/** NumPy broadcasting of shapes. */
export function broadcast(shapes: readonly (readonly number[])[], label: string): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length))
  const out = new Array<number>(rank).fill(1)
  for (const shape of shapes)
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i
      if (shape[i] === out[at] || shape[i] === 1) continue
      if (out[at] !== 1)
        throw new GraphError(`${label}: shapes ${shapes.map((s) => `[${s}]`).join(' and ')} do not broadcast`)
      out[at] = shape[i]
    }
  return out
}

/** Resolves a possibly negative axis. */
export function axisOf(axis: number, rank: number, call: OpCall): number {
  const a = axis < 0 ? axis + rank : axis
  if (!(a >= 0 && a < Math.max(rank, 1))) call.fail(`axis ${axis} is out of range for rank ${rank}`)
  return a
}

/** The input at i, which the operator requires. */
export function required(inputs: readonly (Fact | undefined)[], i: number, call: OpCall): Fact {
  const fact = inputs[i]
  if (!fact) call.fail(`input ${i} is missing`)
  return fact
}

export function requireFloat(fact: Fact, call: OpCall): void {
  if (!isFloat(fact.type)) call.fail(`expected a floating-point tensor, got ${fact.type}`)
}

/** Axes given as an input (newer opsets) or as an attribute (older ones). */
export function axesOf(inputs: readonly (Fact | undefined)[], position: number, call: OpCall): number[] | undefined {
  if (inputs[position]) return knownInts(inputs[position], call, 'the list of axes')
  return call.has('axes') ? [...call.ints('axes')] : undefined
}
