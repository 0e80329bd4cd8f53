import type { ModelEntry } from '@espalier/engine'
import { whole } from '../../format.ts'
import { address } from '../../route.ts'
import { bound, type FormState, TextField } from './field.tsx'

export interface ModelFieldsProps {
  readonly form: FormState
  readonly models: readonly ModelEntry[]
  readonly model: ModelEntry | undefined
  /** Whether it is of the zoo, whose licence is known. */
  readonly zoo: boolean
  onModel(key: string): void
}

/** Which model, what is known of it, and what it is told: a class, or a prompt. */
export function ModelFields({ form, models, model, zoo, onModel }: ModelFieldsProps) {
  const { origin } = form.draft
  return (
    <fieldset class="panel">
      <legend>Model</legend>
      <label for="field-model">Model</label>
      <select {...bound(form, 'model')} onInput={(event) => onModel(event.currentTarget.value)}>
        {!model && <option value={form.draft.model}>{form.draft.model}</option>}
        {models.map(({ key, title }) => (
          <option key={key} value={key}>
            {title}
          </option>
        ))}
      </select>
      <ModelCard model={model} zoo={zoo} />
      {model && model.classes.length > 0 && (
        <div class="grid">
          <div>
            <label for="field-class">Class</label>
            <select {...bound(form, 'class')}>
              <option value="none">none: any sample</option>
              <option value="">each sample draws its own</option>
              {model.classes.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </div>
          <div>
            <TextField form={form} name="guidance" label="Guidance" inputMode="decimal" />
          </div>
        </div>
      )}
      {model?.kind === 'text' && (
        <>
          <TextField form={form} name="prompt" label="Prompt: what stands there already" placeholder="none" />
          <p class="hint">[mask] leaves one token open, [mask:3] three: “a[mask:4]ing”.</p>
          <TextField
            form={form}
            name="length"
            label="Tokens of a sample, those of the prompt too"
            inputMode="numeric"
            placeholder={`${model.event[0]}, all that the model can`}
          />
        </>
      )}
      {origin && (
        <p class="note">
          Samples begin at <a href={address(['run', origin.run], { node: String(origin.node) })}>node {origin.node}</a>{' '}
          of another run.{' '}
          <button type="button" class="link" onClick={() => form.set({ origin: undefined })}>
            Begin at noise
          </button>
        </p>
      )}
    </fieldset>
  )
}

/** What the card of a model says, in a slot that is as high for every model. */
function ModelCard({ model, zoo }: { model: ModelEntry | undefined; zoo: boolean }) {
  const { kind, event = [], process, prediction, parameters, data } = model ?? {}
  const shape =
    kind === 'text'
      ? `texts of up to ${event[0]} tokens`
      : `${kind === 'image' ? 'images' : 'points'}, ${event.join(' × ')}`
  const facts = model
    ? [
        ['Makes', shape],
        ['Process', process ?? '–'],
        ['Predicts', prediction ?? 'nothing: its scores are exact'],
        ['Size', parameters === undefined ? 'no network' : `${whole(parameters)} parameters`],
        ['Learned from', data],
        ['Licence', zoo ? 'Apache-2.0' : undefined],
      ]
    : []
  return (
    <dl class="card-facts">
      {facts
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}
