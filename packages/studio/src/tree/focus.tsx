import type { RefObject } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { messageOf, number, whole } from '../format.ts'
import { Picture } from '../run/picture.tsx'
import type { Watch } from '../run/watch.ts'
import type { FocusPicture, Placed } from './focus-layout.ts'
import { ROOT } from './growing-tree.ts'
import { depthOf, nameOf } from './painter.ts'

const PITCH = { column: 146, row: 54 } as const
/** Of a node. */
const BOX = { width: 132, height: 46 } as const
/** Thickest link, in pixels: all passes of its parent. */
const THICK = 5

export interface FocusProps {
  readonly watch: Watch
  readonly selected: number | undefined
  /** Whether nodes show what the network expects there, in place of their noisy states. */
  readonly ahead: boolean
  onSelect(node: number): void
}

/** The neighbourhood of the selected node, with pictures: the tidy tree comes when it is first looked at. */
export function Focus({ watch, selected, ahead, onSelect }: FocusProps) {
  const [layout, setLayout] = useState<typeof import('./focus-layout.ts') | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  const frame = useRef<HTMLElement>(null)
  useEffect(() => {
    import('./focus-layout.ts').then(
      (found) => setLayout(found),
      (cause: unknown) => setError(messageOf(cause)),
    )
  }, [])
  const version = watch.calmVersion.value
  const tree = watch.shown
  const lambda = watch.summary.value?.config.lambda ?? 1
  const focus = selected !== undefined && tree.has(selected) ? selected : ROOT
  const picture = useMemo(
    () => (tree.size > 1 ? layout?.focusLayout(tree, tree.values(lambda), focus, PITCH) : undefined),
    [layout, version, focus, tree],
  )
  const there = picture !== undefined
  useEffect(() => {
    const chosen = picture?.nodes.find(({ node }) => node === focus)
    const element = frame.current
    if (!element || !chosen) return
    element.scrollTo({
      left: Math.max(0, chosen.x - element.clientWidth / 2),
      top: Math.max(0, chosen.y - element.clientHeight / 2),
    })
  }, [focus, there])

  // What went out of the picture before its turn is not asked for any more.
  useEffect(() => {
    watch.lookAheads.only(new Set(ahead && picture ? picture.nodes.map(({ node }) => node) : [focus]))
  }, [picture, ahead, focus])
  useEffect(() => () => watch.lookAheads.only(new Set()), [watch])

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section ref={frame} class="focus" tabIndex={0} aria-label="Neighbourhood of the selected node">
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {!error && !picture && (
        <p class="quiet">
          {tree.size > 1 ? 'Loading…' : 'The nodes around the selected one; they come with the first sample.'}
        </p>
      )}
      {picture && (
        <div class="board" style={{ width: `${picture.width}px`, height: `${picture.height + 24}px` }}>
          <Columns watch={watch} width={picture.width} />
          <Links watch={watch} picture={picture} />
          {picture.nodes.map((placed) => (
            <Node
              key={placed.node}
              watch={watch}
              placed={placed}
              chosen={placed.node === selected}
              ahead={ahead}
              value={tree.values(lambda)[placed.node]}
              onSelect={onSelect}
            />
          ))}
        </div>
      )}
    </section>
  )
}

function Columns({ watch, width }: { watch: Watch; width: number }) {
  const count = depthOf(watch.shown, watch.levels)
  return (
    <div class="columns" aria-hidden="true">
      {Array.from({ length: Math.round(width / PITCH.column) }, (_, d) => (
        <span key={d} style={{ width: `${PITCH.column}px` }}>
          {nameOf(d, count, watch.levels)}
        </span>
      ))}
    </div>
  )
}

function Links({ watch, picture }: { watch: Watch; picture: FocusPicture }) {
  const tree = watch.shown
  const lit = new Set(tree.bestLeaf >= 0 ? tree.path(tree.bestLeaf) : [])
  return (
    <svg class="links" width={picture.width} height={picture.height} aria-hidden="true">
      {picture.links.map(({ from, to }) => {
        const share = tree.passes[to.node] / Math.max(1, tree.passes[from.node])
        const [x0, x1] = [from.x + BOX.width / 2, to.x - BOX.width / 2]
        const bend = (x0 + x1) / 2
        return (
          <path
            key={to.node}
            class={lit.has(to.node) ? 'lit' : undefined}
            d={`M${x0} ${from.y}C${bend} ${from.y} ${bend} ${to.y} ${x1} ${to.y}`}
            stroke-width={1 + (THICK - 1) * share}
          />
        )
      })}
    </svg>
  )
}

interface NodeProps {
  readonly watch: Watch
  readonly placed: Placed
  readonly chosen: boolean
  readonly ahead: boolean
  readonly value: number
  onSelect(node: number): void
}

function Node({ watch, placed: { node, x, y, hidden }, chosen, ahead, value, onSelect }: NodeProps) {
  const box = useRef<HTMLButtonElement>(null)
  const seen = useSeen(box)
  const tree = watch.shown
  const level = nameOf(tree.depth[node], depthOf(tree, watch.levels), watch.levels)
  const best = tree.bestBelow()[node]
  const passes = whole(tree.passes[node])
  const lit = tree.bestLeaf >= 0 && best === tree.bestLeaf
  return (
    <button
      ref={box}
      type="button"
      class={lit ? 'spot lit' : 'spot'}
      aria-pressed={chosen}
      style={{
        left: `${x - BOX.width / 2}px`,
        top: `${y - BOX.height / 2}px`,
        width: `${BOX.width}px`,
        height: `${BOX.height}px`,
      }}
      onClick={() => onSelect(node)}
    >
      {node === ROOT ? (
        <span class="root">root</span>
      ) : ahead && !seen ? (
        <span class={watch.thumbnails.text.value ? 'words' : 'picture'} />
      ) : (
        <Picture watch={watch} place={{ node }} ahead={ahead && !tree.isLeaf(node)} />
      )}
      {node !== ROOT && !tree.isLeaf(node) && best >= 0 && <Picture watch={watch} place={{ node: best }} />}
      <span class="numbers-of">
        <strong>{number(value)}</strong> <span>{passes}×</span>
        {hidden > 0 && <span class="hidden-children"> +{whole(hidden)}</span>}
      </span>
      {/* A name begins with what can be seen, so that it can be spoken: WCAG 2.5.3. */}
      <span class="hidden">
        {' '}
        {tree.isLeaf(node) ? 'reward' : 'value'}, passes{hidden > 0 && ', more children'} of{' '}
        {node === ROOT ? 'the root' : `node ${node}, ${level}`}
      </span>
    </button>
  )
}

/** Whether an element has been in view: what costs a network evaluation waits for that. */
function useSeen(element: RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false)
  useEffect(() => {
    const observer = new IntersectionObserver((changes) => {
      if (!changes.some(({ isIntersecting }) => isIntersecting)) return
      setSeen(true)
      observer.disconnect()
    })
    if (element.current) observer.observe(element.current)
    return () => observer.disconnect()
  }, [])
  return seen
}
