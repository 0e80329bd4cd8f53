import { useEffect, useRef, useState } from 'preact/hooks'
import { number } from '../format.ts'
import { note, route } from '../route.ts'
import type { Replay } from '../run/replay.ts'
import { Starting } from '../run/starting.tsx'
import type { Watch } from '../run/watch.ts'
import { scale } from './colours.ts'
import { type Colouring, spanOf } from './detail.ts'
import { Focus } from './focus.tsx'
import { ROOT } from './growing-tree.ts'
import { Icicle, type Zoom } from './icicle.tsx'
import type { Weighing } from './layout.ts'
import { TimeStrip } from './time-strip.tsx'

export interface TreeViewProps {
  readonly watch: Watch
  readonly replay: Replay
  readonly selected: number | undefined
  readonly by: Weighing
  /** Told what buttons and keys do with the picture; undefined where it cannot be zoomed. */
  onZoom(zoom: Zoom | undefined): void
  onSelect(node: number): void
}

/** The tree: all of it as an icicle, or what is around the selected node. */
export function TreeView({ watch, replay, selected, by, onZoom, onSelect }: TreeViewProps) {
  const focused = route.value.query.get('view') === 'focus'
  const zoom = useRef<Zoom | undefined>(undefined)
  const ahead = route.value.query.get('pictures') === 'ahead'
  const colouring = route.value.query.get('colour') === 'value' ? 'value' : 'rank'
  const [part, setPart] = useState(false)
  useEffect(() => {
    onZoom(focused ? undefined : zoom.current)
  })
  return (
    <section class="tree panel" aria-label="Tree">
      <div class="bar">
        <h2>Tree</h2>
        <fieldset class="choice" aria-label="How much of the tree is shown">
          <button type="button" aria-pressed={!focused} onClick={() => note({ view: undefined })}>
            Whole
          </button>
          <button type="button" aria-pressed={focused} onClick={() => note({ view: 'focus' })}>
            Focus
          </button>
        </fieldset>
        {focused && (
          <fieldset class="choice" aria-label="What nodes show">
            <button type="button" aria-pressed={!ahead} onClick={() => note({ pictures: undefined })}>
              Noisy state
            </button>
            <button type="button" aria-pressed={ahead} onClick={() => note({ pictures: 'ahead' })}>
              Look-ahead
            </button>
          </fieldset>
        )}
        {!focused && (
          <>
            <fieldset class="choice" aria-label="What the width of a cell says">
              <button type="button" aria-pressed={by === 'passes'} onClick={() => note({ by: undefined })}>
                Where the work went
              </button>
              <button type="button" aria-pressed={by === 'mass'} onClick={() => note({ by: 'mass' })}>
                Where the probability is
              </button>
            </fieldset>
            <fieldset class="tools" aria-label="Zoom">
              <button type="button" onClick={() => zoom.current?.by(0.5)} aria-label="Zoom in">
                +
              </button>
              <button type="button" onClick={() => zoom.current?.by(2)} disabled={!part} aria-label="Zoom out">
                −
              </button>
              <button type="button" onClick={() => zoom.current?.pan(-0.5)} disabled={!part} aria-label="To the left">
                ←
              </button>
              <button type="button" onClick={() => zoom.current?.pan(0.5)} disabled={!part} aria-label="To the right">
                →
              </button>
              <button
                type="button"
                disabled={selected === undefined}
                onClick={() => zoom.current?.fit(selected ?? ROOT)}
                aria-label="Fit the selected node"
              >
                Fit
              </button>
              <button type="button" onClick={() => zoom.current?.all()} disabled={!part} aria-label="Show all">
                All
              </button>
            </fieldset>
          </>
        )}
      </div>
      {focused ? (
        <Focus watch={watch} selected={selected} ahead={ahead} onSelect={onSelect} />
      ) : (
        <div class="stage">
          <Icicle
            watch={watch}
            selected={selected}
            by={by}
            colouring={colouring}
            zoom={zoom}
            onSelect={onSelect}
            onZoomed={setPart}
          />
          <Starting watch={watch} />
        </div>
      )}
      <TimeStrip watch={watch} replay={replay} />
      {focused ? (
        <p class="legend">
          Left {ahead ? 'what the network expects there' : 'its noisy state'}, right the best sample below; value,
          passes, children that are not shown. Thickness of a link: its share of the passes. Bold: the path of the best
          sample.
        </p>
      ) : (
        <p class="legend">
          <span
            class="ramp"
            style={{ background: `linear-gradient(to right, ${scale.join(',')})` }}
            aria-hidden="true"
          />
          <Meaning watch={watch} colouring={colouring} />
          {!watch.thumbnails.text.value && ' · pictures: the best sample below'} · height of samples: reward · outlined:
          path of the best · hatched: not finished
        </p>
      )}
    </section>
  )
}

/** What the colours say, and the way to the other meaning. */
function Meaning({ watch, colouring }: { watch: Watch; colouring: Colouring }) {
  watch.calmVersion.value
  const [low, high] = spanOf(watch.shown, watch.shown.values(watch.summary.value?.config.lambda ?? 1))
  const known = high >= low
  return (
    <>
      {colouring === 'rank'
        ? 'rank of the value within its level, low to high'
        : `value${known ? ` from ${number(low)} to ${number(high)}` : ''}`}{' '}
      <button type="button" class="link" onClick={() => note({ colour: colouring === 'rank' ? 'value' : undefined })}>
        {colouring === 'rank' ? 'show values' : 'show ranks'}
      </button>
    </>
  )
}
