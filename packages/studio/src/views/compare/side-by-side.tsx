import type { RunSummary } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { number, whole } from '../../format.ts'
import { route } from '../../route.ts'
import { Chart } from '../../run/chart.tsx'
import { Picture } from '../../run/picture.tsx'
import { ended, Watch } from '../../run/watch.ts'
import { engine } from '../../studio.ts'
import { theme } from '../../theme.ts'
import type { Place } from '../../tree/thumbnails.ts'
import { bestAt, groupsOf, type Mean95, meanCurve } from './groups.ts'
import { Results } from './results.tsx'

/** Samples of a group that are shown. */
const PICTURES = 6
/** What runs spent is the same within this factor. */
const SAME = 1.02

/** A run that is compared. */
export interface Compared {
  readonly watch: Watch
  readonly config: RunSummary['config']
}

export function SideBySide({ ids }: { ids: readonly string[] }) {
  const watches = useMemo(() => ids.map((id) => new Watch(engine, id, () => theme.peek() === 'dark')), [ids.join()])
  const mean95 = useSignal<Mean95 | undefined>(undefined)
  useEffect(() => {
    // Only where means are wanted: it brings a part of the library into the page.
    void import('./mean95.ts').then((found) => {
      mean95.value = found.mean95
    })
    return () => {
      for (const watch of watches) watch.close()
    }
  }, [watches])
  const cut = useSignal<number | undefined>(undefined)
  const given = Number(route.value.query.get('nfe') ?? Number.NaN)
  for (const watch of watches) watch.calmVersion.value
  const failed = watches.find((watch) => !watch.summary.value && watch.error.value)
  if (failed) {
    return (
      <p class="error" role="alert">
        {failed.error.value}
      </p>
    )
  }
  const summaries = watches.map((watch) => watch.summary.value)
  const interval = mean95.value
  if (summaries.some((summary) => !summary) || !interval) return <p class="quiet">Reading the runs…</p>
  const known = summaries as readonly RunSummary[]
  const all = watches.map((watch, i) => ({ watch, config: known[i].config }))
  const groups = groupsOf(all)
  const spent = watches.map((watch, i) => watch.counts.value.nfe || known[i].nfe)
  const waiting = watches.filter((watch) => !ended(watch.status.value)).length
  const common = Math.min(...spent)
  // A run that used up its budget may fall short of it: it spends whole samples, and texts cost unequally many calls.
  const finished = watches.every((watch) => watch.status.value === 'finished')
  const sameBudget = finished && new Set(known.map(({ config }) => config.budget)).size === 1
  const even = sameBudget || spent.every((nfe) => nfe <= common * SAME)
  const measured = new Set(known.map(({ config }) => `${config.model} ${config.reward}`))
  const budget = Math.max(...known.map(({ config }) => config.budget))
  const at =
    cut.value ?? (Number.isFinite(given) ? given : even ? Math.max(...spent) : waiting > 0 ? budget : undefined)
  const labels = groups.map(({ runs }, i) => `${i + 1}: ${runs[0].config.method}`)
  return (
    <>
      {measured.size > 1 && (
        <p class="note">These runs have different models or rewards: their numbers do not measure the same.</p>
      )}
      {waiting > 0 && (
        <p class="note" role="status">
          {whole(watches.length - waiting)} of {whole(watches.length)} runs have ended; the numbers stand when all have.
        </p>
      )}
      {at === undefined ? (
        <p class="note">
          The runs spent {[...new Set(spent)].map(whole).join(', ')} NFE: at unequal budgets they cannot be compared.{' '}
          <button
            type="button"
            onClick={() => {
              cut.value = common
            }}
          >
            Cut to the common {whole(common)} NFE
          </button>
        </p>
      ) : (
        <div class="compared">
          <Chart
            title="Reward against NFE"
            caption={`Best reward so far, up to ${whole(at)} NFE; of several seeds its mean, in a band the 95 % interval.`}
            series={() =>
              groups.map(({ runs }, style) => {
                for (const { watch } of runs) watch.calmVersion.value
                const curves = runs.map(({ watch }) => watch.curve)
                if (runs.length === 1) return { label: labels[style], style, ...cutAt(curves[0], at) }
                const { nfe, mean, low, high } = meanCurve(curves, at, interval)
                const begun = curves.filter((curve) => curve.nfe.length > 0).length
                const seeds = begun < runs.length ? `${begun} of ${runs.length} seeds` : `${begun} seeds`
                return { label: `${labels[style]}, ${seeds}`, style, nfe, value: mean, band: { low, high } }
              })
            }
          />
          <Results groups={groups} labels={labels} at={at} mean95={interval} />
          <div class="beside">
            {groups.map(({ key, runs }, i) => (
              <section key={key} class="panel" aria-label={`Best samples of ${labels[i]}`}>
                <h2>
                  {labels[i]}
                  {runs.some(({ watch }) => at < watch.counts.value.nfe)
                    ? ', best of all that it spent'
                    : ', best samples'}
                </h2>
                <ol class="row">
                  {bestOf(runs).map(({ name, watch, place, reward }) => (
                    <li key={`${watch.id} ${name}`}>
                      <Picture watch={watch} place={place} />
                      {number(reward)}
                    </li>
                  ))}
                </ol>
              </section>
            ))}
          </div>
        </div>
      )}
    </>
  )
}

/** A line up to some NFE: between two reports the best stays what it was. */
function cutAt({ nfe, best }: Watch['curve'], at: number): { readonly nfe: number[]; readonly value: number[] } {
  const n = nfe.findIndex((spent) => spent > at)
  const to = n < 0 ? nfe.length : n
  const line = { nfe: nfe.slice(0, to), value: best.slice(0, to) }
  const last = bestAt({ nfe, best }, at)
  if (n > 0 && last !== undefined) {
    line.nfe.push(at)
    line.value.push(last)
  }
  return line
}

interface Sample {
  readonly name: string
  readonly watch: Watch
  readonly place: Place
  readonly reward: number
}

function bestOf(runs: readonly Compared[]): readonly Sample[] {
  const all = runs.flatMap(({ watch }): Sample[] => {
    const { tree, samples } = watch
    return watch.hasTree
      ? tree.leaves.map((node) => ({ name: `n${node}`, watch, place: { node }, reward: tree.reward[node] }))
      : samples.map((reward, sample) => ({ name: `s${sample}`, watch, place: { sample }, reward }))
  })
  return all.sort((a, b) => b.reward - a.reward).slice(0, PICTURES)
}
