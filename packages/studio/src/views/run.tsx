import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { duration, messageOf, number, percent, whole } from '../format.ts'
import { address, note, route } from '../route.ts'
import { Chart, type Series } from '../run/chart.tsx'
import { Gallery } from '../run/gallery.tsx'
import { Inspector } from '../run/inspector.tsx'
import { reference } from '../run/reference.ts'
import { ended, Watch } from '../run/watch.ts'
import { letterKeys } from '../settings.ts'
import { engine } from '../studio.ts'
import { theme } from '../theme.ts'
import { TreeView } from '../tree/tree-view.tsx'
import { Twin } from '../tree/twin.tsx'

export function Run({ id }: { id: string }) {
  const watch = useMemo(() => new Watch(engine, id, () => theme.peek() === 'dark'), [id])
  useEffect(() => () => watch.close(), [watch])
  const { query } = route.value
  const by = query.get('by') === 'mass' ? 'mass' : 'passes'
  const given = query.get('node')
  const selected = given !== null && /^\d+$/.test(given) ? Number(given) : undefined
  const select = (node: number | undefined) => note({ node: node === undefined ? undefined : String(node) })
  const failure = useSignal<string | undefined>(undefined)
  const act = (what: Promise<unknown>) => {
    failure.value = undefined
    what.catch((cause: unknown) => {
      failure.value = messageOf(cause)
    })
  }
  const status = watch.status.value
  const toggle = () => {
    if (status === 'paused' || status === 'interrupted') act(watch.resume())
    else if (status === 'running' || status === 'queued') act(engine.pause(id))
  }
  const step = () => {
    if (status === 'paused') act(engine.step(id, watch.seen))
  }

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, select, textarea, dialog')) return
      if (event.key === 'Escape' && selected !== undefined) {
        select(watch.hasTree && selected > 0 ? watch.tree.parent[selected] : undefined)
      } else if (!letterKeys.peek()) return
      else if (event.key === 'p') toggle()
      else if (event.key === '.') step()
      else if (event.key === 'b' && watch.tree.bestLeaf >= 0) select(watch.tree.bestLeaf)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })

  const series = (): readonly Series[] => {
    watch.calmVersion.value
    const { nfe, best } = watch.curve
    const lines: Series[] = [{ label: 'This run', nfe, value: best, style: 0 }]
    const other = watch.hasTree ? reference(watch) : undefined
    return other ? [...lines, other] : lines
  }
  const summary = watch.summary.value
  if (!summary) {
    return (
      <>
        <h1 tabIndex={-1}>Run</h1>
        {watch.error.value ? (
          <p class="error" role="alert">
            {watch.error.value}. <a href={address([])}>Back to the runs</a>
          </p>
        ) : (
          <p class="quiet">Reading the run…</p>
        )}
      </>
    )
  }
  const { config } = summary
  return (
    <>
      <h1 tabIndex={-1}>
        {config.method} <span class="quiet">for</span> {config.reward} <span class="quiet">on</span> {config.model}
      </h1>
      <div class="topline panel">
        <TopLine watch={watch} />
        <fieldset class="controls" aria-label="Run">
          <button type="button" disabled={ended(status) && status !== 'interrupted'} onClick={toggle} class="primary">
            {status === 'paused' || status === 'interrupted' ? 'Resume' : 'Pause'}
          </button>
          <button type="button" disabled={status !== 'paused'} onClick={step}>
            Step
          </button>
          <button
            type="button"
            disabled={ended(status) && status !== 'interrupted'}
            onClick={() => act(engine.stop(id).then(() => watch.refresh()))}
          >
            Stop
          </button>
          <a class="button" href={address(['new'], { from: id })}>
            Duplicate
          </a>
        </fieldset>
      </div>
      {failure.value && (
        <p class="error" role="alert">
          {failure.value}
        </p>
      )}
      <Banner watch={watch} />
      <Speaker watch={watch} />
      <div class="run">
        <div class="main">
          {summary.config.method.startsWith('dts') ? (
            <TreeView watch={watch} selected={selected} by={by} onSelect={select} />
          ) : (
            <NoTree watch={watch} />
          )}
          <Chart
            title="Reward against NFE"
            caption={
              config.method.startsWith('dts')
                ? 'Best of N: expected best of as many of this run’s own independent rollouts, at the same NFE.'
                : 'Best reward so far after so many network evaluations.'
            }
            series={series}
          />
        </div>
        <div class="side">
          <Inspector watch={watch} selected={selected} onSelect={select} />
          {config.method.startsWith('dts') && <Twin watch={watch} selected={selected} onSelect={select} />}
        </div>
        <Gallery watch={watch} selected={selected} onSelect={select} />
      </div>
    </>
  )
}

function NoTree({ watch }: { watch: Watch }) {
  watch.calmVersion.value
  const waiting = watch.samples.length === 0 && !ended(watch.status.value)
  return (
    <section class="panel" aria-label="Tree">
      <h2>No tree</h2>
      <p class="quiet">
        This method grows no tree; it is a search over independent paths or populations.{' '}
        {waiting && 'Its samples are shown as they are kept, or at its end.'}
      </p>
    </section>
  )
}

/** What is spent, how fast, and what it brought. */
function TopLine({ watch }: { watch: Watch }) {
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
        {' · '}
        {nfe === 0 && status === 'running' ? 'loading the runtime and the model…' : status}
        {' · '}
        {number(rate === 0 ? 0 : Number(rate.toPrecision(3)))} NFE/s
        {status === 'running' && rate > 0 && ` · ${duration((budget - nfe) / rate)} left`}
        {' · best '}
        <strong>{number(best)}</strong>
        {' · '}
        {whole(rewardEvaluations)} reward evaluations
        {gradientEvaluations > 0 && ` · ${whole(gradientEvaluations)} gradient evaluations`}
      </p>
    </div>
  )
}

function Banner({ watch }: { watch: Watch }) {
  const status = watch.status.value
  const summary = watch.summary.value
  const error = watch.error.value
  watch.calmVersion.value
  const flat =
    watch.tree.leaves.length >= 20 && new Set(watch.tree.leaves.map((leaf) => watch.tree.reward[leaf])).size === 1
  return (
    <>
      {status === 'interrupted' && (
        <p class="note">
          Restored at {whole(summary?.nfe ?? 0)} NFE: the page was left while this run was under way. Resume goes on
          from the last snapshot.
        </p>
      )}
      {status === 'stopped' && <p class="note">Stopped early: these are the results so far.</p>}
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {flat && <p class="note">The reward does not tell samples apart: all of them have the same.</p>}
    </>
  )
}

/** Tells what matters, and no more often than can be listened to. */
function Speaker({ watch }: { watch: Watch }) {
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
    } else if (now !== best.current && performance.now() - bestAt.current > 10_000) {
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
