/** What is in a tree, in numbers and as text. */

import { statSync } from 'node:fs'
import { logZOf, ROOT, type Tree } from 'espalier/search'
import { formatDuration, formatNumber, tableToText } from './report/index.ts'
import { bestLeaf, finite, type OpenTree } from './tree-place.ts'

/** Nodes of one depth. */
interface Depth {
  readonly depth: number
  readonly nodes: number
  readonly leaves: number
  /** Of the inner nodes. */
  readonly children: number | null
  readonly visits: number
  /** Finite values alone; null where there is none. */
  readonly lowest: number | null
  readonly mean: number | null
  readonly highest: number | null
}

export type Inspection = ReturnType<typeof inspection>

export function inspection(open: OpenTree) {
  const { file, tree, saved, notes } = open
  const { settings, account, iterations } = saved
  const best = bestLeaf(tree)
  const logZ = tree.leaves.length > 0 ? logZOf(open) : undefined
  return {
    file,
    notes,
    settings,
    nodes: tree.size,
    leaves: tree.leaves.length,
    iterations,
    nfe: account.nfe,
    rewardEvaluations: account.rewardEvaluations,
    logZ: finite(logZ),
    depths: depthsOf(tree),
    best: best < 0 ? [] : pathOf(tree, best),
    bytes: { nodes: tree.bytes.nodes, states: tree.bytes.states, file: statSync(file).size },
  }
}

function depthsOf(tree: Tree<unknown>): Depth[] {
  const rows: { nodes: number; leaves: number; children: number; visits: number; values: number[] }[] = []
  for (let node = ROOT; node < tree.size; node++) {
    const row = (rows[tree.depth(node)] ??= { nodes: 0, leaves: 0, children: 0, visits: 0, values: [] })
    row.nodes++
    row.leaves += tree.isLeaf(node) ? 1 : 0
    row.children += tree.childCount(node)
    row.visits += tree.visits(node)
    if (Number.isFinite(tree.value(node))) row.values.push(tree.value(node))
  }
  return rows.map(({ nodes, leaves, children, visits, values }, depth) => {
    const sum = values.reduce((a, b) => a + b, 0)
    const range = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity])
    return {
      depth,
      nodes,
      leaves,
      children: nodes > leaves ? children / (nodes - leaves) : null,
      visits: visits / nodes,
      lowest: values.length > 0 ? range[0] : null,
      mean: values.length > 0 ? sum / values.length : null,
      highest: values.length > 0 ? range[1] : null,
    }
  })
}

function pathOf(tree: Tree<unknown>, leaf: number) {
  return tree.path(leaf).map((node) => ({
    node,
    depth: tree.depth(node),
    value: finite(tree.value(node)),
    visits: tree.visits(node),
    children: tree.childCount(node),
  }))
}

export function tell(seen: Inspection): string {
  const { settings: s, notes, bytes } = seen
  const number = (x: number | null | undefined) => (x === null || x === undefined ? '-' : formatNumber(x))
  const rules = [
    `lambda ${s.lambda}`,
    `c ${s.c}`,
    `alpha ${s.alpha}`,
    `${s.selection}${s.selection === 'boltzmann-mixed' ? ` (epsilon ${s.epsilon})` : ''}`,
    `${s.backup} backup`,
    `read-out ${s.readOut}`,
    `states ${s.states}`,
    `rollout ${s.rollout}`,
  ]
  const about = [notes.model && `on ${notes.model}`, notes.reward && `for ${notes.reward}`, `seed ${s.seed}`]
  const took = notes.seconds === undefined ? '' : ` in ${formatDuration(notes.seconds)}`
  const mebi = (n: number) => `${formatNumber(n / 2 ** 20)} MiB`
  const depths = tableToText({
    columns: numeric('depth', 'nodes', 'leaves', 'children', 'visits', 'lowest v', 'mean v', 'highest v'),
    rows: seen.depths.map((d) => [
      ...[String(d.depth), formatNumber(d.nodes), formatNumber(d.leaves)],
      ...[d.children, d.visits, d.lowest, d.mean, d.highest].map(number),
    ]),
  })
  const path = tableToText({
    columns: [{ name: 'best path' }, ...numeric('depth', 'value', 'visits', 'children')],
    rows: seen.best.map((n) => [
      n.node === ROOT ? 'root' : `node ${n.node}`,
      ...[String(n.depth), number(n.value), formatNumber(n.visits), formatNumber(n.children)],
    ]),
  })
  return [
    `${seen.file}`,
    `${s.method} ${about.filter(Boolean).join(', ')}`,
    rules.join(', '),
    `${formatNumber(seen.nodes)} nodes, ${formatNumber(seen.leaves)} leaves, ${formatNumber(seen.iterations)} iterations, ` +
      `${formatNumber(seen.nfe)} NFE${took}, log Z ${number(seen.logZ)}`,
    `memory: nodes ${mebi(bytes.nodes)}, states ${mebi(bytes.states)}, file ${mebi(bytes.file)}`,
    '',
    depths,
    seen.best.length > 0 ? `\n${path}` : '',
    '',
  ].join('\n')
}

const numeric = (...names: string[]) => names.map((name) => ({ name, right: true }))
