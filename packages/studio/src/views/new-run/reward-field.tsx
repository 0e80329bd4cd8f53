import type { ModelEntry } from '@espalier/engine'
import type { NamedReward } from '../../engine/protocol.ts'
import { readCall } from '../texts.ts'
import { CallOptions } from './call-field.tsx'
import { argumentOf, formOf, formsFor, headOf, rewardOf } from './rewards.ts'

export interface RewardFieldProps {
  readonly value: string
  readonly model: ModelEntry
  /** Of samples of its kind. */
  readonly kinds: readonly NamedReward[]
  readonly invalid: boolean
  onChange(text: string): void
}

/** A reward: chosen by its kind, or written out. The text is what counts; the choosers only write it. */
export function RewardField({ value, model, kinds, invalid, onChange }: RewardFieldProps) {
  const forms = formsFor(model, kinds)
  const form = formOf(value, forms)
  const labels = model.rewards.filter((reward) => headOf(reward) === 'class').map(argumentOf)
  const points = model.rewards.filter((reward) => headOf(reward) === 'near')
  return (
    <>
      <label for="reward-kind">Kind</label>
      <select
        id="reward-kind"
        value={form.name}
        onInput={(event) => {
          const next = forms.find(({ name }) => name === event.currentTarget.value)
          if (next) onChange(rewardOf(next, model, value))
        }}
      >
        {forms.map(({ name, about }) => (
          <option key={name} value={name}>
            {name === '' ? 'written out' : `${name}: ${about}`}
          </option>
        ))}
      </select>
      {form.takes === 'class' && (
        <>
          <label for="reward-class">Class</label>
          <select
            id="reward-class"
            value={argumentOf(value)}
            onInput={(event) => onChange(`${form.name}:${event.currentTarget.value}`)}
          >
            {!labels.includes(argumentOf(value)) && <option value={argumentOf(value)}>{argumentOf(value)}</option>}
            {labels.map((label) => (
              <option key={label} value={label}>
                {label}
              </option>
            ))}
          </select>
        </>
      )}
      {form.takes === 'point' && points.length > 0 && (
        <>
          <label for="reward-point">Point</label>
          <select
            id="reward-point"
            value={points.includes(value) ? value : ''}
            onInput={(event) => onChange(event.currentTarget.value)}
          >
            {!points.includes(value) && <option value="">another</option>}
            {points.map((point) => (
              <option key={point} value={point}>
                {argumentOf(point).split(',').join(', ')}
              </option>
            ))}
          </select>
        </>
      )}
      {form.takes === 'options' && (
        <CallOptions name="reward" call={readCall(value)} entry={form.options} onChange={onChange} />
      )}
      <label for="field-reward">As it is written</label>
      <input
        id="field-reward"
        name="reward"
        value={value}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={invalid}
        aria-describedby={invalid ? 'form-error' : 'reward-hint'}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <p id="reward-hint" class="hint two-lines">
        {form.about}
      </p>
    </>
  )
}
