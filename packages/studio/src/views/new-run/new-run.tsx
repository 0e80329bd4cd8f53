import type { ModelEntry, RunConfig } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Catalogue } from '../../engine/protocol.ts'
import { examples } from '../../examples.ts'
import { kindOfJson } from '../../file-kinds.ts'
import { messageOf } from '../../format.ts'
import { note, route } from '../../route.ts'
import { engine, engineAt, engines, type Place, readRuns, runs, startRun, workshop } from '../../studio.ts'
import { CallField } from './call-field.tsx'
import { rolloutCost } from './cost.ts'
import { configOf, type Draft, DraftError, type DraftField, draftOf, fieldOf, forModel } from './draft.ts'
import { Elsewhere } from './elsewhere.tsx'
import { Estimate } from './estimate.tsx'
import { type FormState, TextField } from './field.tsx'
import { ModelFields } from './model-fields.tsx'
import { RewardField } from './reward-field.tsx'
import { aboutOption, searchDefaults } from './search-options.ts'
import { useTable } from './table.ts'

/** What is wrong, and in which field where that is known. */
interface Problem {
  readonly message: string
  readonly field?: DraftField
}

export function NewRun() {
  const place = useSignal<Place>('page')
  const models = useSignal<readonly ModelEntry[]>([])
  const catalogue = useSignal<Catalogue | undefined>(undefined)
  const draft = useSignal<Draft>(draftOf(examples[0].config))
  const problem = useSignal<Problem | undefined>(undefined)
  const starting = useSignal(false)
  const card = useSignal<unknown>(undefined)
  const form = useRef<HTMLFormElement>(null)
  const { query } = route.value
  const from = query.get('from')
  const given = query.get('config')
  const asked = query.get('model')

  const fail = (cause: unknown) => {
    const message = messageOf(cause)
    problem.value = { message, field: cause instanceof DraftError ? cause.field : fieldOf(message) }
  }
  useEffect(() => {
    workshop.catalogue().then((lists) => {
      catalogue.value = lists
    }, fail)
    if (!runs.peek()) void readRuns()
  }, [])
  useEffect(() => {
    let current = true
    engineAt(place.value)
      .models()
      .then((found) => {
        if (!current) return
        models.value = found
        const first = found.find(({ key }) => key === draft.peek().model) ?? found[0]
        if (first && first.key !== draft.peek().model) choose(first.key)
      })
      .catch(fail)
    return () => {
      current = false
    }
  }, [place.value])
  useEffect(() => {
    if (asked && models.value.some(({ key }) => key === asked)) choose(asked)
  }, [asked, models.value])
  useEffect(() => {
    if (!from) return
    engine
      .run(from)
      .then(({ config }) => {
        place.value = runs.peek()?.find(({ id }) => id === from)?.place ?? 'page'
        draft.value = draftOf(config)
      })
      .catch(fail)
  }, [from])
  useEffect(() => {
    if (!given) return
    try {
      const config: unknown = JSON.parse(given)
      if (kindOfJson(config) !== 'config') throw new Error('the config of this address has no model and no reward')
      draft.value = draftOf(config as RunConfig)
    } catch (cause) {
      fail(cause)
    }
  }, [given])
  const { model: key, method } = draft.value
  useEffect(() => {
    card.value = undefined
    let current = true
    if (place.value === 'page' && models.value.some((entry) => entry.key === key)) {
      workshop.ownCard(key).then((found) => {
        if (current) card.value = found
      }, fail)
    }
    return () => {
      current = false
    }
  }, [key, place.value, models.value])

  const set = (changes: Partial<Draft>) => {
    draft.value = { ...draft.value, ...changes }
    if (problem.value?.field && problem.value.field in changes) problem.value = undefined
  }
  const model = models.value.find((entry) => entry.key === key)
  const searches = catalogue.value?.searches
  const chainOf = (text: string) => searches?.find(({ name }) => name === text.split('(', 1)[0].trim())?.chain
  const deterministic = chainOf(method) === 'deterministic'
  const choose = (next: string) => {
    const entry = models.peek().find((candidate) => candidate.key === next)
    if (entry)
      draft.value = forModel(
        draft.peek(),
        entry,
        deterministic,
        models.peek().find(({ key }) => key === draft.peek().model),
      )
    problem.value = undefined
  }
  const chooseMethod = (text: string) => {
    const turned = (chainOf(text) === 'deterministic') !== deterministic
    const solver = turned && model?.kind !== 'text' ? { solver: deterministic ? 'ddim(eta=1)' : 'ddim' } : {}
    set({ method: text, ...solver })
  }
  const submit = async (event: Event) => {
    event.preventDefault()
    if (starting.value) return
    starting.value = true
    problem.value = undefined
    try {
      await startRun(configOf(draft.value, model?.kind ?? 'points'), place.value)
    } catch (cause) {
      fail(cause)
      const name = problem.peek()?.field
      const field = name && form.current?.elements.namedItem(name)
      if (field instanceof HTMLElement) field.focus()
    }
    starting.value = false
  }

  const state: FormState = { draft: draft.value, wrong: problem.value?.field, set }
  const config = configIn(draft.value, model?.kind)
  const table = useTable(config, model)
  const call = (name: 'method' | 'solver' | 'grid', label: string) => ({
    ...{ name, label, value: draft.value[name], invalid: state.wrong === name },
    onChange: (text: string) => set({ [name]: text }),
  })
  // All at once, so that nothing moves while parts of it come.
  if (!catalogue.value || models.value.length === 0) {
    return (
      <>
        <h1 tabIndex={-1}>New run</h1>
        <div class="coming">
          {problem.value ? (
            <p class="error" role="alert">
              {problem.value.message}
            </p>
          ) : (
            <p class="quiet">Reading what there is to choose from…</p>
          )}
        </div>
      </>
    )
  }
  return (
    <>
      <h1 tabIndex={-1}>New run</h1>
      <form ref={form} class="form" onSubmit={submit} noValidate>
        {engines.value.server && (
          <fieldset class="panel across">
            <legend>Where it runs</legend>
            {(['page', 'server'] as const).map((each) => (
              <label key={each} class="check">
                <input
                  type="radio"
                  name="place"
                  checked={place.value === each}
                  onInput={() => {
                    place.value = each
                    problem.value = undefined
                    note({ from: undefined })
                  }}
                />
                {each === 'page' ? 'This page' : 'The server'}
              </label>
            ))}
          </fieldset>
        )}
        <ModelFields
          form={state}
          models={models.value}
          model={model}
          zoo={place.value === 'page' && model !== undefined && card.value === undefined}
          onModel={choose}
        />
        <fieldset class="panel">
          <legend>Reward</legend>
          {model && (
            <RewardField
              value={draft.value.reward}
              model={model}
              kinds={catalogue.value?.rewards[model.kind === 'text' ? 'text' : 'image'] ?? []}
              invalid={state.wrong === 'reward'}
              onChange={(reward) => set({ reward })}
            />
          )}
          <TextField form={state} name="lambda" label="Strength λ of exp(λ reward)" inputMode="decimal" />
        </fieldset>
        <fieldset class="panel">
          <legend>Search</legend>
          <CallField
            {...call('method', 'Method')}
            entries={searches}
            explain={(name, option) => ({ about: aboutOption(option), usual: searchDefaults[name]?.[option] })}
            onChange={chooseMethod}
          />
          {chainOf(method) === 'guided' && (
            <p class="hint">Follows the gradient of the reward: it needs one that has it.</p>
          )}
          <TextField form={state} name="budget" label="Budget in network evaluations (NFE)" inputMode="numeric">
            <Estimate
              config={config}
              model={model}
              place={place.value}
              cost={config && model && rolloutCost(config, model, table.nfe)}
            />
          </TextField>
          <div class="grid">
            <div>
              <TextField form={state} name="width" label="Rollouts together" inputMode="numeric" />
            </div>
            <div>
              <TextField form={state} name="seed" label="Seed" inputMode="numeric" />
            </div>
          </div>
        </fieldset>
        <fieldset class="panel">
          <legend>{model?.kind === 'text' ? 'Sampler' : 'Solver'}</legend>
          {model?.kind === 'text' ? (
            <CallField {...call('solver', 'Sampler of text')} entries={catalogue.value?.samplers} />
          ) : (
            <>
              <CallField {...call('solver', 'Solver')} entries={catalogue.value?.solvers} />
              <p class={table.error ? 'hint short' : 'hint'}>{table.error ?? table.said}</p>
              <TextField form={state} name="steps" label="Steps of one sample" inputMode="numeric" />
              <CallField {...call('grid', 'Times of the steps')} entries={catalogue.value?.grids} />
            </>
          )}
        </fieldset>
        <div class="aside">
          <div class="submit">
            {problem.value && (
              <p id="form-error" class="error" role="alert">
                {problem.value.message}
              </p>
            )}
            <button type="submit" class="primary start">
              {starting.value ? 'Starting…' : 'Start'}
            </button>
          </div>
          <Elsewhere config={config} kind={model?.kind ?? 'image'} deterministic={deterministic} card={card.value} />
        </div>
      </form>
    </>
  )
}

function configIn(draft: Draft, kind: ModelEntry['kind'] = 'points'): RunConfig | undefined {
  try {
    return configOf(draft, kind)
  } catch {
    return undefined
  }
}
