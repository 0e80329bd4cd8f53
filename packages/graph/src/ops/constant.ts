/** Constants, casts and what passes a tensor on as it is. */
import { knownInts, required } from '../facts.ts'
import type { DataType } from '../model.ts'
import { elementCodes, isFloat, sizeOf, tensor, toNumbers } from '../model.ts'
import type { OpCall, OpDefinition, OpTable } from '../op.ts'

const codeTypes = new Map(Object.entries(elementCodes).map(([type, code]) => [code, type as DataType]))

/** The element type of a number in an attribute. */
export function typeOf(code: number, call: OpCall): DataType {
  return codeTypes.get(code) ?? call.fail(`element type number ${code} is not supported`)
}

const identity = (vjp: OpDefinition['vjp']): OpDefinition => ({
  infer: (inputs, call) => [{ type: required(inputs, 0, call).type, shape: inputs[0]!.shape }],
  evaluate: ([x]) => [x!],
  vjp,
})

/** Draws have no derivative and no reference kernel: randomness should be an input. */
const random = (like: boolean): OpDefinition => ({
  infer: (inputs, call) => {
    const x = like ? required(inputs, 0, call) : undefined
    const type = call.has('dtype') ? typeOf(call.int('dtype'), call) : (x?.type ?? 'float32')
    return [{ type, shape: x ? x.shape : call.ints('shape') }]
  },
  vjp: 'zero',
})

const integerRange: Partial<Record<DataType, number>> = {
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  uint32: 32,
}

/** The numbers after a cast; float types keep them as they are (the interpreter works in float64 throughout). */
function castTo(data: Float64Array, type: DataType): Float64Array {
  if (isFloat(type)) return data
  if (type === 'bool') return data.map((v) => Number(v !== 0))
  const bits = integerRange[type]
  return data.map((v) => (bits ? wrap(Math.trunc(v), bits, type.startsWith('u')) : Math.trunc(v)))
}

function wrap(v: number, bits: number, unsigned: boolean): number {
  const m = 2 ** bits
  const r = ((v % m) + m) % m
  return unsigned || r < m / 2 ? r : r - m
}

export const constants: OpTable = {
  Identity: identity(({ g0 }) => [g0]),
  Dropout: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      if (inputs[2]?.value && toNumbers(inputs[2].value)[0])
        call.fail('Dropout in training mode is not supported; feed a mask and multiply')
      return [
        { type: x.type, shape: x.shape },
        { type: 'bool', shape: x.shape },
      ]
    },
    evaluate: ([x]) => [x!, { shape: x!.shape, data: x!.data.map(() => 1) }],
    vjp: ({ g0 }) => [g0],
  },
  Cast: {
    infer: (inputs, call) => {
      return [{ type: typeOf(call.int('to'), call), shape: required(inputs, 0, call).shape }]
    },
    evaluate: ([x], _, [y]) => [{ shape: y.shape, data: castTo(x!.data, y.type) }],
    vjp: ({ x: [x], y: [y], g0 }) => [isFloat(x.type) && isFloat(y.type) ? g0.cast(x.type) : undefined],
  },
  CastLike: {
    infer: (inputs, call) => [{ type: required(inputs, 1, call).type, shape: required(inputs, 0, call).shape }],
    evaluate: ([x], _, [y]) => [{ shape: y.shape, data: castTo(x!.data, y.type) }],
    vjp: ({ x: [x], y: [y], g0 }) => [isFloat(x.type) && isFloat(y.type) ? g0.cast(x.type) : undefined],
  },
  Constant: {
    infer: (_, call) => {
      const value = call.has('value')
        ? call.tensor('value')
        : call.has('value_float')
          ? tensor(call.float('value_float'))
          : call.has('value_int')
            ? tensor(call.int('value_int'), [], 'int64')
            : call.has('value_floats')
              ? tensor([...call.floats('value_floats')])
              : call.has('value_ints')
                ? tensor([...call.ints('value_ints')], undefined, 'int64')
                : call.fail('a Constant of this kind (string or sparse) is not supported')
      return [{ type: value.type, shape: value.shape, value }]
    },
    evaluate: (_, __, [y]) => [{ shape: y.shape, data: toNumbers(y.value!) }],
  },
  ConstantOfShape: {
    infer: (inputs, call) => {
      const fill = call.has('value') ? call.tensor('value') : tensor(0, [1])
      return [{ type: fill.type, shape: knownInts(inputs[0], call, 'the shape') }]
    },
    evaluate: (_, call, [y]) => {
      const fill = call.has('value') ? toNumbers(call.tensor('value'))[0] : 0
      return [{ shape: y.shape, data: new Float64Array(sizeOf(y.shape)).fill(fill) }]
    },
    vjp: 'zero',
  },
  Range: {
    infer: (inputs, call) => {
      const [start, limit, delta] = [0, 1, 2].map((i) => knownInts(inputs[i], call, 'the range')[0])
      return [{ type: required(inputs, 0, call).type, shape: [Math.max(0, Math.ceil((limit - start) / delta))] }]
    },
    evaluate: ([start, , delta], _, [y]) => [
      {
        shape: y.shape,
        data: Float64Array.from({ length: y.shape[0] }, (_, i) => start!.data[0] + i * delta!.data[0]),
      },
    ],
    vjp: 'zero',
  },
  RandomNormal: random(false),
  RandomUniform: random(false),
  RandomNormalLike: random(true),
  RandomUniformLike: random(true),
}
