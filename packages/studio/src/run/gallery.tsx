import { number, whole } from '../format.ts'
import { RewardHistogram } from './histogram.tsx'
import { narrow } from './narrow.ts'
import { Picture } from './picture.tsx'
import { bestOf } from './ranking.ts'
import type { Watch } from './watch.ts'

export { Picture } from './picture.tsx'

const SHOWN = 48
const SHOWN_NARROW = 18
/** Samples after which equal rewards are no accident. */
const ENOUGH = 20

export interface GalleryProps {
  readonly watch: Watch
  readonly selected: number | undefined
  onSelect(node: number): void
}

/** The samples found so far, best first. */
export function Gallery({ watch, selected, onSelect }: GalleryProps) {
  watch.calmVersion.value
  const tree = watch.shown
  const trees = watch.hasTree
  const all = trees ? tree.leaves : watch.samples.map((_, i) => i)
  const rewardOf = (i: number) => (trees ? tree.reward[i] : watch.samples[i])
  const rewards = all.map(rewardOf)
  const best = bestOf(all, narrow.value ? SHOWN_NARROW : SHOWN, rewardOf)
  const words = watch.thumbnails.text.value
  return (
    <section class="gallery panel" aria-label="Samples">
      <div class="bar">
        <h2>Samples, best first</h2>
        <span class="quiet">
          {best.length < all.length
            ? `the best ${whole(best.length)} of ${whole(all.length)}`
            : `${whole(all.length)} so far`}
        </span>
        <RewardHistogram rewards={rewards} />
      </div>
      {rewards.length >= ENOUGH && rewards.every((reward) => reward === rewards[0]) && (
        <p class="note">The reward does not tell samples apart: all of them have {number(rewards[0])}.</p>
      )}
      {best.length === 0 ? (
        <p class="quiet">Samples appear here as the search finds them.</p>
      ) : (
        <ol class={words ? 'texts' : undefined}>
          {best.map((i, rank) => (
            // A place is a rank: a better sample takes its place, and nothing moves.
            <li key={rank}>
              <button type="button" class="sample" aria-pressed={i === selected} onClick={() => onSelect(i)}>
                <Picture watch={watch} place={trees ? { node: i } : { sample: i }} />
                <span class="reward">{number(rewardOf(i))}</span>
                {/* A name begins with what can be seen, so that it can be spoken: WCAG 2.5.3. */}
                <span class="hidden">
                  {' '}
                  reward of {trees ? 'the sample at node' : 'sample'} {i}
                </span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
