import { useSignalEffect } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { number, percent, whole } from '../format.ts'
import { note, route } from '../route.ts'
import { CALM_PERIOD, calm, ended, type Watch } from '../run/watch.ts'
import { theme } from '../theme.ts'
import { type Colouring, nodeAt } from './detail.ts'
import { Ease } from './ease.ts'
import { type GrowingTree, ROOT } from './growing-tree.ts'
import { inkOf } from './ink.ts'
import { Layout, type Weighing } from './layout.ts'
import { bandsOf, depthOf, GUTTER, Looked, paint, ROOT_HEIGHT } from './painter.ts'
import { hear } from './pointer.ts'
import { CanvasSurface } from './surface.ts'
import { everything, panned, shown, type View, viewFrom, viewText, zoomed } from './view.ts'

/** Milliseconds between two descriptions of the picture. */
const LABEL_PERIOD = 10_000
/** Trees of fewer iterations grow with easing; in later ones a border moves by less than a pixel or two. */
const EASED = 500
/** Milliseconds that a part is shown before it stands in the address. */
const SETTLED = 300

/** What buttons and keys do with the picture. */
export interface Zoom {
  by(factor: number): void
  /** @param share of what is shown, to the right */
  pan(share: number): void
  all(): void
  /** As wide as a node. */
  fit(node: number): void
}

export interface IcicleProps {
  readonly watch: Watch
  readonly selected: number | undefined
  readonly by: Weighing
  readonly colouring: Colouring
  readonly zoom: RefObject<Zoom | undefined>
  onSelect(node: number): void
  /** Whether less than all is shown. */
  onZoomed(part: boolean): void
}

/** The growing tree as an icicle on a canvas; its accessible twin is a list beside it. */
export function Icicle({ watch, selected, by, colouring, zoom, onSelect, onZoomed }: IcicleProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const view = useRef<View>(everything)
  const layout = useMemo(() => new Layout(), [])
  const ease = useMemo(() => new Ease(layout), [])
  const looks = useMemo(() => new Looked(), [])
  const surface = useRef<CanvasSurface | undefined>(undefined)
  const frame = useRef(0)
  /** What was drawn last. */
  const drawn = useRef<{ tree: GrowingTree; iterations: number; by: Weighing } | undefined>(undefined)
  const [label, setLabel] = useState('Search tree: no nodes yet')
  const labelled = useRef(Number.NEGATIVE_INFINITY)
  const drawnAt = useRef(Number.NEGATIVE_INFINITY)

  const draw = (now: number) => {
    frame.current = 0
    const element = canvas.current
    const context = element?.getContext('2d')
    if (!element || !context || element.clientWidth === 0) return
    const { clientWidth: width, clientHeight: height } = element
    const { shown: tree, levels } = watch
    const lambda = watch.summary.peek()?.config.lambda ?? 1
    const ratio = Math.min(2, devicePixelRatio)
    if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
      element.width = Math.round(width * ratio)
      element.height = Math.round(height * ratio)
    }
    drawnAt.current = now
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, width, height)

    const last = drawn.current
    const iterations = tree.iterations.length
    const switched = last !== undefined && last.by !== by
    const grown = last?.tree === tree && iterations > last.iterations && iterations < EASED
    if (!calm() && (switched || grown)) ease.start(now)
    drawn.current = { tree, iterations, by }
    layout.update(tree, by, lambda)
    const moving = ease.apply(now)

    surface.current ??= new CanvasSurface(context, (node) => {
      const best = watch.shown.bestBelow()[node]
      return best < 0 ? undefined : watch.thumbnails.picture({ node: best })
    })
    const scene = {
      tree,
      layout,
      levels,
      lambda,
      colouring,
      width,
      height,
      selected,
      view: view.current,
      ink: inkOf(element),
    }
    paint(surface.current, { ...scene, pictures: !watch.thumbnails.text.peek() }, looks)
    if (moving) request()
    if (now - labelled.current > LABEL_PERIOD || tree.size <= 1 || ended(watch.status.peek())) {
      labelled.current = now
      setLabel(factsOf(tree))
    }
  }
  // Each frame draws with what the component was last told.
  const latest = useRef(draw)
  latest.current = draw
  const request = () => {
    frame.current ||= requestAnimationFrame((now) => latest.current(now))
  }

  /** Draws what has come by itself: at once, or once a second where little motion is wanted. */
  const waiting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const follow = () => {
    if (!calm()) return request()
    waiting.current ??= setTimeout(
      () => {
        waiting.current = undefined
        request()
      },
      Math.max(0, drawnAt.current + CALM_PERIOD - performance.now()),
    )
  }
  useEffect(() => () => clearTimeout(waiting.current), [])

  useSignalEffect(() => {
    watch.version.value
    watch.thumbnails.arrived.value
    follow()
  })
  useSignalEffect(() => {
    watch.moment.value
    theme.value
    request()
  })
  useEffect(request, [by, selected, colouring])

  /** What the address said last. */
  const noted = useRef<string | null>(null)
  const settling = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const show = (next: View) => {
    view.current = next
    onZoomed(next.to - next.from < 1)
    request()
    clearTimeout(settling.current)
    settling.current = setTimeout(() => {
      noted.current = viewText(view.current) ?? null
      note({ z: noted.current ?? undefined })
    }, SETTLED)
  }
  const given = route.value.query.get('z')
  useEffect(() => {
    // What was shown here first is shown already, and by now perhaps something else.
    if (given === noted.current) return
    noted.current = given
    view.current = viewFrom(given)
    onZoomed(viewText(view.current) !== undefined)
    request()
  }, [given])
  /** Where a point of the screen is, from 0 to 1 across the canvas, and across the whole picture. */
  const across = (clientX: number) => {
    const box = (canvas.current as HTMLCanvasElement).getBoundingClientRect()
    return Math.min(1, Math.max(0, (clientX - box.left - GUTTER) / (box.width - GUTTER)))
  }
  const placeOf = (clientX: number) => {
    const { from, to } = view.current
    return from + across(clientX) * (to - from)
  }
  const rowAt = (clientY: number) => {
    const box = (canvas.current as HTMLCanvasElement).getBoundingClientRect()
    const y = clientY - box.top
    const rows = bandsOf(depthOf(watch.shown, watch.levels), box.height)
    return rows.findIndex(({ top, height }) => y >= top && y < top + height + 3)
  }
  const nodeUnder = ({ clientX, clientY }: MouseEvent) => {
    const row = rowAt(clientY)
    if (row < 0) return undefined
    const pixel = (view.current.to - view.current.from) / ((canvas.current?.clientWidth ?? 1) - GUTTER)
    return nodeAt(watch.shown, layout, row, placeOf(clientX), 2 * pixel)
  }
  const fit = (node: number) => {
    if (node < layout.size) show(shown(layout.x[node], layout.x[node] + layout.width[node]))
  }
  zoom.current = {
    by: (factor) => show(zoomed(view.current, factor)),
    pan: (share) => show(panned(view.current, share)),
    all: () => show(everything),
    fit,
  }

  const told = useRef({ onSelect })
  told.current = { onSelect }
  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement
    const observer = new ResizeObserver(request)
    observer.observe(element)
    let from = view.current
    const silent = hear(element, {
      begin: () => {
        from = view.current
      },
      drag: (shift) => show(panned(from, -shift / (element.clientWidth - GUTTER))),
      pinch: (factor, clientX) => show(zoomed(view.current, 1 / factor, placeOf(clientX))),
      wheel: (factor, clientX) => show(zoomed(view.current, factor, placeOf(clientX))),
      tap: (event) => {
        const { from: left, to: right } = view.current
        const y = event.clientY - element.getBoundingClientRect().top
        // On the map of the whole a tap goes there.
        if (right - left < 1 && y < ROOT_HEIGHT) {
          const middle = across(event.clientX)
          show(panned({ from: 0, to: right - left }, (middle - (right - left) / 2) / (right - left)))
          return
        }
        const node = nodeUnder(event)
        if (node !== undefined) told.current.onSelect(node)
      },
      twice: (event) => {
        const node = nodeUnder(event)
        if (node !== undefined) fit(node)
      },
    })
    return () => {
      observer.disconnect()
      silent()
      cancelAnimationFrame(frame.current)
      clearTimeout(settling.current)
      frame.current = 0
    }
  }, [])

  return <canvas ref={canvas} class="icicle" role="img" aria-label={label} />
}

/** A tree in a sentence. */
export function factsOf(tree: GrowingTree): string {
  if (tree.size <= 1) return 'Search tree: no nodes yet'
  let heaviest = -1
  let nodes = 0
  for (let i = 1; i < tree.size; i++) {
    if (!tree.has(i)) continue
    nodes++
    if (tree.parent[i] === ROOT && (heaviest < 0 || tree.passes[i] > tree.passes[heaviest])) heaviest = i
  }
  const share = tree.passes[ROOT] > 0 ? tree.passes[heaviest] / tree.passes[ROOT] : 0
  const best = tree.bestLeaf >= 0 ? `best reward ${number(tree.reward[tree.bestLeaf])}, ` : ''
  return `Search tree: ${whole(nodes + 1)} nodes, ${best}${percent(share)} of the work in node ${heaviest}`
}
