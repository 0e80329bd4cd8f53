/** `espalier tree`: what is in a tree, as text, tables, arrays and samples; no model is opened. */

import { writeFileAtomic } from 'espalier/node'
import {
  drawLeaves,
  leafLogWeights,
  type ReadableTree,
  type ReadOut,
  ROOT,
  softmax,
  type Tree,
  type TreeNotes,
} from 'espalier/search'
import { stack, type Tensor, writeNpy } from 'espalier/tensor'
import { asUserError, UserError } from './errors.ts'
import { contactSheet, formatNumber, isImageShape, picturesOf, scatterPlot, svgToPng } from './report/index.ts'
import { contentOf, jsonRows, oneLine } from './text-files.ts'
import { inspection, tell } from './tree-inspection.ts'
import { bestLeaf, finite, type OpenTree, oneFile, openTree, treeFiles } from './tree-place.ts'
import { textReader } from './tree-texts.ts'

export interface InspectOptions {
  readonly json: boolean
}

export interface ExportOptions {
  readonly nodes?: string
  readonly states?: string
  readonly of?: 'leaves' | 'best' | 'selected' | number
}

export interface SampleOptions {
  readonly count?: number
  readonly seed: number
  readonly readOut?: ReadOut
  readonly weighted: boolean
  readonly out?: string
  readonly json: boolean
}

export async function inspectTree(place: string, { json }: InspectOptions): Promise<void> {
  const all = await Promise.all(treeFiles(place).map(openTree))
  const seen = all.map(inspection)
  if (json) process.stdout.write(`${JSON.stringify(seen.length === 1 ? seen[0] : seen)}\n`)
  else process.stdout.write(seen.map(tell).join('\n'))
}

export async function exportTree(place: string, { nodes, states, of = 'best' }: ExportOptions): Promise<void> {
  if (!nodes && !states) throw new UserError('nothing to export; give --nodes nodes.csv, --states states.npy, or both')
  const open = await openTree(oneFile(place))
  const { tree } = open
  if (nodes) {
    await asUserError(`--nodes ${nodes}`, () => writeFileAtomic(nodes, nodes.endsWith('.csv') ? csv(tree) : json(open)))
    process.stdout.write(`  ${nodes}  ${formatNumber(tree.size)} nodes\n`)
  }
  if (!states) return
  const wanted = nodesOf(open, of).filter((node) => tree.states.has(node))
  if (wanted.length === 0)
    throw new UserError(`--of ${of}: the tree keeps no state there (states ${open.settings.states})`)
  const rows = wanted.map((node) => tree.state(node))
  if (states.endsWith('.json')) {
    const read = textReader(open)
    if (!read) throw new UserError(`--states ${states}: ${open.file} is not a tree of text; its states go to .npy`)
    const texts = wanted.map((node, i) => ({ node, ...read(rows[i]) }))
    await asUserError(`--states ${states}`, () => writeFileAtomic(states, jsonRows(texts)))
    process.stdout.write(`  ${states}  texts of the nodes ${listed(wanted)}\n`)
    return
  }
  await asUserError(`--states ${states}`, () => writeFileAtomic(states, writeNpy(stack(rows, [rows[0].length]))))
  process.stdout.write(`  ${states}  states of the nodes ${listed(wanted)}, ${rows[0].length} numbers each\n`)
}

function nodesOf({ tree, settings, ...open }: OpenTree, of: NonNullable<ExportOptions['of']>): number[] {
  if (of === 'leaves') return [...tree.leaves]
  if (typeof of === 'number') {
    if (of > ROOT && of < tree.size) return [of]
    throw new UserError(`--of ${of}: the tree has the nodes 1 to ${tree.size - 1} with a state`)
  }
  if (tree.leaves.length === 0) throw new UserError(`--of ${of}: the tree has no leaf yet`)
  const leaf = of === 'best' ? bestLeaf(tree) : selectedLeaf({ tree, settings, ...open })
  return tree.path(leaf).slice(1)
}

/** The leaf that the search itself selected. */
function selectedLeaf(open: OpenTree): number {
  const { tree, settings } = open
  if (settings.readOut === 'argmax') return tree.argmaxLeaf()
  return tree.leaves[drawLeaves(tree, 1, settings.seed, logWeightsFor(open, settings.readOut))[0]]
}

function csv(tree: Tree<unknown>): string {
  const lines = ['node,parent,depth,index,value,visits,children,leaf']
  for (let node = ROOT; node < tree.size; node++) lines.push(Object.values(nodeRow(tree, node)).join(','))
  return `${lines.join('\n')}\n`
}

function json({ tree, settings, notes }: OpenTree): string {
  const nodes = Array.from({ length: tree.size }, (_, node) => {
    const row = nodeRow(tree, node)
    return { ...row, value: finite(row.value) }
  })
  return `${JSON.stringify({ settings, notes, nodes })}\n`
}

const nodeRow = (tree: Tree<unknown>, node: number) => ({
  node,
  parent: tree.parent(node),
  depth: tree.depth(node),
  index: tree.indexOf(node),
  value: tree.value(node),
  visits: tree.visits(node),
  children: tree.childCount(node),
  leaf: tree.isLeaf(node) ? 1 : 0,
})

export async function sampleTree(place: string, options: SampleOptions): Promise<void> {
  const { seed, out, json } = options
  const open = await openTree(oneFile(place))
  const { tree, settings, notes, file } = open
  if (tree.leaves.length === 0)
    throw new UserError(`${file}: the tree has no leaf yet, so nothing can be drawn from it`)
  const asked = options.weighted ? 'weighted' : options.readOut
  const readOut = asked ?? (settings.readOut === 'weighted' ? 'weighted' : 'values')
  const count = options.count ?? (readOut === 'argmax' ? 1 : 16)
  if (readOut === 'argmax' && count > 1) {
    throw new UserError(`--read-out argmax is one leaf, the same at every draw; leave -n ${count} out`)
  }
  const logWeights = await asUserError(file, () => logWeightsFor(open, readOut))
  const drawn = readOut === 'argmax' ? [tree.leafIndex(tree.argmaxLeaf())] : drawLeaves(tree, count, seed, logWeights)
  const weights = logWeights ? softmax(logWeights) : tree.leafProbabilities()
  const leaves = drawn.map((i) => tree.leaves[i])
  const read = textReader(open)
  const texts = read && leaves.map((leaf) => read(tree.state(leaf)))
  if (out) {
    if (out.endsWith('.png') ? texts : !texts && !out.endsWith('.npy')) {
      const fits = texts ? '.json, .txt or .npy' : '.npy or .png'
      throw new UserError(`--out ${out}: samples of ${file} go to ${fits}`)
    }
    const content = () => {
      if (texts) return contentOf(out, texts)
      const samples = samplesOf(open, leaves)
      const rewards = leaves.map((leaf) => tree.value(leaf))
      return out.endsWith('.npy') ? writeNpy(samples) : pictureOf(samples, rewards, notes)
    }
    await asUserError(`--out ${out}`, () => writeFileAtomic(out, content()))
  }
  const rows = drawn.map((i, k) => ({
    leaf: tree.leaves[i],
    reward: finite(tree.value(tree.leaves[i])),
    weight: weights[i],
    text: texts?.[k].text,
  }))
  if (json) {
    process.stdout.write(`${JSON.stringify({ file, readOut, seed, nfe: 0, samples: rows, out })}\n`)
    return
  }
  const different = new Set(leaves).size
  const mean = leaves.reduce((sum, leaf) => sum + tree.value(leaf), 0) / leaves.length
  process.stdout.write(
    `${count} samples by ${readOut}, ${different} of them different, mean reward ${formatNumber(mean)}, 0 NFE\n` +
      `${out ? `  ${out}\n` : ''}`,
  )
  // Texts that go to no file are shown.
  if (texts && !out) process.stdout.write(rows.map((row) => `${row.reward}  ${oneLine(row.text ?? '')}\n`).join(''))
}

/** Weights of the exact read-out; undefined where the read-out goes by values. @throws if the tree has none */
function logWeightsFor(open: ReadableTree, readOut: ReadOut): Float64Array | undefined {
  return readOut === 'weighted' ? leafLogWeights(open) : undefined
}

/** Final states as samples: the event's numbers, clamped to its range. */
function samplesOf({ tree, notes, file }: OpenTree, leaves: readonly number[]): Tensor {
  const { event, range } = notes
  if (!event) throw new UserError(`${file} does not say what its samples look like; draw from it in TypeScript`)
  const size = event.reduce((product, n) => product * n, 1)
  const rows = leaves.map((leaf) => {
    const data = tree.state(leaf).subarray(0, size)
    return range ? data.map((x) => Math.min(range[1], Math.max(range[0], x))) : data
  })
  return stack(rows, event)
}

function pictureOf(samples: Tensor, rewards: readonly number[], { event = [], range, model = 'tree' }: TreeNotes) {
  if (isImageShape(event)) {
    const pictures = picturesOf(samples, range).map((p, i) => ({ ...p, caption: formatNumber(rewards[i]) }))
    return contactSheet([{ pictures }])
  }
  if (event.length !== 1 || event[0] !== 2) throw new Error(`samples of shape [${event}] cannot be drawn; write .npy`)
  const points = rewards.map((_, i) => ({ x: samples.data[2 * i], y: samples.data[2 * i + 1] }))
  return svgToPng(
    scatterPlot({
      title: `${points.length} samples of ${model}, drawn from a tree`,
      series: [{ name: 'samples', points }],
    }),
  )
}

function listed(nodes: readonly number[]): string {
  return nodes.length <= 8
    ? nodes.join(', ')
    : `${nodes.slice(0, 4).join(', ')}, ..., ${nodes.at(-1)} (${nodes.length})`
}
