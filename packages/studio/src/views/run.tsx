import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { messageOf } from '../format.ts'
import { address, note, route } from '../route.ts'
import { Banner } from '../run/banner.tsx'
import { Chart, type Series } from '../run/chart.tsx'
import { Downloads } from '../run/downloads.tsx'
import { EarlierPicker, EarlierRuns } from '../run/earlier.tsx'
import { Gallery } from '../run/gallery.tsx'
import { Inspector } from '../run/inspector.tsx'
import { KeysHelp } from '../run/keys-help.tsx'
import { narrow } from '../run/narrow.ts'
import { reference } from '../run/reference.ts'
import { Replay } from '../run/replay.ts'
import { SettingsLine } from '../run/settings-line.tsx'
import { Sheet } from '../run/sheet.tsx'
import { Speaker } from '../run/speaker.tsx'
import { TopLine } from '../run/top-line.tsx'
import { ended, Watch } from '../run/watch.ts'
import { letterKeys } from '../settings.ts'
import { engine } from '../studio.ts'
import { theme } from '../theme.ts'
import type { Zoom } from '../tree/icicle.tsx'
import { TreeView } from '../tree/tree-view.tsx'
import { Twin } from '../tree/twin.tsx'
import '../run.css'

/** Milliseconds that a moment is shown before it stands in the address. */
const SETTLED = 300

export function Run({ id }: { id: string }) {
  const watch = useMemo(() => new Watch(engine, id, () => theme.peek() === 'dark'), [id])
  const earlier = useMemo(() => new EarlierRuns(engine), [id])
  const settling = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const replay = useMemo(() => {
    const settle = (moment: number | undefined) => {
      clearTimeout(settling.current)
      settling.current = setTimeout(() => {
        note({ t: moment === undefined ? undefined : String(Math.ceil(moment)) })
      }, SETTLED)
    }
    return new Replay(watch, settle)
  }, [watch])
  useEffect(
    () => () => {
      clearTimeout(settling.current)
      replay.close()
      earlier.close()
      watch.close()
    },
    [watch],
  )
  const { query } = route.value
  const by = query.get('by') === 'mass' ? 'mass' : 'passes'
  const selected = wholeOf(query.get('node'))
  const moment = wholeOf(query.get('t'))
  useEffect(() => {
    // A moment that came to rest here is there already, to the fraction.
    const shown = watch.moment.peek()
    if (!replay.playing.peek() && (shown === undefined ? undefined : Math.ceil(shown)) !== moment) watch.show(moment)
  }, [moment, watch])
  const select = (node: number | undefined) => note({ node: node === undefined ? undefined : String(node) })
  const zoom = useRef<Zoom | undefined>(undefined)
  const help = useSignal(false)
  const failure = useSignal<string | undefined>(undefined)
  const act = (what: Promise<unknown>) => {
    failure.value = undefined
    what.catch((cause: unknown) => {
      failure.value = messageOf(cause)
    })
  }
  const status = watch.status.value
  // Keys may come faster than pictures, so what they do goes by what is, not by what is shown.
  const toggle = () => {
    const now = watch.status.peek()
    if (now === 'paused' || now === 'interrupted') act(watch.resume())
    else if (now === 'running' || now === 'queued') act(engine.pause(id))
  }
  const step = () => {
    if (watch.status.peek() === 'paused') act(engine.step(id))
  }
  const selectedNow = () => wholeOf(route.peek().query.get('node'))
  const commands: Readonly<Record<string, () => void>> = {
    p: toggle,
    '.': step,
    b: () => watch.shown.bestLeaf >= 0 && select(watch.shown.bestLeaf),
    r: () => replay.toggle(),
    n: () => replay.now(),
    '+': () => zoom.current?.by(0.5),
    '-': () => zoom.current?.by(2),
    '[': () => zoom.current?.pan(-0.25),
    ']': () => zoom.current?.pan(0.25),
    '0': () => zoom.current?.all(),
    f: () => {
      const node = selectedNow()
      if (node !== undefined) zoom.current?.fit(node)
    },
    '?': () => {
      help.value = true
    },
  }

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      const typing = target.closest('input:not([type=range]), select, textarea, dialog.keys')
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing) return
      const node = selectedNow()
      if (event.key === 'Escape' && node !== undefined) {
        select(watch.hasTree && node > 0 ? watch.tree.parent[node] : undefined)
      } else if (letterKeys.peek()) commands[event.key]?.()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })

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
          <p class="quiet waiting">Reading the run…</p>
        )}
      </>
    )
  }
  const { config } = summary
  const trees = watch.growsTree
  const own = (): readonly Series[] => {
    watch.calmVersion.value
    const line: Series = { label: 'This run', nfe: watch.curve.nfe, value: watch.curve.best, style: 0 }
    const other = watch.hasTree ? reference(watch) : undefined
    return other ? [line, other] : [line]
  }
  const series = () => [...own(), ...earlier.series.value]
  const over = ended(status) && status !== 'interrupted'
  const twin = trees && <Twin watch={watch} selected={selected} onSelect={select} />
  return (
    <>
      <div class="run-head">
        <h1 tabIndex={-1}>
          {config.method} <span class="quiet">for</span> {config.reward} <span class="quiet">on</span> {config.model}
        </h1>
        <div class="tools">
          <Downloads watch={watch} by={by} series={series} />
          <a class="button" href={address(['new'], { from: id })}>
            Duplicate
          </a>
          <button type="button" onClick={() => commands['?']()} aria-label="Keys">
            ?
          </button>
        </div>
      </div>
      <SettingsLine summary={summary} words={watch.thumbnails.text.value} />
      <div class="topline panel">
        <TopLine watch={watch} />
        <fieldset class="controls" aria-label="Run">
          <button type="button" disabled={over} onClick={toggle} class="primary">
            {status === 'paused' || status === 'interrupted' ? 'Resume' : 'Pause'}
          </button>
          <button type="button" disabled={status !== 'paused'} onClick={step}>
            Step
          </button>
          <button type="button" disabled={over} onClick={() => act(engine.stop(id).then(() => watch.refresh()))}>
            Stop
          </button>
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
          {trees ? (
            <TreeView
              watch={watch}
              replay={replay}
              selected={selected}
              by={by}
              onSelect={select}
              onZoom={(found) => {
                zoom.current = found
              }}
            />
          ) : (
            <NoTree watch={watch} />
          )}
          <Chart
            title="Reward against NFE"
            caption={
              trees
                ? 'Best of N: expected best of as many of this run’s own independent rollouts, at the same NFE.'
                : 'Best reward so far after so many network evaluations.'
            }
            until={config.budget}
            tools={
              <EarlierPicker
                of={summary}
                earlier={earlier}
                chosen={query.get('with')?.split(',').filter(Boolean) ?? []}
              />
            }
            series={series}
            moment={() => watch.moment.value}
          />
        </div>
        {!narrow.value && (
          <div class="side">
            <Inspector watch={watch} selected={selected} onSelect={select} />
            {twin}
          </div>
        )}
        <Gallery watch={watch} selected={selected} onSelect={select} />
        {narrow.value && twin}
        {narrow.value && selected !== undefined && (
          <Sheet label="Inspector" onClose={() => select(undefined)}>
            <Inspector watch={watch} selected={selected} onSelect={select} />
          </Sheet>
        )}
      </div>
      {help.value && (
        <KeysHelp
          onClose={() => {
            help.value = false
          }}
        />
      )}
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

function wholeOf(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined
}
