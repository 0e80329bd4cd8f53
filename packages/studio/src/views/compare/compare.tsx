import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { messageOf, whole } from '../../format.ts'
import { address, go } from '../../route.ts'
import { type PlacedRun, readRuns, runs } from '../../studio.ts'
import { runBestOfN, runSeeds, SEEDS } from './again.ts'
import { type Group, groupsOf } from './groups.ts'
import { SideBySide } from './side-by-side.tsx'

/** Lines that are told apart. */
const MOST = 4
/** Milliseconds between two looks at the runs. */
const PERIOD = 2000

/** Runs side by side at the same number of network evaluations; those that differ in their seed are one. */
export function Compare({ ids }: { ids: readonly string[] }) {
  const error = useSignal<string | undefined>(undefined)
  useEffect(() => {
    void readRuns()
    const timer = setInterval(readRuns, PERIOD)
    return () => clearInterval(timer)
  }, [])
  const all = runs.value
  const groups = groupsOf([...(all ?? [])].reverse()).reverse()
  const known = new Set(all?.map(({ id }) => id))
  const chosen = ids.filter((id) => known.has(id))
  const missing = all ? ids.filter((id) => !known.has(id)) : []
  const toggle = (group: Group<PlacedRun>) => {
    const own = group.runs.map(({ id }) => id)
    const on = own.some((id) => chosen.includes(id))
    const next = on ? chosen.filter((id) => !own.includes(id)) : [...chosen, ...own]
    go(address(next.length > 0 ? ['compare', next.join(',')] : ['compare']))
  }
  const start = (what: Promise<void>) => {
    error.value = undefined
    what.catch((cause: unknown) => {
      error.value = messageOf(cause)
    })
  }
  const compared = groups.filter((group) => group.runs.some(({ id }) => chosen.includes(id)))
  return (
    <>
      <h1 tabIndex={-1}>Compare</h1>
      <section class="panel which" aria-labelledby="which">
        <h2 id="which">Which runs, 2 to {MOST}; those that differ in their seed alone are one</h2>
        {all?.length === 0 && <p class="quiet">There are no runs yet to compare.</p>}
        {!all && <p class="quiet">Reading the stored runs…</p>}
        <ul class="checks">
          {groups.map((group) => {
            const [first] = group.runs
            const { config } = first
            const on = compared.includes(group)
            const name = `${config.method} for ${config.reward} on ${config.model}`
            return (
              <li key={group.key}>
                <label class="check">
                  <input
                    type="checkbox"
                    checked={on}
                    disabled={!on && compared.length >= MOST}
                    onInput={() => toggle(group)}
                  />
                  <span>
                    {name}, {whole(config.budget)} NFE, {seedsOf(group)}
                  </span>
                </label>
                {on && (
                  <span class="more">
                    {group.runs.length < SEEDS && (
                      <button
                        type="button"
                        aria-label={`Run with ${SEEDS} seeds: ${name}`}
                        onClick={() => start(runSeeds([first], chosen))}
                      >
                        Run with {SEEDS} seeds
                      </button>
                    )}
                    {config.method !== 'best-of-n' && (
                      <button
                        type="button"
                        disabled={first.nfe === 0}
                        aria-label={`Against best-of-N: ${name}`}
                        onClick={() => start(runBestOfN(group.runs, chosen))}
                      >
                        Against best-of-N
                      </button>
                    )}
                  </span>
                )}
              </li>
            )
          })}
        </ul>
      </section>
      {compared.length > 1 && compared.some((group) => group.runs.length < SEEDS) && (
        <p>
          <button
            type="button"
            onClick={() =>
              start(
                runSeeds(
                  compared.map((group) => group.runs[0]),
                  chosen,
                ),
              )
            }
          >
            Run each with {SEEDS} seeds
          </button>
        </p>
      )}
      {error.value && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {missing.length > 0 && (
        <p class="note">
          {missing.length === 1 ? 'One run' : `${missing.length} runs`} of this address{' '}
          {missing.length === 1 ? 'is' : 'are'} not here: deleted, or of another browser.
        </p>
      )}
      {chosen.length >= 2 && <SideBySide key={chosen.join()} ids={chosen} />}
    </>
  )
}

function seedsOf({ runs: all }: Group<PlacedRun>): string {
  const seeds = all.map(({ config }) => config.seed)
  return seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} seeds`
}
