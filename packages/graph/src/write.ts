/** Writes ONNX files: the reverse of `read.ts`, with the field numbers of onnx.proto. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { GraphError } from './errors.ts'
import type { Attribute, Graph, Model, Node, TensorArray, TensorData, Value } from './model.ts'
import { elementCodes, toInt64 } from './model.ts'

/** Protobuf messages end at 2 GiB. */
const largest = 2 ** 31 - 1

/**
 * Serialises a model into ONNX bytes.
 * @throws GraphError when the model is larger than a protobuf file may be (2 GiB)
 */
export function writeModel(model: Model): Uint8Array {
  return modelTo(model, undefined).finish()
}

/**
 * Serialises a model whose initialisers of `threshold` bytes and more go to a side file.
 * @param location the name of that file, as the model refers to it: a path relative to the model's folder
 */
export function writeModelWithExternalData(
  model: Model,
  location: string,
  threshold = 1024,
): { model: Uint8Array; data: Uint8Array } {
  const side = new SideFile(location, threshold)
  const bytes = modelTo(model, side).finish()
  return { model: bytes, data: side.bytes() }
}

class SideFile {
  readonly location: string
  readonly threshold: number
  #chunks: Uint8Array[] = []
  #length = 0
  constructor(location: string, threshold: number) {
    this.location = location
    this.threshold = threshold
  }
  /** Appends at a multiple of 64 bytes, so that a reader can map it; returns the offset. */
  add(bytes: Uint8Array): number {
    const padding = (64 - (this.#length % 64)) % 64
    if (padding) this.#chunks.push(new Uint8Array(padding))
    const offset = this.#length + padding
    this.#chunks.push(bytes)
    this.#length = offset + bytes.byteLength
    return offset
  }
  bytes(): Uint8Array {
    return joined(this.#chunks, this.#length)
  }
}

const encoder = new TextEncoder()

/** Pieces from this size on are not copied until the file is put together. */
const large = 4096

/** A message under construction: pieces of bytes, so that weights are copied once and not at every level of nesting. */
class Writer {
  #w = new BinaryWriter()
  readonly #pieces: Uint8Array[] = []
  #length = 0

  /** A string field that is left out when empty. */
  text(field: number, value: string): void {
    if (value !== '') this.texts(field, value)
  }
  texts(field: number, value: string): void {
    this.#w.tag(field, WireType.LengthDelimited).string(value)
  }
  integer(field: number, value: number): void {
    this.#w.tag(field, WireType.Varint).int64(toInt64(value))
  }
  float(field: number, value: number): void {
    this.#w.tag(field, WireType.Bit32).float(Math.fround(value))
  }
  bytes(field: number, value: Uint8Array): void {
    this.#w.tag(field, WireType.LengthDelimited).uint32(sized(value.byteLength))
    this.#append([value])
  }
  nested(field: number, fill: (inner: Writer) => void): void {
    const inner = new Writer()
    fill(inner)
    inner.#flush()
    this.#w.tag(field, WireType.LengthDelimited).uint32(sized(inner.#length))
    this.#append(inner.#pieces)
  }
  finish(): Uint8Array {
    this.#flush()
    return joined(this.#pieces, sized(this.#length))
  }

  #append(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces)
      if (piece.byteLength < large) this.#w.raw(piece)
      else {
        this.#flush()
        this.#push(piece)
      }
  }
  #flush(): void {
    const bytes = this.#w.finish()
    if (bytes.byteLength > 0) this.#push(bytes)
    this.#w = new BinaryWriter()
  }
  #push(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.#length += bytes.byteLength
  }
}

/** @throws GraphError beyond what protobuf can hold */
function sized(length: number): number {
  if (length > largest)
    throw new GraphError(
      'the model takes more than an ONNX file may hold (2 GiB); use writeModelWithExternalData for its weights',
    )
  return length
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.byteLength
  }
  return out
}

function modelTo(model: Model, side: SideFile | undefined): Writer {
  const out = new Writer()
  // Up to IR version 3 every initialiser had to be listed among the inputs as well; from 4 on it need not.
  out.integer(1, Math.max(model.irVersion, 4))
  out.text(2, model.producer)
  out.nested(7, (w) => graphTo(w, model.graph, side))
  out.nested(8, (w) => opsetTo(w, '', model.opset))
  for (const [domain, version] of Object.entries(model.domains)) out.nested(8, (w) => opsetTo(w, domain, version))
  for (const [key, value] of Object.entries(model.metadata)) out.nested(14, (w) => entryTo(w, key, value))
  for (const f of model.functions)
    out.nested(25, (w) => {
      w.text(1, f.name)
      for (const name of f.inputs) w.texts(4, name)
      for (const name of f.outputs) w.texts(5, name)
      for (const name of f.attributes) w.texts(6, name)
      for (const node of f.nodes) w.nested(7, (v) => nodeTo(v, node, side))
      for (const [domain, version] of Object.entries(f.opsets)) w.nested(9, (v) => opsetTo(v, domain, version))
      w.text(10, f.domain)
      for (const [name, value] of Object.entries(f.defaults)) w.nested(11, (v) => attributeTo(v, name, value, side))
    })
  return out
}

function opsetTo(w: Writer, domain: string, version: number): void {
  w.text(1, domain)
  w.integer(2, version)
}

function entryTo(w: Writer, key: string, value: string): void {
  w.text(1, key)
  w.text(2, value)
}

function graphTo(w: Writer, graph: Graph, side: SideFile | undefined): void {
  for (const node of graph.nodes) w.nested(1, (v) => nodeTo(v, node, side))
  w.text(2, graph.name || 'graph')
  for (const [name, value] of graph.initializers) w.nested(5, (v) => tensorTo(v, name, value, side))
  for (const value of graph.inputs) w.nested(11, (v) => valueTo(v, value))
  for (const value of graph.outputs) w.nested(12, (v) => valueTo(v, value))
  for (const value of graph.values) w.nested(13, (v) => valueTo(v, value))
}

function nodeTo(w: Writer, node: Node, side: SideFile | undefined): void {
  for (const name of node.inputs) w.texts(1, name)
  for (const name of node.outputs) w.texts(2, name)
  w.text(3, node.name)
  w.text(4, node.op)
  for (const [name, attribute] of Object.entries(node.attributes))
    w.nested(5, (v) => attributeTo(v, name, attribute, side))
  w.text(7, node.domain)
}

const attributeCodes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
}

function attributeTo(w: Writer, name: string, attribute: Attribute, side: SideFile | undefined): void {
  w.text(1, name)
  switch (attribute.kind) {
    case 'float':
      w.float(2, attribute.value)
      break
    case 'int':
      w.integer(3, attribute.value)
      break
    case 'string':
      w.bytes(4, encoder.encode(attribute.value))
      break
    case 'tensor':
      w.nested(5, (v) => tensorTo(v, '', attribute.value, undefined))
      break
    case 'graph':
      w.nested(6, (v) => graphTo(v, attribute.value, side))
      break
    case 'floats':
      for (const x of attribute.value) w.float(7, x)
      break
    case 'ints':
      for (const x of attribute.value) w.integer(8, x)
      break
    case 'strings':
      for (const x of attribute.value) w.bytes(9, encoder.encode(x))
      break
    case 'tensors':
      for (const x of attribute.value) w.nested(10, (v) => tensorTo(v, '', x, undefined))
      break
    case 'graphs':
      for (const x of attribute.value) w.nested(11, (v) => graphTo(v, x, side))
      break
    case 'reference':
      w.text(21, attribute.value)
      break
  }
  w.integer(20, attribute.kind === 'reference' ? attribute.code : attributeCodes[attribute.kind])
}

function valueTo(w: Writer, value: Value): void {
  w.text(1, value.name)
  const { type, shape } = value
  if (!type) {
    // A value without a type is legal for outputs and intermediates: runtimes infer it.
    if (value.raw) w.bytes(2, value.raw)
    return
  }
  w.nested(2, (t) =>
    t.nested(1, (tt) => {
      tt.integer(1, elementCodes[type])
      if (!shape) return
      tt.nested(2, (s) => {
        for (const d of shape)
          s.nested(1, (v) => {
            if (typeof d === 'number') v.integer(1, d)
            else if (d) v.text(2, d)
          })
      })
    }),
  )
}

function tensorTo(w: Writer, name: string, value: TensorData, side: SideFile | undefined): void {
  for (const d of value.shape) w.integer(1, d)
  w.integer(2, elementCodes[value.type])
  w.text(8, name)
  if (value.type === 'string') {
    for (const s of value.data as string[]) w.bytes(6, encoder.encode(s))
    return
  }
  const data = value.data as Exclude<TensorArray, string[]>
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (!side || bytes.byteLength < side.threshold) {
    w.bytes(9, bytes)
    return
  }
  const offset = side.add(bytes)
  for (const [key, text] of [
    ['location', side.location],
    ['offset', String(offset)],
    ['length', String(bytes.byteLength)],
  ])
    w.nested(13, (v) => entryTo(v, key, text))
  w.integer(14, 1)
}
