import type { RunSummary } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { messageOf, number, whole } from '../format.ts'
import { address, go, route } from '../route.ts'
import { Chart, type Series } from '../run/chart.tsx'
import { Picture } from '../run/gallery.tsx'
import { Watch } from '../run/watch.ts'
import { engine, readRuns, runs } from '../studio.ts'
import { theme } from '../theme.ts'

const MOST = 4
const PICTURES = 8

/** Runs side by side at the same number of network evaluations. */
export function Compare({ ids }: { ids: readonly string[] }) {
  useEffect(() => {
    void readRuns()
  }, [])
  const chosen = ids.slice(0, MOST)
  const toggle = (id: string) => {
    const next = chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(-MOST)
    go(address(next.length > 0 ? ['compare', next.join(',')] : ['compare']))
  }
  return (
    <>
      <h1 tabIndex={-1}>Compare</h1>
      <section class="panel" aria-labelledby="which">
        <h2 id="which">Which runs, 2 to {MOST}</h2>
        {runs.value?.length === 0 && <p class="quiet">There are no runs yet to compare.</p>}
        <ul class="checks">
          {runs.value?.map((run) => (
            <li key={run.id}>
              <label class="check">
                <input type="checkbox" checked={chosen.includes(run.id)} onInput={() => toggle(run.id)} />
                {nameOf(run)}, {whole(run.nfe)} NFE
              </label>
            </li>
          ))}
        </ul>
      </section>
      {chosen.length >= 2 && <SideBySide key={chosen.join()} ids={chosen} />}
    </>
  )
}

function nameOf({ config }: RunSummary): string {
  return `${config.method} for ${config.reward} on ${config.model}, seed ${config.seed}`
}

function SideBySide({ ids }: { ids: readonly string[] }) {
  const watches = useMemo(() => ids.map((id) => new Watch(engine, id, () => theme.peek() === 'dark')), [ids.join()])
  useEffect(
    () => () => {
      for (const watch of watches) watch.close()
    },
    [watches],
  )
  const cut = useSignal<number | undefined>(undefined)
  const given = Number(route.value.query.get('nfe') ?? Number.NaN)
  for (const watch of watches) watch.calmVersion.value
  const failed = watches.find((watch) => !watch.summary.value && watch.error.value)
  if (failed) {
    return (
      <p class="error" role="alert">
        {messageOf(failed.error.value)}
      </p>
    )
  }
  const summaries = watches.map((watch) => watch.summary.value)
  if (summaries.some((summary) => !summary)) return <p class="quiet">Reading the runs…</p>
  const known = summaries as readonly RunSummary[]
  const spent = watches.map((watch, i) => watch.counts.value.nfe || known[i].nfe)
  const common = Math.min(...spent)
  const even = spent.every((nfe) => nfe <= common * 1.02)
  const rewards = new Set(known.map(({ config }) => `${config.model} ${config.reward}`))
  const at = cut.value ?? (Number.isFinite(given) ? given : even ? Math.max(...spent) : undefined)
  return (
    <>
      {rewards.size > 1 && (
        <p class="note">These runs have different models or rewards: their numbers do not measure the same.</p>
      )}
      {at === undefined ? (
        <p class="note">
          The runs spent {spent.map(whole).join(', ')} NFE: at unequal budgets they cannot be compared.{' '}
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
        <>
          <Chart
            title="Reward against NFE"
            caption={`Best reward so far, up to ${whole(at)} NFE.`}
            series={() => watches.map((watch, i) => cutAt(watch, `${i + 1}: ${known[i].config.method}`, i, at))}
          />
          <section class="panel" aria-labelledby="results">
            <h2 id="results">At {whole(at)} NFE</h2>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
            <section class="scroll" tabIndex={0} aria-label="Results">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Run</th>
                    <th scope="col">Seed</th>
                    <th scope="col">Best reward</th>
                    <th scope="col">Reward evaluations in all</th>
                    <th scope="col">Gradient evaluations in all</th>
                  </tr>
                </thead>
                <tbody>
                  {watches.map((watch, i) => (
                    <tr key={watch.id}>
                      <th scope="row">
                        <a href={address(['run', watch.id])}>
                          {i + 1}: {known[i].config.method}
                        </a>
                      </th>
                      <td>{known[i].config.seed}</td>
                      <td>{number(cutAt(watch, '', 0, at).value.at(-1))}</td>
                      <td>{whole(known[i].rewardEvaluations)}</td>
                      <td>{whole(known[i].gradientEvaluations)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          </section>
          {watches.map((watch, i) => (
            <section key={watch.id} class="panel" aria-label={`Best samples of run ${i + 1}`}>
              <h2>
                Best samples of {i + 1}: {known[i].config.method}
                {at < spent[i] ? ', of all that it spent' : ''}
              </h2>
              <ol class="row">
                {bestOf(watch).map(({ key, place, reward }) => (
                  <li key={key}>
                    <Picture watch={watch} place={place} />
                    {number(reward)}
                  </li>
                ))}
              </ol>
            </section>
          ))}
        </>
      )}
    </>
  )
}

function cutAt(watch: Watch, label: string, style: number, at: number): Series {
  watch.calmVersion.value
  const { nfe, best } = watch.curve
  const n = nfe.findIndex((spent) => spent > at)
  const to = n < 0 ? nfe.length : n
  const line = { label, nfe: nfe.slice(0, to), value: best.slice(0, to), style }
  // Between two reports the best stays what it was.
  if (n > 0) {
    line.nfe.push(at)
    line.value.push(best[n - 1])
  }
  return line
}

function bestOf(watch: Watch) {
  const { tree, samples } = watch
  const all = watch.hasTree
    ? tree.leaves.map((node) => ({ key: node, place: { node }, reward: tree.reward[node] }))
    : samples.map((reward, sample) => ({ key: sample, place: { sample }, reward }))
  return all.sort((a, b) => b.reward - a.reward).slice(0, PICTURES)
}
