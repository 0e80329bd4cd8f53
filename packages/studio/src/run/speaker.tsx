import { useSignal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { number, percent } from '../format.ts'
import type { Watch } from './watch.ts'

/** Milliseconds between two new bests that are told. */
const BETWEEN = 10_000

/** Tells what matters to a screen reader, and no more often than can be listened to. */
export function Speaker({ watch }: { watch: Watch }) {
  const said = useSignal('')
  const quarter = useRef(0)
  const bestAt = useRef(0)
  const best = useRef<number | null>(null)
  const last = useRef('')
  useSignalEffect(() => {
    const status = watch.status.value
    const { nfe, best: now } = watch.counts.value
    const budget = watch.summary.value?.config.budget ?? Infinity
    const reached = Math.floor((4 * nfe) / budget)
    if (status !== last.current) {
      last.current = status
      said.value = `The run is ${status}.`
    } else if (reached > quarter.current) {
      quarter.current = reached
      said.value = `${percent(reached / 4)} of the budget is spent, best reward ${number(now)}.`
    } else if (now !== best.current && performance.now() - bestAt.current > BETWEEN) {
      best.current = now
      bestAt.current = performance.now()
      said.value = `New best reward ${number(now)}.`
    }
  })
  return (
    <p class="hidden" role="status">
      {said.value}
    </p>
  )
}
