import { existsSync, readFileSync } from 'node:fs'
import { concat, GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { type NetworkCard, parseModelCard } from 'espalier/runtime'
import { depthToSpace, spaceToDepth } from 'espalier/train'

export interface BenchModel {
  /** What was measured, for the report. */
  readonly name: string
  readonly graph: Uint8Array
  readonly card: NetworkCard
}

/** The zoo's digit network; until it is trained, one of the same size with random weights. */
export function digitModel(): BenchModel {
  const folder = new URL('../../../packages/zoo/models/mnist/', import.meta.url)
  if (existsSync(new URL('model.onnx', folder))) {
    const card = parseModelCard(JSON.parse(readFileSync(new URL('card.json', folder), 'utf8'))) as NetworkCard
    return { name: 'zoo mnist', graph: new Uint8Array(readFileSync(new URL('model.onnx', folder))), card }
  }
  const card = {
    type: 'network',
    name: 'stand-in',
    process: { type: 'vp-cosine' },
    prediction: 'velocity',
    event: [1, 28, 28],
  }
  return { name: 'stand-in (random weights)', graph: standIn(48, 96, 4), card: parseModelCard(card) as NetworkCard }
}

/** Residual convolutions on 2x2 pixel blocks: `blocks` at 7x7 between two convolutions at 14x14. */
function standIn(outer: number, inner: number, blocks: number): Uint8Array {
  const b = new GraphBuilder()
  let count = 0
  const weights = (shape: readonly number[]) => {
    const size = shape.reduce((product, n) => product * n, 1)
    const scale = Math.sqrt(1 / (size / shape[0]))
    // Any fixed, well-spread numbers do: only the time is measured.
    const values = Array.from({ length: size }, (_, i) => scale * Math.sin(12.9898 * (i + 1) * (count + 1)))
    return b.parameter(`w${count++}`, tensor(values, shape))
  }
  const conv = (h: ReturnType<typeof weights>, out: number, stride = 1) =>
    b.op('Conv', [h, weights([out, h.size(1), 3, 3])], { pads: [1, 1, 1, 1], strides: [stride, stride] })
  const x = spaceToDepth(b.input('x', ['N', 1, 28, 28]))
  const t = b.input('t', ['N']).unsqueeze([1])
  const stem = conv(x, outer)
  let h = conv(stem, inner, 2)
  const time = t
    .matmul(weights([1, inner]))
    .silu()
    .unsqueeze([2, 3])
  for (let i = 0; i < blocks; i++) h = h.add(conv(conv(h.add(time).silu(), inner).silu(), inner))
  const up = depthToSpace(conv(h, 4 * outer))
  const y = conv(concat([up, stem], 1).silu(), 4)
  b.output('y', depthToSpace(y))
  return writeModel(b.build())
}
