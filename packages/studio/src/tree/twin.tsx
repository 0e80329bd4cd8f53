import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { number, whole } from '../format.ts'
import type { Watch } from '../run/watch.ts'
import { ROOT } from './growing-tree.ts'
import { depthOf, nameOf } from './painter.ts'

/** Children of a node in the list; more are counted in a line. */
const SHOWN = 20

interface Item {
  readonly node: number
  readonly level: number
  readonly position: number
  readonly setSize: number
  readonly expanded: boolean | undefined
}

export interface TwinProps {
  readonly watch: Watch
  readonly selected: number | undefined
  onSelect(node: number): void
}

/** The tree as a list for keyboard and screen reader: the best children of each node, opened one by one. */
export function Twin({ watch, selected, onSelect }: TwinProps) {
  watch.calmVersion.value // the list follows the tree
  const tree = watch.shown
  const open = useSignal<ReadonlySet<number>>(new Set([ROOT]))
  const [focused, setFocused] = useState(ROOT)
  const list = useRef<HTMLDivElement>(null)
  const values = tree.values(watch.summary.value?.config.lambda ?? 1)

  // What is selected in the picture is opened here.
  useEffect(() => {
    if (selected === undefined || !tree.has(selected)) return
    open.value = new Set([...open.peek(), ...tree.path(selected).slice(0, -1)])
    setFocused(selected)
  }, [selected])

  const items: Item[] = []
  const rest = new Map<number, number>()
  const bestFirst = (node: number) => {
    const children = tree.childrenOf(node).sort((a, b) => order(values[b]) - order(values[a]) || a - b)
    const shown = children.slice(0, SHOWN)
    // A selected child is in the list, however poor.
    const wanted = selected !== undefined && tree.has(selected) ? tree.path(selected) : []
    for (const child of children.slice(SHOWN)) if (wanted.includes(child)) shown.push(child)
    return { shown, count: children.length }
  }
  const visit = (node: number, level: number, position: number, setSize: number) => {
    const inner = tree.children[node] > 0
    const expanded = inner ? open.value.has(node) : undefined
    items.push({ node, level, position, setSize, expanded })
    if (!expanded) return
    const { shown, count } = bestFirst(node)
    shown.forEach((child, i) => {
      visit(child, level + 1, i + 1, count)
    })
    if (count > shown.length) rest.set(items.length - 1, count - shown.length)
  }
  if (tree.size > 1) visit(ROOT, 1, 1, 1)

  const move = (to: number) => {
    setFocused(to)
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`[data-node="${to}"]`)?.focus())
  }
  const toggle = (node: number, on: boolean) => {
    const next = new Set(open.peek())
    if (on) next.add(node)
    else next.delete(node)
    open.value = next
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const at = items.findIndex(({ node }) => node === focused)
    const item = items[at]
    if (!item) return
    switch (event.key) {
      case 'ArrowDown':
        if (items[at + 1]) move(items[at + 1].node)
        break
      case 'ArrowUp':
        if (items[at - 1]) move(items[at - 1].node)
        break
      case 'ArrowRight':
        if (item.expanded === false) toggle(item.node, true)
        else if (item.expanded && items[at + 1]) move(items[at + 1].node)
        break
      case 'ArrowLeft':
        if (item.expanded) toggle(item.node, false)
        else if (item.node !== ROOT) move(tree.parent[item.node])
        break
      case 'Home':
        move(items[0].node)
        break
      case 'End':
        move(items[items.length - 1].node)
        break
      case '*':
        open.value = new Set([...open.peek(), ...items.filter((i) => i.level === item.level).map(({ node }) => node)])
        break
      case 'Enter':
      case ' ':
        onSelect(item.node)
        break
      default:
        return
    }
    event.preventDefault()
    event.stopPropagation()
  }

  // The focus stays with its node when that is told in another row.
  useLayoutEffect(() => {
    const active = document.activeElement
    if (!(active instanceof HTMLElement) || !list.current?.contains(active)) return
    if (active.dataset.node !== String(focused))
      list.current.querySelector<HTMLElement>(`[data-node="${focused}"]`)?.focus()
  })

  const tabStop = items.some(({ node }) => node === focused) ? focused : ROOT
  const count = depthOf(tree, watch.levels)
  return (
    <section class="twin panel" aria-label="Nodes">
      <h2>Nodes</h2>
      {items.length === 0 ? (
        <p class="quiet">The nodes of the tree, as a list: they appear with the first sample.</p>
      ) : (
        <div ref={list} role="tree" aria-label="Nodes of the tree, best first" onKeyDown={onKeyDown}>
          {items.map(({ node, level, position, setSize, expanded }, i) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it hears the keys
            <div
              // Rows stay where they are and change what they tell: nothing moves while a search goes on.
              key={i}
              role="treeitem"
              class="node"
              data-node={node}
              aria-level={level}
              aria-posinset={position}
              aria-setsize={setSize}
              aria-expanded={expanded}
              aria-selected={node === selected}
              tabIndex={node === tabStop ? 0 : -1}
              style={{ paddingInlineStart: `${(level - 1) * 0.6 + 0.3}rem` }}
              onClick={() => {
                if (expanded !== undefined && node === focused) toggle(node, !expanded)
                setFocused(node)
                onSelect(node)
              }}
              onFocus={() => setFocused(node)}
            >
              <span aria-hidden="true" class="twist">
                {expanded === undefined ? '·' : expanded ? '▾' : '▸'}
              </span>
              <span>{node === ROOT ? 'root' : `node ${node}, ${nameOf(tree.depth[node], count, watch.levels)}`}</span>
              <span class="figures">
                {number(values[node])} · {whole(tree.passes[node])}×
              </span>
              {rest.has(i) && <span class="more">and {whole(rest.get(i) ?? 0)} more beside it</span>}
            </div>
          ))}
        </div>
      )}
    </section>
  )
}

function order(value: number): number {
  return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value
}
