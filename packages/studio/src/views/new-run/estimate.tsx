import type { ModelEntry, RunConfig } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { duration, whole } from '../../format.ts'
import { type Place, runs, workshop } from '../../studio.ts'

/** Seconds of one NFE, by model; measured in the page, once. */
const probed = new Map<string, number>()
/** Milliseconds for which a model must stay chosen before it is measured. */
const CALM = 700
/** Rows of the batch that is measured, at most. */
const ROWS = 16

export interface EstimateProps {
  readonly config: RunConfig | undefined
  readonly model: ModelEntry | undefined
  readonly place: Place
  /** NFE of one sample. */
  readonly cost: number | undefined
}

/** What the budget pays for, and how long that may take here. */
export function Estimate({ config, model, place, cost }: EstimateProps) {
  const speed = useSpeed(model, place, config?.width ?? 1)
  if (!config) return <p class="estimate quiet" />
  const samples = cost === undefined ? undefined : Math.floor(config.budget / cost)
  const seconds = speed && config.budget * speed.seconds
  return (
    <div class="estimate">
      <p class={samples === 0 ? 'short' : 'quiet'}>
        {samples === undefined
          ? ''
          : samples === 0
            ? `${whole(config.budget)} NFE pay for no sample: one costs ${whole(cost as number)}. Raise the budget, or lower the steps.`
            : `Pays for ${whole(samples)} sample${samples === 1 ? '' : 's'} of ${whole(cost as number)} NFE each.`}
      </p>
      <p class="quiet">
        {seconds === undefined
          ? ''
          : `${seconds < 1 ? 'Less than 1 s' : `About ${duration(seconds)}`} here, ${speed?.by}.`}
      </p>
    </div>
  )
}

interface Speed {
  readonly seconds: number
  readonly by: string
}

/** How fast a model is, by its latest run in the same place, else by a batch that is tried. */
function useSpeed(model: ModelEntry | undefined, place: Place, width: number): Speed | undefined {
  const arrived = useSignal(0)
  const all = runs.value ?? []
  const last = all.find(
    (run) => run.place === place && run.config.model === model?.key && run.nfe > 100 && run.seconds > 1,
  )
  const busy = all.some((run) => run.place === 'page' && run.status === 'running')
  const measurable = model && place === 'page' && !last && !busy
  const { key, event } = model ?? {}
  useEffect(() => {
    if (!measurable || key === undefined || !event || probed.has(key)) return
    const timer = setTimeout(() => {
      workshop.probe(key, event, Math.max(1, Math.min(ROWS, width))).then(
        (seconds) => {
          probed.set(key, seconds)
          arrived.value++
        },
        // A model that cannot be run says so when the run is started.
        () => {},
      )
    }, CALM)
    return () => clearTimeout(timer)
  }, [measurable, key])
  arrived.value
  if (last) return { seconds: last.seconds / last.nfe, by: 'as the last run of this model was' }
  const seconds = key === undefined ? undefined : probed.get(key)
  return seconds === undefined || place !== 'page' ? undefined : { seconds, by: 'by a batch that was tried' }
}
