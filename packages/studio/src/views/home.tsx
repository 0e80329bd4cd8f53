import type { RunConfig } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { takeDropped } from '../dropped.ts'
import { examples } from '../examples.ts'
import { messageOf, whole } from '../format.ts'
import { address } from '../route.ts'
import { engines, readRuns, startRun } from '../studio.ts'
import { RunList } from './run-list.tsx'

/** Milliseconds between two looks at the runs. */
const PERIOD = 2000

export function Home() {
  const error = useSignal<string | undefined>(undefined)
  const starting = useSignal<string | undefined>(undefined)
  useEffect(() => {
    void readRuns()
    const timer = setInterval(readRuns, PERIOD)
    return () => clearInterval(timer)
  }, [])
  const start = async (title: string, config: RunConfig) => {
    if (starting.value) return
    starting.value = title
    error.value = undefined
    try {
      await startRun(config)
    } catch (cause) {
      error.value = messageOf(cause)
    }
    starting.value = undefined
  }
  return (
    <>
      <h1 tabIndex={-1}>Watch a search grow</h1>
      <p class="lead">
        A diffusion model makes samples; a reward says which are wanted; a search spends network evaluations to find
        them. {engines.value.server ? 'It runs in this page, or on its server.' : 'All of it runs in this page.'}
      </p>
      <section aria-labelledby="examples">
        <h2 id="examples">Start with an example</h2>
        <ul class="cards">
          {examples.map(({ title, about, config }) => (
            <li key={title}>
              <button
                type="button"
                class="card"
                disabled={starting.value !== undefined}
                onClick={() => start(title, config)}
              >
                <strong>{starting.value === title ? 'Starting…' : title}</strong>
                <span>{about}</span>
                <span class="quiet">{whole(config.budget)} NFE</span>
              </button>
            </li>
          ))}
        </ul>
        {error.value && (
          <p class="error" role="alert">
            {error.value}
          </p>
        )}
        <div class="begin">
          <a class="button" href={address(['new'])}>
            Choose model, search and reward
          </a>
          <div class="drop">
            <label for="any-file">
              Or drop files anywhere: a network (.onnx), a world, a solver table or a config (.json), a run (.zip)
            </label>
            <input
              id="any-file"
              type="file"
              multiple
              accept=".onnx,.json,.data,.zip,.safetensors"
              onInput={(event) => {
                void takeDropped([...(event.currentTarget.files ?? [])])
                event.currentTarget.value = ''
              }}
            />
          </div>
        </div>
      </section>
      <RunList onError={(message) => (error.value = message)} />
    </>
  )
}
