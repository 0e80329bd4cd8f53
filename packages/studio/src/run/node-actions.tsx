import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { download } from '../download.ts'
import { messageOf } from '../format.ts'
import { engine, runs, startRun } from '../studio.ts'
import type { Place } from '../tree/thumbnails.ts'
import { fileName, png } from './files.ts'
import { npy } from './npy.ts'
import type { Watch } from './watch.ts'

/** What can be done with a state: go on from it in a new run, or take it away as a file. */
export function NodeActions({ watch, place, children }: { watch: Watch; place: Place; children?: ComponentChildren }) {
  const failure = useSignal<string | undefined>(undefined)
  const busy = useSignal(false)
  const act = (what: () => Promise<unknown>) => async () => {
    failure.value = undefined
    busy.value = true
    try {
      await what()
    } catch (error) {
      failure.value = messageOf(error)
    } finally {
      busy.value = false
    }
  }
  const name = 'node' in place ? `node-${place.node}` : `sample-${place.sample}`
  const file = (suffix: string) => `${fileName(watch.summary.peek()?.config.model ?? 'run', name)}.${suffix}`
  const state = () => engine.state(watch.id, place)
  const goOn = act(async () => {
    const { config } = await engine.run(watch.id)
    if (!('node' in place)) return
    const at = runs.peek()?.find((run) => run.id === watch.id)?.place
    await startRun({ ...config, origin: { run: watch.id, node: place.node } }, at)
  })
  const words = watch.thumbnails.text.value
  // A sample is clean: there is nothing to go on from.
  const noisy = 'node' in place && !watch.tree.isLeaf(place.node)
  return (
    <div class="actions">
      {children}
      {noisy && (
        <button type="button" onClick={goOn} disabled={busy.value}>
          Continue from here
        </button>
      )}
      <fieldset class="choice" aria-label="Export the state">
        {words ? (
          <button
            type="button"
            aria-label="Export as text"
            onClick={act(async () => download(file('txt'), (await state()).text ?? ''))}
          >
            Text
          </button>
        ) : (
          <button
            type="button"
            aria-label="Export as PNG"
            onClick={act(async () => {
              const picture = watch.thumbnails.picture(place)
              if (!picture) throw new Error('the state is not there yet; try again')
              download(file('png'), await png(picture))
            })}
          >
            PNG
          </button>
        )}
        <button
          type="button"
          aria-label="Export as .npy"
          onClick={act(async () => {
            const { data, shape } = await state()
            download(file('npy'), npy(data, shape))
          })}
        >
          .npy
        </button>
      </fieldset>
      {failure.value && (
        <p class="error" role="alert">
          {failure.value}
        </p>
      )}
    </div>
  )
}
