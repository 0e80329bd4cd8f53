import type { ModelEntry, RunConfig } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Catalogue, Named } from '../engine/protocol.ts'
import { examples } from '../examples.ts'
import { duration, messageOf } from '../format.ts'
import { route } from '../route.ts'
import { engine, engineAt, runs, startRun, workshop } from '../studio.ts'
import { callText, commandLine, splitCall } from './texts.ts'

/** The form as it is filled in: all texts, so that what is being typed stays as it is. */
type Draft = Record<Exclude<keyof RunConfig, 'prompt' | 'length' | 'origin'>, string>

const numbers = ['steps', 'budget', 'lambda', 'width', 'seed', 'guidance'] as const

function draftOf(config: RunConfig): Draft {
  return {
    ...{ model: config.model, reward: config.reward, method: config.method, grid: config.grid, solver: config.solver },
    ...{ budget: String(config.budget), seed: String(config.seed), lambda: String(config.lambda) },
    ...{ width: String(config.width), steps: String(config.steps), guidance: String(config.guidance) },
    class: config.class ?? '',
  }
}

function configOf(draft: Draft): RunConfig {
  const { class: label, ...rest } = draft
  const values = Object.fromEntries(
    numbers.map((name) => [name, Number(draft[name] === '' ? Number.NaN : draft[name])]),
  )
  return { ...rest, ...values, ...(label !== '' && { class: label }) } as unknown as RunConfig
}

/** The field that an error is about stands before its colon. */
function fieldOf(message: string): string {
  const name = message.split(/[:\s]/, 1)[0]
  return name in draftOf(examples[0].config) ? name : ''
}

export function NewRun() {
  const models = useSignal<readonly ModelEntry[]>([])
  const catalogue = useSignal<Catalogue | undefined>(undefined)
  const draft = useSignal<Draft>(draftOf(examples[0].config))
  const error = useSignal<string | undefined>(undefined)
  const starting = useSignal(false)
  const form = useRef<HTMLFormElement>(null)
  const from = route.value.query.get('from')
  const asked = route.value.query.get('model')

  useEffect(() => {
    Promise.all([engineAt('page').models(), workshop.catalogue()])
      .then(([found, lists]) => {
        models.value = found
        catalogue.value = lists
        if (asked) choose(asked)
      })
      .catch((cause: unknown) => {
        error.value = messageOf(cause)
      })
  }, [])
  useEffect(() => {
    if (!from) return
    engine
      .run(from)
      .then(({ config }) => {
        draft.value = draftOf(config)
      })
      .catch((cause: unknown) => {
        error.value = messageOf(cause)
      })
  }, [from])

  const set = (changes: Partial<Draft>) => {
    draft.value = { ...draft.value, ...changes }
  }
  const model = models.value.find(({ key }) => key === draft.value.model)
  const choose = (key: string) => {
    const next = models.value.find((entry) => entry.key === key)
    const reward = next?.rewards.includes(draft.value.reward) ? draft.value.reward : (next?.rewards[0] ?? '')
    const label = next?.classes.length ? (draft.value.class === '' ? 'none' : draft.value.class) : ''
    set({ model: key, reward, class: label, guidance: label === '' || label === 'none' ? '1' : draft.value.guidance })
  }
  const wrong = error.value ? fieldOf(error.value) : ''
  const submit = async (event: Event) => {
    event.preventDefault()
    if (starting.value) return
    starting.value = true
    error.value = undefined
    try {
      await startRun(configOf(draft.value))
    } catch (cause) {
      error.value = messageOf(cause)
      const field = form.current?.elements.namedItem(fieldOf(error.value))
      if (field instanceof HTMLElement) field.focus()
    }
    starting.value = false
  }
  const field = (name: keyof Draft) => ({
    id: `field-${name}`,
    name,
    value: draft.value[name],
    'aria-invalid': wrong === name,
    'aria-describedby': wrong === name ? 'form-error' : undefined,
    onInput: (event: Event) => set({ [name]: (event.currentTarget as HTMLInputElement).value }),
  })
  const config = configOf(draft.value)

  return (
    <>
      <h1 tabIndex={-1}>New run</h1>
      <form ref={form} class="form" onSubmit={submit} noValidate>
        <fieldset class="panel">
          <legend>Model</legend>
          <label for="field-model">Model</label>
          <select {...field('model')} onInput={(event) => choose(event.currentTarget.value)}>
            {models.value.length === 0 && <option value={draft.value.model}>{draft.value.model}</option>}
            {models.value.map(({ key, title, event }) => (
              <option key={key} value={key}>
                {title} ({event.join(' × ')})
              </option>
            ))}
          </select>
          {model && model.classes.length > 0 && (
            <>
              <label for="field-class">Class</label>
              <select {...field('class')}>
                <option value="none">none: any sample</option>
                <option value="">each sample draws its own</option>
                {model.classes.map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
              <label for="field-guidance">Guidance</label>
              <input {...field('guidance')} inputMode="decimal" />
            </>
          )}
        </fieldset>
        <fieldset class="panel">
          <legend>Reward</legend>
          <label for="field-reward">What is wanted</label>
          <input {...field('reward')} list="rewards" autocomplete="off" spellcheck={false} />
          <datalist id="rewards">
            {model?.rewards.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <label for="field-lambda">Strength λ of exp(λ reward)</label>
          <input {...field('lambda')} inputMode="decimal" />
        </fieldset>
        <fieldset class="panel">
          <legend>Search</legend>
          <CallField
            name="method"
            label="Method"
            entries={catalogue.value?.searches}
            {...{ draft: draft.value, set, wrong }}
          />
          <label for="field-budget">Budget in network evaluations</label>
          <input {...field('budget')} inputMode="numeric" />
          <label for="field-width">Rollouts under way together</label>
          <input {...field('width')} inputMode="numeric" />
          <label for="field-seed">Seed</label>
          <input {...field('seed')} inputMode="numeric" />
        </fieldset>
        <fieldset class="panel">
          <legend>Solver</legend>
          <CallField
            name="solver"
            label="Solver"
            entries={catalogue.value?.solvers}
            {...{ draft: draft.value, set, wrong }}
          />
          <label for="field-steps">Steps of one sample</label>
          <input {...field('steps')} inputMode="numeric" />
          <CallField
            name="grid"
            label="Times of the steps"
            entries={catalogue.value?.grids}
            {...{ draft: draft.value, set, wrong }}
          />
        </fieldset>
        <div class="submit">
          {error.value && (
            <p id="form-error" class="error" role="alert">
              {error.value}
            </p>
          )}
          <button type="submit" class="primary">
            {starting.value ? 'Starting…' : 'Start'}
          </button>
          <span class="quiet">{estimate(config)}</span>
        </div>
        <section class="panel texts" aria-label="The same run elsewhere">
          <h2>The same run elsewhere</h2>
          <Copied label="Command line" text={commandLine(config)} />
          <Copied label="JSON" text={JSON.stringify(config, null, 2)} />
        </section>
      </form>
    </>
  )
}

interface CallFieldProps {
  readonly name: 'method' | 'solver' | 'grid'
  readonly label: string
  readonly entries: readonly Named[] | undefined
  readonly draft: Draft
  readonly wrong: string
  set(changes: Partial<Draft>): void
}

/** Something that is asked for by name, and its own options. */
function CallField({ name, label, entries, draft, wrong, set }: CallFieldProps) {
  const { name: chosen, options } = splitCall(draft[name])
  const entry = entries?.find((candidate) => candidate.name === chosen)
  const invalid = { 'aria-invalid': wrong === name, 'aria-describedby': wrong === name ? 'form-error' : undefined }
  return (
    <>
      <label for={`field-${name}`}>{label}</label>
      <select
        id={`field-${name}`}
        name={name}
        value={chosen}
        {...invalid}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      >
        {!entry && <option value={chosen}>{chosen}</option>}
        {entries?.map((candidate) => (
          <option key={candidate.name} value={candidate.name}>
            {candidate.name}: {candidate.about}
          </option>
        ))}
      </select>
      {(entry === undefined || entry.options.length > 0) && (
        <>
          <label for={`options-${name}`}>Its options, as name=value, …</label>
          <input
            id={`options-${name}`}
            value={options}
            autocomplete="off"
            spellcheck={false}
            placeholder={entry?.options.join(', ')}
            onInput={(event) => set({ [name]: callText(chosen, event.currentTarget.value) })}
          />
        </>
      )}
    </>
  )
}

function Copied({ label, text }: { label: string; text: string }) {
  const copied = useSignal(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    copied.value = true
    setTimeout(() => {
      copied.value = false
    }, 2000)
  }
  return (
    <>
      <div class="bar">
        <h3>{label}</h3>
        <button type="button" onClick={copy} aria-label={`Copy ${label}`}>
          {copied.value ? 'Copied' : 'Copy'}
        </button>
      </div>
      <pre>{text}</pre>
    </>
  )
}

/** How long it may take, by the latest run of the same model here. */
function estimate({ model, budget }: RunConfig): string {
  const last = runs.value?.find((run) => run.config.model === model && run.nfe > 100 && run.seconds > 1)
  return last ? `about ${duration((budget * last.seconds) / last.nfe)} here, as the last run of this model was` : ''
}
