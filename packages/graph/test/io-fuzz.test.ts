import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Model } from '../src/index.ts'
import { GraphBuilder, GraphError, int, readModel, tensor, validate, vjp, writeModel } from '../src/index.ts'
import { readNetwork } from './fixtures/fixture.ts'
import { graphOf, modelOf, node, value } from './models.ts'

/** `FUZZ=50` searches fifty times as long. */
const effort = Number(process.env.FUZZ ?? 1)

/** Small, and with something of everything: branches, functions, typed attributes, several types. */
function everything(): Uint8Array {
  const branch = (op: string) =>
    ({ kind: 'graph', value: graphOf([node(op, ['h'], ['r'])], [], [value('r', undefined)]) }) as const
  const graph = graphOf(
    [
      node('Conv', ['x', 'w'], ['c'], {
        pads: { kind: 'ints', value: [1, 1, 1, 1] },
        auto_pad: { kind: 'string', value: 'NOTSET' },
      }),
      node('LeakyRelu', ['c'], ['l'], { alpha: { kind: 'float', value: 0.1 } }),
      node('Soft', ['l'], ['h'], { sharp: int(1) }, 'my'),
      node('If', ['yes'], ['p'], { then_branch: branch('Neg'), else_branch: branch('Exp') }),
      node('Reshape', ['p', 'shape'], ['q']),
      node('Softmax', ['q'], ['y'], { axis: int(-1) }),
    ],
    [value('x', ['N', 2, 4, 4])],
    [value('y', ['N', 48])],
    {
      w: tensor(
        Array.from({ length: 54 }, (_, i) => Math.sin(i)),
        [3, 2, 3, 3],
      ),
      yes: tensor([1], [], 'bool'),
      shape: tensor([-1, 48], [2], 'int64'),
    },
  )
  const soft = {
    name: 'Soft',
    domain: 'my',
    inputs: ['a'],
    outputs: ['b'],
    attributes: ['sharp'],
    defaults: {},
    nodes: [node('Softplus', ['a'], ['b'])],
    opsets: { '': 17 },
  }
  return writeModel(
    modelOf({ ...graph, values: [value('c', ['N', 3, 4, 4])] }, 17, {
      functions: [soft],
      domains: { my: 1 },
      metadata: { a: 'b' },
    }),
  )
}

const corpus: Record<string, Uint8Array> = {
  everything: everything(),
  'mlp-11': readNetwork('mlp-11'),
  'gnn-16': readNetwork('gnn-16'),
}

/**
 * Takes bytes as far as they go: read, written again, checked, differentiated. Whatever is wrong must be said by a
 * GraphError of one line, soon, and without an allocation that the file's own size does not explain.
 */
function swallow(bytes: Uint8Array): 'refused' | 'read' | 'differentiated' {
  let model: Model
  try {
    model = readModel(bytes)
  } catch (error) {
    return refused(error)
  }
  try {
    readModel(writeModel(model))
    validate(model)
    writeModel(vjp(model))
    return 'differentiated'
  } catch (error) {
    refused(error)
    return 'read'
  }
}

function refused(error: unknown): 'refused' {
  if (!(error instanceof GraphError)) throw error
  expect(error.message).not.toMatch(/\n/)
  expect(error.message.length).toBeGreaterThan(10)
  return 'refused'
}

describe.each(Object.entries(corpus))('damaged bytes of %s', (_, bytes) => {
  it('are whole before they are damaged', () => {
    expect(swallow(bytes)).toBe('differentiated')
  })

  it('cut short anywhere', () => {
    const step = Math.max(1, Math.floor(bytes.length / (150 * effort)))
    for (let length = 0; length < bytes.length; length += step)
      expect(swallow(bytes.slice(0, length))).not.toBe('differentiated')
  })

  it('with flipped bits', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(7)), { minLength: 1, maxLength: 6 }), (flips) => {
        const copy = bytes.slice()
        for (const [at, bit] of flips) copy[at]! ^= 1 << bit
        swallow(copy)
      }),
      { numRuns: 80 * effort },
    )
  })

  it('with pieces overwritten, moved, repeated or left out', () => {
    const place = fc.nat(bytes.length - 1)
    fc.assert(
      fc.property(place, place, fc.uint8Array({ maxLength: 40 }), (from, to, piece) => {
        const [a, b] = [Math.min(from, to), Math.max(from, to)]
        const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((p) => Array.from(p)))
        swallow(joined(bytes.subarray(0, a), piece, bytes.subarray(a)))
        swallow(joined(bytes.subarray(0, a), bytes.subarray(b)))
        swallow(joined(bytes.subarray(0, b), bytes.subarray(a)))
        const copy = bytes.slice()
        copy.set(piece.subarray(0, bytes.length - a), a)
        swallow(copy)
      }),
      { numRuns: 20 * effort },
    )
  })
})

describe('bytes that are no model', () => {
  it('at random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4000 }), (bytes) => {
        expect(swallow(bytes)).not.toBe('differentiated')
      }),
      { numRuns: 500 * effort },
    )
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('<!doctype html><html>Not found</html>')],
    ['a picture', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13)],
    ['a safetensors file', new TextEncoder().encode(`\x40\0\0\0\0\0\0\0{"w":{"dtype":"F32"}}`)],
    ['zeros', new Uint8Array(1000)],
    [
      'a Git LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    ],
  ])('%s', (_, bytes) => {
    expect(() => readModel(bytes)).toThrow(/not (a readable|an) ONNX model.*of another kind/)
  })

  it('graphs nested without end', () => {
    // graph -> node -> attribute -> graph -> ..., 60 deep.
    let inner: Uint8Array = new Uint8Array()
    const field = (number: number, bytes: Uint8Array) => {
      const size = [bytes.length & 127, (bytes.length >> 7) & 127, bytes.length >> 14]
      return Uint8Array.of((number << 3) | 2, size[0]! | 128, size[1]! | 128, size[2]!, ...bytes)
    }
    for (let i = 0; i < 60; i++) inner = field(1, field(5, field(6, inner)))
    expect(() => readModel(Uint8Array.of(8, 8, ...field(7, inner)))).toThrow(/nested more than 32 deep/)
  })
})

describe('sizes that no computer has', () => {
  const huge = (
    shape: (number | string)[],
    formula: (x: ReturnType<GraphBuilder['input']>, b: GraphBuilder) => unknown,
  ) => {
    const b = new GraphBuilder()
    return () => formula(b.input('x', shape), b)
  }
  it('are refused or left to the run', () => {
    expect(huge([2 ** 30, 2 ** 30], (x) => x)).toThrow(/too large to be meant/)
    expect(huge([2 ** 20, 2 ** 10], (x, b) => b.op('Tile', [x, b.int64([2 ** 20, 2 ** 20])]))).toThrow(GraphError)
    // An input that no output needs has a gradient of zeros: they are not stored.
    const b = new GraphBuilder()
    b.input('big', [2 ** 30])
    b.output('y', b.input('x', ['N', 2]).exp())
    expect(writeModel(vjp(b.build())).length).toBeLessThan(2000)
  })
})
