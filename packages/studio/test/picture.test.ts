import { expect, it } from 'vitest'
import { examples } from '../src/examples.ts'
import { GrowingTree } from '../src/tree/growing-tree.ts'
import { Layout, type Weighing } from '../src/tree/layout.ts'
import { paint } from '../src/tree/painter.ts'
import type { Surface } from '../src/tree/surface.ts'
import { everything, type View } from '../src/tree/view.ts'
import { inNode } from './support/in-node.ts'

const ink = { surface: 'surface', text: 'text', quiet: 'quiet', line: 'line', edge: 'edge', accent: 'accent' }

/** A surface that writes down what is drawn on it, a line each, lengths to a hundredth of a pixel. */
function recorder() {
  const lines: string[] = []
  const [left, top] = [[0], [0]]
  const at = (x: number, y: number, ...rest: readonly (number | string)[]) =>
    [left[0] + x, top[0] + y, ...rest].map((v) => (typeof v === 'number' ? Math.round(v * 100) / 100 : v)).join(' ')
  const surface: Surface = {
    fill: (x, y, width, height, style) => lines.push(`fill ${at(x, y, width, height, style)}`),
    hatch: (x, y, width, height, style) => lines.push(`hatch ${at(x, y, width, height, style)}`),
    outline: (x, y, width, height, style, thick) => lines.push(`outline ${at(x, y, width, height, style, thick)}`),
    text: (text, x, y, style, most) => lines.push(`text ${at(x, y, most, style, text)}`),
    picture: (node, x, y, side) => lines.push(`picture ${at(x, y, side, node)}`),
    clipped(x, y, width, height, draw) {
      lines.push(`inside ${at(x, y, width, height)}`)
      draw()
      lines.push('outside')
    },
    moved(x, y, draw) {
      left.unshift(left[0] + x)
      top.unshift(top[0] + y)
      draw()
      left.shift()
      top.shift()
    },
  }
  return { lines, surface }
}

it('of a seeded tree is the same rectangles on every machine', async () => {
  const config = { ...examples[1].config, budget: 240, steps: 8, width: 4, seed: 7 }
  const { events } = await inNode(config)
  const tree = new GrowingTree()
  for (const event of events) tree.take(event)
  const levels = events.flatMap((event) => (event.type === 'started' ? event.levels : []))
  const pictureOf = (by: Weighing, view: View, selected: number | undefined) => {
    const layout = new Layout()
    layout.update(tree, by, config.lambda)
    const { lines, surface } = recorder()
    const scene = { tree, layout, levels, lambda: config.lambda, view, selected, ink, pictures: true }
    paint(surface, { ...scene, width: 640, height: 320 })
    return lines
  }
  const all = pictureOf('passes', everything, undefined)
  expect(pictureOf('passes', everything, undefined)).toEqual(all)
  expect(all.filter((line) => line.startsWith('fill')).length).toBeGreaterThan(60)
  const pictures = {
    passes: all,
    mass: pictureOf('mass', everything, undefined),
    'a part, with a node chosen': pictureOf('passes', { from: 0.25, to: 0.5 }, tree.bestLeaf),
  }
  const text = Object.entries(pictures).map(([name, lines]) => `# ${name}\n${lines.join('\n')}\n`)
  await expect(text.join('\n')).toMatchFileSnapshot('./golden/picture.txt')
})
