import { useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { number, percent, whole } from '../format.ts'
import { note } from '../route.ts'
import { ended, type Watch } from '../run/watch.ts'
import { theme } from '../theme.ts'
import { scale } from './colours.ts'
import { detail, nodeAt, shades, type View } from './detail.ts'
import { ROOT } from './growing-tree.ts'
import { Layout, type Weighing } from './layout.ts'
import { bandsOf, depthOf, GUTTER, type Ink, paint } from './painter.ts'

const whole01: View = { from: 0, to: 1 }
/** At most so much of the width is lost from sight by zooming in. */
const NARROWEST = 1e-5
const LABEL_PERIOD = 10_000

export interface TreeViewProps {
  readonly watch: Watch
  readonly selected: number | undefined
  readonly by: Weighing
  onSelect(node: number): void
}

/** The growing tree as an icicle on a canvas, with zoom; its accessible twin is a list beside it. */
export function TreeView({ watch, selected, by, onSelect }: TreeViewProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const view = useRef<View>(whole01)
  const layout = useMemo(() => new Layout(), [])
  const shade = useRef(new Float64Array(256))
  const frame = useRef(0)
  const [zoomed, setZoomed] = useState(false)
  const [label, setLabel] = useState('Search tree: no nodes yet')
  const labelled = useRef(0)

  const draw = () => {
    frame.current = 0
    const element = canvas.current
    if (!element) return
    const { tree, levels } = watch
    const lambda = watch.summary.peek()?.config.lambda ?? 1
    const width = element.clientWidth
    const height = element.clientHeight
    const ratio = Math.min(2, devicePixelRatio)
    if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
      element.width = Math.round(width * ratio)
      element.height = Math.round(height * ratio)
    }
    const context = element.getContext('2d')
    if (!context || width === 0) return
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    if (shade.current.length < tree.size) shade.current = new Float64Array(tree.parent.length)
    layout.update(tree, by, lambda)
    const best = tree.bestBelow()
    shades(tree, tree.values(lambda), shade.current)
    paint(context, {
      ...{ tree, layout, levels, width, height, selected, shade: shade.current, view: view.current },
      bands: detail(tree, layout, view.current, width - GUTTER, shade.current),
      ink: inkOf(element),
      thumbnail: (node) => (best[node] < 0 ? undefined : watch.thumbnails.picture({ node: best[node] })),
    })
    const now = performance.now()
    if (now - labelled.current > LABEL_PERIOD || tree.size <= 1 || ended(watch.status.peek())) {
      labelled.current = now
      setLabel(factsOf(watch))
    }
  }
  const request = () => {
    frame.current ||= requestAnimationFrame(draw)
  }

  useSignalEffect(() => {
    watch.version.value
    watch.thumbnails.arrived.value
    theme.value
    request()
  })
  useEffect(request, [by, selected])
  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement
    const observer = new ResizeObserver(request)
    observer.observe(element)
    const wheel = (event: WheelEvent) => {
      // A plain wheel scrolls the page; with Ctrl, and so by a pinch, it zooms.
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      zoom(Math.exp(event.deltaY * 0.004), shareAt(event.clientX))
    }
    element.addEventListener('wheel', wheel, { passive: false })
    return () => {
      observer.disconnect()
      element.removeEventListener('wheel', wheel)
      cancelAnimationFrame(frame.current)
      frame.current = 0
    }
  }, [])

  const shareAt = (clientX: number) => {
    const box = (canvas.current as HTMLCanvasElement).getBoundingClientRect()
    const at = (clientX - box.left - GUTTER) / (box.width - GUTTER)
    const { from, to } = view.current
    return from + Math.min(1, Math.max(0, at)) * (to - from)
  }
  const show = (from: number, to: number) => {
    const span = Math.min(1, Math.max(NARROWEST, to - from))
    const start = Math.min(1 - span, Math.max(0, from))
    view.current = { from: start, to: start + span }
    setZoomed(span < 1)
    request()
  }
  const zoom = (factor: number, at = (view.current.from + view.current.to) / 2) => {
    const { from, to } = view.current
    show(at - (at - from) * factor, at + (to - at) * factor)
  }
  const focus = (node: number) => show(layout.x[node], layout.x[node] + Math.max(NARROWEST, layout.width[node]))

  const drag = useRef<{ x: number; from: number; moved: boolean } | undefined>(undefined)
  const onPointerDown = (event: PointerEvent) => {
    drag.current = { x: event.clientX, from: view.current.from, moved: false }
  }
  const onPointerMove = (event: PointerEvent) => {
    const start = drag.current
    if (!start || event.buttons === 0) return
    const span = view.current.to - view.current.from
    if (Math.abs(event.clientX - start.x) > 4) start.moved = true
    if (!start.moved || span === 1) return
    const inner = (canvas.current as HTMLCanvasElement).clientWidth - GUTTER
    const from = start.from - ((event.clientX - start.x) / inner) * span
    show(from, from + span)
  }
  const nodeUnder = (event: MouseEvent) => {
    const box = (canvas.current as HTMLCanvasElement).getBoundingClientRect()
    const y = event.clientY - box.top
    const rows = bandsOf(depthOf(watch.tree, watch.levels), box.height)
    const band = rows.findIndex(({ top, height }) => y >= top && y < top + height + 3)
    const pixel = (view.current.to - view.current.from) / (box.width - GUTTER)
    return band < 0 ? undefined : nodeAt(watch.tree, layout, band, shareAt(event.clientX), 2 * pixel)
  }
  const onClick = (event: MouseEvent) => {
    if (drag.current?.moved) return
    const node = nodeUnder(event)
    if (node !== undefined) onSelect(node)
  }

  return (
    <section class="tree panel" aria-label="Tree">
      <div class="bar">
        <h2>Tree</h2>
        <fieldset class="choice" aria-label="What the width of a cell says">
          <button type="button" aria-pressed={by === 'passes'} onClick={() => note({ by: undefined })}>
            Where the work went
          </button>
          <button type="button" aria-pressed={by === 'mass'} onClick={() => note({ by: 'mass' })}>
            Where the probability is
          </button>
        </fieldset>
        <fieldset class="tools" aria-label="Zoom">
          <button type="button" onClick={() => zoom(0.5)} aria-label="Zoom in">
            +
          </button>
          <button type="button" onClick={() => zoom(2)} disabled={!zoomed} aria-label="Zoom out">
            −
          </button>
          <button
            type="button"
            disabled={selected === undefined}
            onClick={() => focus(selected ?? ROOT)}
            aria-label="Zoom to the selected node"
          >
            Fit node
          </button>
          <button type="button" onClick={() => show(0, 1)} disabled={!zoomed} aria-label="Show all">
            All
          </button>
        </fieldset>
      </div>
      <canvas
        ref={canvas}
        class="icicle"
        role="img"
        aria-label={label}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onClick={onClick}
        onDblClick={(event) => {
          const node = nodeUnder(event)
          if (node !== undefined) focus(node)
        }}
      />
      <p class="legend">
        <span class="ramp" style={{ background: `linear-gradient(to right, ${scale.join(',')})` }} aria-hidden="true" />
        rank of the value within its level, low to high; pictures: the best sample below; leaves as tall as their
        reward; path of the best outlined
      </p>
    </section>
  )
}

function inkOf(element: Element): Ink {
  const style = getComputedStyle(element)
  const of = (name: string) => style.getPropertyValue(name).trim()
  return {
    surface: of('--surface'),
    text: of('--text'),
    quiet: of('--quiet'),
    line: of('--line'),
    accent: of('--accent'),
  }
}

/** The tree in a sentence. */
export function factsOf({ tree }: Watch): string {
  if (tree.size <= 1) return 'Search tree: no nodes yet'
  let heaviest = -1
  for (let i = 1; i < tree.size; i++) {
    if (tree.parent[i] === ROOT && (heaviest < 0 || tree.passes[i] > tree.passes[heaviest])) heaviest = i
  }
  const share = tree.passes[ROOT] > 0 ? tree.passes[heaviest] / tree.passes[ROOT] : 0
  const best = tree.bestLeaf >= 0 ? `best reward ${number(tree.reward[tree.bestLeaf])}, ` : ''
  return `Search tree: ${whole(tree.size)} nodes, ${best}${percent(share)} of the work in node ${heaviest}`
}
