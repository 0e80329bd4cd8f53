import type { Named } from '../../engine/protocol.ts'
import { type CallText, readCall, writeCall } from '../texts.ts'

export interface CallFieldProps {
  /** Of the config; ids are made of it. */
  readonly name: string
  readonly label: string
  /** Of its list of names. Default `field-<name>`. */
  readonly id?: string
  readonly value: string
  readonly entries: readonly Named[] | undefined
  readonly invalid: boolean
  /** What an option does, and what it is where nothing is written. */
  explain?(call: string, option: string): { readonly about?: string; readonly usual?: string }
  onChange(text: string): void
}

/** Something that is asked for by name, and its own options as fields of their own. */
export function CallField({
  name,
  label,
  id = `field-${name}`,
  value,
  entries,
  invalid,
  explain,
  onChange,
}: CallFieldProps) {
  const call = readCall(value)
  const entry = entries?.find((candidate) => candidate.name === call.name)
  const wrong = { 'aria-invalid': invalid, 'aria-describedby': invalid ? 'form-error' : undefined }
  return (
    <>
      <label for={id}>{label}</label>
      <select id={id} name={name} value={call.name} {...wrong} onInput={(event) => onChange(event.currentTarget.value)}>
        {!entry && <option value={call.name}>{call.name}</option>}
        {entries?.map((candidate) => (
          <option key={candidate.name} value={candidate.name}>
            {candidate.name}: {candidate.about}
          </option>
        ))}
      </select>
      <p class="hint">{entry?.about}</p>
      <CallOptions {...{ name, call, entry, explain, onChange }} />
    </>
  )
}

export interface CallOptionsProps extends Pick<CallFieldProps, 'name' | 'explain' | 'onChange'> {
  readonly call: CallText
  /** Not there where the name is unknown: its options are then one text. */
  readonly entry: Named | undefined
}

/** The options of a call, each with its default; what is none of them stays as text. */
export function CallOptions({ name, call, entry, explain, onChange }: CallOptionsProps) {
  const known = entry?.options ?? []
  const others = call.options.filter(([option]) => !known.includes(option))
  const rest = [...others.map(([option, value]) => `${option}=${value}`), ...(call.rest === '' ? [] : [call.rest])]
  const given = new Map(call.options)
  const set = (option: string, value: string) => {
    const options = known.map((each): [string, string] => [each, each === option ? value : (given.get(each) ?? '')])
    onChange(writeCall({ ...call, options: [...options, ...others] }))
  }
  const setRest = (text: string) =>
    onChange(writeCall({ ...call, options: call.options.filter(([option]) => known.includes(option)), rest: text }))
  const inside = writeCall({ ...call, name: '' })
  const unknown = entry === undefined || rest.length > 0
  if (known.length === 0 && !unknown) return null
  return (
    <details class="options" open={entry === undefined}>
      <summary>{inside === '' ? 'Options, all at their defaults' : `Options: ${inside.slice(1, -1)}`}</summary>
      <div class="grid">
        {known.map((option) => {
          const { about, usual } = explain?.(call.name, option) ?? {}
          const words = entry?.choices[option]
          const field = {
            id: `${name}-${option}`,
            value: given.get(option) ?? '',
            'aria-describedby': about ? `${name}-${option}-about` : undefined,
            onInput: (event: Event) => set(option, (event.currentTarget as HTMLInputElement).value),
          }
          return (
            <div key={option}>
              <label for={field.id}>{option}</label>
              {words ? (
                <select {...field}>
                  <option value="">{usual === undefined ? 'by default' : `${usual}, by default`}</option>
                  {words.map((word) => (
                    <option key={word} value={word}>
                      {word}
                    </option>
                  ))}
                </select>
              ) : (
                <input {...field} placeholder={usual ?? 'default'} autocomplete="off" spellcheck={false} />
              )}
              {about && (
                <span id={`${name}-${option}-about`} class="hint">
                  {about}
                </span>
              )}
            </div>
          )
        })}
        {unknown && (
          <div class="all">
            <label for={`options-${name}`}>{known.length > 0 ? 'Other options, as text' : 'Options, as text'}</label>
            <input
              id={`options-${name}`}
              value={rest.join(', ')}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setRest(event.currentTarget.value)}
            />
          </div>
        )}
      </div>
    </details>
  )
}
