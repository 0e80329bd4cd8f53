import type { RunStatus } from '@espalier/engine'
import { duration, number, whole } from '../format.ts'
import { loading } from '../studio.ts'
import { stepOf } from './starting.tsx'
import type { Watch } from './watch.ts'

/** What is spent, how fast, and what it brought. */
export function TopLine({ watch }: { watch: Watch }) {
  const counts = watch.counts.value
  const summary = watch.summary.value
  if (!summary) return null
  const { budget } = summary.config
  const { nfe, seconds, best, rewardEvaluations, gradientEvaluations } = counts.nfe > 0 ? counts : summary
  const rate = seconds > 0 ? nfe / seconds : 0
  const status = watch.status.value
  return (
    <div class="numbers">
      <progress max={budget} value={nfe} aria-label="Network evaluations spent" />
      <p>
        <strong>
          {whole(nfe)} / {whole(budget)} NFE
        </strong>
        <span>{wordsOf(status, nfe)}</span>
        <span>
          best <strong>{number(best)}</strong>
        </span>
        <span>{rate > 0 ? whole(Number(rate.toPrecision(3))) : '–'} NFE/s</span>
        {status === 'running' && <span>{rate > 0 ? duration((budget - nfe) / rate) : '–'} left</span>}
        <span>{whole(rewardEvaluations)} reward evaluations</span>
        {gradientEvaluations > 0 && <span>{whole(gradientEvaluations)} gradient evaluations</span>}
      </p>
    </div>
  )
}

function wordsOf(status: RunStatus, nfe: number): string {
  if (status === 'stopped') return 'stopped early'
  if (status !== 'running' || nfe > 0) return status
  return loading.value ? `loading: ${stepOf(loading.value)}` : 'starting'
}
