/**
 * Raises nodes of older operator sets to newer ones, so that every operator has one form here. One entry per change of
 * the ONNX standard that alters how an operator is written; changes that only allow more (types, ranks) need none.
 */
import type { Attribute, DataType, Node, TensorData } from './model.ts'
import { int, string, tensor } from './model.ts'

/** What a rewrite may know and make. */
export interface UpgradeContext {
  readonly type: (name: string) => DataType
  readonly shape: (name: string) => readonly number[]
  /** Adds a constant and returns its name. */
  readonly constant: (value: TensorData) => string
  /** A name that nothing has yet. */
  readonly fresh: (stem: string) => string
  readonly fail: (message: string) => never
}

type Rewrite = (node: Node, c: UpgradeContext) => readonly Node[]

const numbersOf = (a: Attribute | undefined): readonly number[] | undefined =>
  a?.kind === 'ints' || a?.kind === 'floats' ? a.value : undefined

function without(node: Node, ...names: string[]): Node {
  const kept = Object.entries(node.attributes).filter(([name]) => !names.includes(name))
  return { ...node, attributes: Object.fromEntries(kept) }
}

const withInputs = (node: Node, inputs: readonly string[]): Node => ({ ...node, inputs })

const int64 = (values: readonly number[]): TensorData => tensor(values, [values.length], 'int64')

/** An attribute that became input `position`. */
const attributeToInput =
  (name: string, position: number): Rewrite =>
  (node, c) => {
    const values = numbersOf(node.attributes[name])
    if (!values) return [node]
    const inputs = Array.from({ length: position }, (_, i) => node.inputs[i] ?? '')
    return [withInputs(without(node, name), [...inputs, c.constant(int64(values))])]
  }

const slice: Rewrite = (node, c) => {
  const [starts, ends, axes] = ['starts', 'ends', 'axes'].map((name) => numbersOf(node.attributes[name]))
  if (!starts || !ends) return [node]
  const at = axes ?? starts.map((_, i) => i)
  return [
    withInputs(without(node, 'starts', 'ends', 'axes'), [
      node.inputs[0],
      ...[starts, ends, at].map((v) => c.constant(int64(v))),
    ]),
  ]
}

const topK: Rewrite = (node, c) => {
  const k = node.attributes.k
  return [withInputs(without(node, 'k'), [node.inputs[0], c.constant(int64([k?.kind === 'int' ? k.value : 1]))])]
}

/** Upsample became Resize, whose first form took (X, scales). */
const upsample: Rewrite = (node, c) => {
  const scales = numbersOf(node.attributes.scales)
  const inputs = scales ? [node.inputs[0], c.constant(tensor(scales, [scales.length]))] : node.inputs
  return [{ ...without(node, 'scales'), op: 'Resize', inputs }]
}

/** Resize of opset 10 takes (X, scales) and samples as its successor does with these attributes. */
const resize: Rewrite = (node) => [
  {
    ...node,
    inputs: [node.inputs[0], '', node.inputs[1]],
    attributes: {
      ...node.attributes,
      coordinate_transformation_mode: string('asymmetric'),
      nearest_mode: string('floor'),
    },
  },
]

const clip: Rewrite = (node, c) => {
  const type = c.type(node.inputs[0])
  const bounds = ['min', 'max'].map((name) => {
    const a = node.attributes[name]
    return a?.kind === 'float' ? c.constant(tensor(a.value, [], type)) : ''
  })
  return [withInputs(without(node, 'min', 'max'), [node.inputs[0], ...bounds])]
}

const pad: Rewrite = (node, c) => {
  const pads = numbersOf(node.attributes.pads)
  if (!pads) return [node]
  const { value } = node.attributes
  const fill = value?.kind === 'float' ? [c.constant(tensor(value.value, [], c.type(node.inputs[0])))] : []
  return [withInputs(without(node, 'pads', 'value'), [node.inputs[0], c.constant(int64(pads)), ...fill])]
}

/** Softmax and its kin ran over all axes from `axis` (default 1) on, as rows of a matrix. */
const rowwise: Rewrite = (node, c) => {
  const { rank, axis } = axisOf(node, c, 1)
  const named = (at: number): Node => ({ ...node, attributes: { ...node.attributes, axis: int(at) } })
  if (axis === rank - 1) return [named(axis)]
  const [x] = node.inputs
  const [flat, done, shape] = ['flat', 'rows', 'shape'].map((stem) => c.fresh(stem))
  const plain = { domain: '', attributes: {} }
  return [
    { ...plain, op: 'Flatten', name: flat, inputs: [x], outputs: [flat], attributes: { axis: int(axis) } },
    { ...named(1), inputs: [flat], outputs: [done] },
    { ...plain, op: 'Shape', name: shape, inputs: [x], outputs: [shape] },
    { ...plain, op: 'Reshape', name: c.fresh('unflatten'), inputs: [done, shape], outputs: node.outputs },
  ]
}

function axisOf(node: Node, c: UpgradeContext, fallback: number): { rank: number; axis: number } {
  const rank = c.shape(node.inputs[0]).length
  const a = node.attributes.axis
  const axis = a?.kind === 'int' ? a.value : fallback
  return { rank, axis: axis < 0 ? axis + rank : axis }
}

const batchNormalization: Rewrite = (node, c) => {
  if (node.outputs.filter((name) => name !== '').length > 1)
    c.fail('batch normalisation in training mode is not supported; export the model in evaluation mode')
  return [node]
}

/** Split needs its sizes or, from opset 18 on, the number of parts. */
const split: Rewrite = (node) =>
  node.inputs[1] ? [node] : [{ ...node, attributes: { ...node.attributes, num_outputs: int(node.outputs.length) } }]

const gridModes: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' }
const gridSample: Rewrite = (node) => {
  const { mode } = node.attributes
  const name = mode?.kind === 'string' ? mode.value : 'bilinear'
  return [{ ...node, attributes: { ...node.attributes, mode: string(gridModes[name] ?? name) } }]
}

/** GroupNormalization took scale and bias per group before it took them per channel. */
const groupNormalization: Rewrite = (node, c) => {
  const groups = node.attributes.num_groups
  const channels = c.shape(node.inputs[0])[1]
  if (groups?.kind !== 'int') return [node]
  const nodes: Node[] = []
  const emit = (op: string, x: string, shape: readonly number[]): string => {
    const out = c.fresh(op.toLowerCase())
    nodes.push({ op, domain: '', name: out, attributes: {}, inputs: [x, c.constant(int64(shape))], outputs: [out] })
    return out
  }
  const spread = (v: string): string =>
    emit('Reshape', emit('Expand', emit('Reshape', v, [groups.value, 1]), [groups.value, channels / groups.value]), [
      channels,
    ])
  const [x, scale, bias] = node.inputs
  const inputs = [x, spread(scale), spread(bias)]
  return [...nodes, { ...node, inputs }]
}

/** Changes by the opset in which they came, then by operator. */
const changes: readonly (readonly [number, Readonly<Record<string, Rewrite>>])[] = [
  [9, { BatchNormalization: (node) => [without(node, 'spatial')] }],
  [10, { Slice: slice, TopK: topK, Upsample: upsample }],
  [11, { Clip: clip, Pad: pad, Resize: resize, Scatter: (node) => [{ ...node, op: 'ScatterElements' }] }],
  [12, { Dropout: (node) => [without(node, 'ratio')] }],
  [
    13,
    {
      Softmax: rowwise,
      LogSoftmax: rowwise,
      Hardmax: rowwise,
      Squeeze: attributeToInput('axes', 1),
      Unsqueeze: attributeToInput('axes', 1),
      ReduceSum: attributeToInput('axes', 1),
      Split: attributeToInput('split', 1),
    },
  ],
  [14, { BatchNormalization: batchNormalization }],
  [
    18,
    {
      Split: split,
      ...Object.fromEntries(
        ['Max', 'Min', 'Mean', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'].map((kind) => [
          `Reduce${kind}`,
          attributeToInput('axes', 1),
        ]),
      ),
    },
  ],
  [20, { GridSample: gridSample }],
  [21, { GroupNormalization: groupNormalization }],
]

/** The oldest operator set that can be raised: before 7 broadcasting was written in another way. */
export const oldestOpset = 7

/** The same computation in operator set `to`. */
export function upgradeNode(node: Node, from: number, to: number, context: UpgradeContext): readonly Node[] {
  let nodes: readonly Node[] = [node]
  for (const [since, rewrites] of changes)
    if (from < since && since <= to)
      nodes = nodes.flatMap((n) =>
        n.domain === '' && Object.hasOwn(rewrites, n.op) ? rewrites[n.op](n, context) : [n],
      )
  return nodes
}
