import { existsSync, readFileSync } from 'node:fs'
import { writeModel } from '@espalier/graph'
import { digitNetwork, mnistNetworkSize, recipes } from '@espalier/zoo'
import { type NetworkCard, parseModelCard } from 'espalier/runtime'

export interface BenchModel {
  /** What was measured, for the report. */
  readonly name: string
  readonly graph: Uint8Array
  readonly card: NetworkCard
}

/** A digit network of the zoo; until it is trained, the larger network with its starting weights. */
export function digitModel(zoo: 'mnist' | 'mnist-small' = 'mnist'): BenchModel {
  const folder = new URL(`../../../packages/zoo/models/${zoo}/`, import.meta.url)
  const file = new URL('model.onnx', folder)
  if (existsSync(file)) {
    const card = parseModelCard(JSON.parse(readFileSync(new URL('card.json', folder), 'utf8'))) as NetworkCard
    return { name: `zoo ${zoo}`, graph: new Uint8Array(readFileSync(file)), card }
  }
  const { model } = digitNetwork(1, mnistNetworkSize)
  return {
    name: 'digit network (starting weights)',
    graph: writeModel(model),
    card: parseModelCard(recipes.mnist.card()) as NetworkCard,
  }
}
