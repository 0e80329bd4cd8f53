import { useEffect, useRef } from 'preact/hooks'
import { number, whole } from '../format.ts'
import type { Place } from '../tree/thumbnails.ts'
import type { Watch } from './watch.ts'

const SHOWN = 48

export interface GalleryProps {
  readonly watch: Watch
  readonly selected: number | undefined
  onSelect(node: number): void
}

/** The samples found so far, best first. */
export function Gallery({ watch, selected, onSelect }: GalleryProps) {
  watch.calmVersion.value
  const { tree } = watch
  const trees = watch.hasTree
  const all = trees ? tree.leaves : watch.samples.map((_, i) => i)
  const rewardOf = (i: number) => (trees ? tree.reward[i] : watch.samples[i])
  const best = [...all].sort((a, b) => rewardOf(b) - rewardOf(a) || a - b).slice(0, SHOWN)
  return (
    <section class="gallery panel" aria-label="Samples">
      <div class="bar">
        <h2>Samples, best first</h2>
        <span class="quiet">
          {best.length < all.length
            ? `the best ${whole(best.length)} of ${whole(all.length)}`
            : `${whole(all.length)} so far`}
        </span>
      </div>
      {best.length === 0 ? (
        <p class="quiet">Samples appear here as the search finds them.</p>
      ) : (
        <ol>
          {best.map((i) => (
            <li key={i}>
              <button
                type="button"
                class="sample"
                aria-pressed={trees && i === selected}
                onClick={() => onSelect(i)}
                aria-label={`${trees ? 'Sample at node' : 'Sample'} ${i}, reward ${number(rewardOf(i))}`}
              >
                <Picture watch={watch} place={trees ? { node: i } : { sample: i }} />
                <span>{number(rewardOf(i))}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

/** A state, in a slot of fixed size. */
export function Picture({ watch, place, large }: { watch: Watch; place: Place; large?: boolean }) {
  watch.thumbnails.arrived.value
  const slot = useRef<HTMLCanvasElement>(null)
  const picture = watch.thumbnails.picture(place)
  useEffect(() => {
    const canvas = slot.current
    const context = canvas?.getContext('2d')
    if (!canvas || !context) return
    if (!picture) {
      context.clearRect(0, 0, canvas.width, canvas.height)
      return
    }
    canvas.width = picture.width
    canvas.height = picture.height
    context.drawImage(picture, 0, 0)
  }, [picture])
  return <canvas ref={slot} class={large ? 'picture large' : 'picture'} />
}
