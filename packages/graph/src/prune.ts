import type { Graph, Model, Node } from './model.ts'

/** Names of the tensors that a node uses: its inputs, and whatever the graphs inside it mention. */
export function usedBy(node: Node): Set<string> {
  const used = new Set(node.inputs.filter((name) => name !== ''))
  const walk = (graph: Graph): void => {
    for (const inner of graph.nodes) for (const name of usedBy(inner)) used.add(name)
    for (const { name } of graph.outputs) used.add(name)
  }
  for (const a of Object.values(node.attributes)) {
    if (a.kind === 'graph') walk(a.value)
    else if (a.kind === 'graphs') a.value.forEach(walk)
  }
  return used
}

/** The model without the nodes and initialisers that no output needs. */
export function prune(model: Model): Model {
  const { graph } = model
  const needed = new Set(graph.outputs.map((v) => v.name))
  const nodes: Node[] = []
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]
    if (!node.outputs.some((name) => needed.has(name))) continue
    for (const name of usedBy(node)) needed.add(name)
    nodes.push(node)
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)))
  return { ...model, graph: { ...graph, nodes: nodes.reverse(), initializers } }
}
