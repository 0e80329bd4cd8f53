import { number, whole } from '../format.ts'
import { histogram } from './ranking.ts'

const BINS = 40
const WIDTH = 160
const HEIGHT = 30

/** How rewards are spread. */
export function RewardHistogram({ rewards }: { rewards: readonly number[] }) {
  const { counts, low, high, total } = histogram(rewards, BINS)
  const most = Math.max(1, ...counts)
  const range = total === 0 ? 'none yet' : low === high ? `all ${number(low)}` : `${number(low)} to ${number(high)}`
  return (
    <figure class="histogram">
      <svg
        width={WIDTH}
        height={HEIGHT}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`Rewards of ${whole(total)} samples: ${range}`}
      >
        <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
        {counts.map((count, i) => {
          // What is there can be seen, be it one of thousands.
          const tall = count === 0 ? 0 : Math.max(1.5, (count / most) * (HEIGHT - 1))
          const wide = WIDTH / BINS
          return <rect key={i} x={i * wide} y={HEIGHT - tall} width={wide - 0.6} height={tall} />
        })}
      </svg>
      <figcaption>
        <span>{total > 0 && number(low)}</span>
        <span>{total > 0 && high > low && number(high)}</span>
      </figcaption>
    </figure>
  )
}
