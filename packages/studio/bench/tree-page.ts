/** How long a picture of the tree takes: drawn whole, while the tree grows, and of an earlier moment. */

import { GrowingTree, ROOT } from '../src/tree/growing-tree.ts'
import { Layout } from '../src/tree/layout.ts'
import { Looked, paint } from '../src/tree/painter.ts'
import { CanvasSurface } from '../src/tree/surface.ts'
import { everything } from '../src/tree/view.ts'

declare global {
  interface Window {
    measureTree(nodes: number, frames: number): Promise<Record<string, number[]>>
  }
}

const DEPTH = 6
/** Progressive widening as Diffusion Tree Sampling has it. */
const [C, ALPHA] = [2, 0.8]
/** Iterations between two pictures while the tree grows. */
const STEP = 5
const WIDTH = 1280
const HEIGHT = 640

/** Numbers that are the same in every run. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** One iteration: down to a node that may widen, and from there to a new leaf. */
function grow(tree: GrowingTree, children: number[][], random: () => number): void {
  let node = ROOT
  while (tree.depth[node] < DEPTH && children[node].length >= C * Math.max(1, tree.passes[node]) ** ALPHA) {
    // The better of two, so that the work is as uneven as a search makes it.
    const [a, b] = [0, 1].map(() => children[node][Math.floor(random() * children[node].length)])
    node = tree.passes[a] > tree.passes[b] ? a : b
  }
  if (tree.depth[node] < DEPTH) {
    const from = tree.size
    const depths = Array.from({ length: DEPTH - tree.depth[node] }, (_, k) => tree.depth[node] + k + 1)
    tree.add(
      from,
      depths.map((_, k) => (k === 0 ? node : from + k - 1)),
      depths,
    )
    children[node].push(from)
    for (let i = from; i < tree.size; i++) children[i] = i + 1 < tree.size ? [i + 1] : []
    node = tree.size - 1
  }
  tree.pass(node, tree.isLeaf(node) ? tree.reward[node] : random() * 4 - 2)
}

const ink = { surface: '#fff', text: '#16211c', quiet: '#52605a', line: '#c3ccc8', edge: '#7b8983', accent: '#00664b' }

window.measureTree = async (nodes, frames) => {
  const random = randomOf(7)
  const tree = new GrowingTree()
  const children: number[][] = [[]]
  while (tree.size < nodes) grow(tree, children, random)
  const canvas = document.querySelector('canvas') as HTMLCanvasElement
  canvas.width = WIDTH
  canvas.height = HEIGHT
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  const thumbnail = document.createElement('canvas')
  thumbnail.width = 28
  thumbnail.height = 28
  const surface = new CanvasSurface(context, () => thumbnail)
  const layout = new Layout()
  const looks = new Looked()
  const draw = (shown: GrowingTree) => {
    context.clearRect(0, 0, WIDTH, HEIGHT)
    layout.update(shown, 'passes', 1)
    const scene = { tree: shown, layout, levels: [], lambda: 1, width: WIDTH, height: HEIGHT, ink, pictures: true }
    paint(surface, { ...scene, view: everything, selected: undefined }, looks)
  }
  const timed = async (work: (frame: number) => void) => {
    const times: number[] = []
    for (let i = 0; i < frames; i++) {
      await new Promise(requestAnimationFrame)
      const start = performance.now()
      work(i)
      times.push(performance.now() - start)
    }
    return times
  }
  const drawn = await timed(() => draw(tree))
  const earlier = await timed((i) => draw(tree.until(Math.floor((tree.iterations.length * (i + 1)) / (frames + 1)))))
  const growing = await timed(() => {
    for (let k = 0; k < STEP; k++) grow(tree, children, random)
    draw(tree)
  })
  return { drawn, growing, earlier }
}
