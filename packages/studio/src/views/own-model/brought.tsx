import type { BroughtModel, Engine } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { bytes, messageOf } from '../../format.ts'
import { engineAt, engines, type Place } from '../../studio.ts'

interface PlacedModel extends BroughtModel {
  readonly place: Place
}

/** Models that were brought before, and the room they take, to be removed. @param after read anew when it changes */
export function Brought({ after }: { after: unknown }) {
  const models = useSignal<readonly PlacedModel[] | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  /** The one that is asked about: whether it shall really go. */
  const doubted = useSignal<PlacedModel | undefined>(undefined)
  const heading = useRef<HTMLHeadingElement>(null)
  const { page, server } = engines.value

  const read = async () => {
    const found: PlacedModel[] = []
    for (const [place, engine] of Object.entries(engines.peek()) as [Place, Engine][]) {
      try {
        for (const model of await engine.broughtModels()) found.push({ ...model, place })
      } catch (cause) {
        // A server that wants a token first is told of elsewhere.
        if ((cause as { readonly status?: number }).status !== 401) error.value = messageOf(cause)
      }
    }
    models.value = found
  }
  useEffect(() => {
    void read()
  }, [page, server, after])
  const remove = async ({ key, place }: PlacedModel) => {
    doubted.value = undefined
    error.value = undefined
    // What was pressed goes with its row.
    heading.current?.focus()
    try {
      await engineAt(place).removeModel(key)
    } catch (cause) {
      error.value = messageOf(cause)
    }
    await read()
  }

  return (
    <section class="panel brought" aria-labelledby="brought">
      <h2 id="brought" ref={heading} tabIndex={-1}>
        Models that were brought
      </h2>
      {error.value && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {!models.value?.length && <p class="quiet">{models.value ? 'None is kept.' : 'Reading which there are…'}</p>}
      <ul>
        {models.value?.map((model) => {
          const { key, place, bytes: size } = model
          const doubt = doubted.value?.key === key && doubted.value.place === place
          return (
            <li key={`${place} ${key}`}>
              <strong>{key}</strong>
              <span class="quiet size">
                {bytes(size)}, {place === 'page' ? 'in this page' : 'on the server'}
              </span>
              {/* One and the same button: the focus stays, and a second press takes the first back. */}
              <button
                type="button"
                aria-label={`${doubt ? 'Keep' : 'Delete'} ${key}`}
                onClick={() => (doubted.value = doubt ? undefined : model)}
              >
                {doubt ? 'Keep' : 'Delete'}
              </button>
              {doubt && (
                <button type="button" aria-label={`Delete for good: ${key}`} onClick={() => remove(model)}>
                  Delete for good
                </button>
              )}
            </li>
          )
        })}
      </ul>
      <p class="quiet">Runs of a model that was deleted can be looked at as before, and not be resumed.</p>
    </section>
  )
}
