import type { Level } from '@espalier/engine'
import { scale } from './colours.ts'
import type { GrowingTree } from './growing-tree.ts'
import { Layout, type Weighing } from './layout.ts'
import { GUTTER, type Ink, paint } from './painter.ts'
import { type Surface, SvgSurface } from './surface.ts'
import { everything } from './view.ts'

/** The tree as a picture that stands alone. */
export interface Poster {
  readonly tree: GrowingTree
  readonly levels: readonly Level[]
  readonly lambda: number
  readonly by: Weighing
  /** What was searched for, in a line. */
  readonly title: string
  /** What was found, in a line. */
  readonly facts: string
  readonly pictures: boolean
}

export const POSTER = { width: 1200, height: 720 } as const

/** Black on white, whatever the page looks like. */
const ink: Ink = {
  surface: '#ffffff',
  text: '#16211c',
  quiet: '#52605a',
  line: '#c3ccc8',
  edge: '#7b8983',
  accent: '#00664b',
}
const MARGIN = 32
const HEAD = 60
const FOOT = 34

export function paintPoster(on: Surface, { title, facts, by, ...given }: Poster): void {
  const { width, height } = POSTER
  const inner = width - 2 * MARGIN
  const layout = new Layout()
  layout.update(given.tree, by, given.lambda)
  on.fill(0, 0, width, height, ink.surface)
  on.text(title, MARGIN, MARGIN + 2, ink.text, inner, 20)
  on.text(facts, MARGIN, MARGIN + 28, ink.quiet, inner, 13)
  on.moved(MARGIN, MARGIN + HEAD, () => {
    const size = { width: inner, height: height - 2 * MARGIN - HEAD - FOOT }
    paint(on, { ...given, ...size, layout, ink, view: everything, selected: undefined })
  })
  const below = height - MARGIN - 6
  scale.forEach((shade, i) => {
    on.fill(MARGIN + GUTTER + 2 * i, below - 5, 2, 10, shade)
  })
  const weight = by === 'passes' ? 'share of the passes' : 'probability under the read-out'
  const legend = `rank of the value within its level, low to high · width: ${weight} · height of samples: reward · outlined: path of the best`
  on.text(legend, MARGIN + GUTTER + 2 * scale.length + 12, below, ink.quiet, inner - GUTTER - 150, 12)
}

/** @param hrefOf the picture of a node as an address with the data in it */
export function posterSvg(poster: Poster, hrefOf: (node: number) => string | undefined): string {
  const surface = new SvgSurface(hrefOf)
  paintPoster(surface, poster)
  return surface.done(POSTER.width, POSTER.height, `${poster.title}. ${poster.facts}`)
}
