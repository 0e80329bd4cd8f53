import type { ModelEntry, RunConfig } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { download } from '../../download.ts'
import { commandLine, moduleOf } from '../texts.ts'

export interface ElsewhereProps {
  /** Undefined while a field holds what is no config. */
  readonly config: RunConfig | undefined
  readonly kind: ModelEntry['kind']
  readonly deterministic: boolean
  /** The card of a model that no terminal has. */
  readonly card: unknown
}

/** The same run as a command and as JSON. */
export function Elsewhere({ config, kind, deterministic, card }: ElsewhereProps) {
  const world = (card as { readonly type?: unknown } | undefined)?.type === 'gaussian-mixture'
  const file = card === undefined || !config ? undefined : world ? `./${config.model}.json` : `./${config.model}`
  const expression = config?.reward.startsWith('js:') ? config.reward.slice('js:'.length) : undefined
  const text = config ? commandLine(config, { kind, deterministic, file, module: expression && './reward.mjs' }) : ''
  return (
    <section class="panel texts" aria-labelledby="elsewhere">
      <h2 id="elsewhere">The same run elsewhere</h2>
      <Copied label="Command line" text={text} lines={6} />
      {card !== undefined && config && (
        <p class="hint">
          The terminal reads this model from {world ? 'a file' : 'a folder with its model.onnx and'}{' '}
          <button
            type="button"
            class="link"
            onClick={() => download(world ? `${config.model}.json` : 'card.json', JSON.stringify(card, null, 2))}
          >
            {world ? `${config.model}.json` : 'card.json'}
          </button>
        </p>
      )}
      {expression !== undefined && (
        <p class="hint">
          The terminal reads this reward from a module{' '}
          <button type="button" class="link" onClick={() => download('reward.mjs', moduleOf(expression))}>
            reward.mjs
          </button>
        </p>
      )}
      {expression === undefined && config?.reward.includes('js:') && (
        <p class="hint">The terminal knows no js: within other rewards; it takes a module for the whole.</p>
      )}
      {config?.origin && <p class="hint">The terminal begins at noise: it has no other run to begin in.</p>}
      <Copied label="JSON" text={config ? JSON.stringify(config, null, 2) : ''} lines={16} />
    </section>
  )
}

function Copied({ label, text, lines }: { label: string; text: string; lines: number }) {
  const said = useSignal('Copy')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      said.value = 'Copied'
    } catch {
      said.value = 'Not allowed'
    }
    setTimeout(() => {
      said.value = 'Copy'
    }, 2000)
  }
  return (
    <>
      <div class="bar">
        <h3>{label}</h3>
        <button type="button" class="copy" disabled={text === ''} onClick={copy} aria-label={`Copy ${label}`}>
          {said.value}
        </button>
      </div>
      <pre style={{ minHeight: `${lines * 1.45}em` }}>
        {text === '' && 'A field of the form is not filled in right.'}
        {/* Broken at options, not within their dashes. */}
        {text.split(/(?= --)/).map((part) => (
          <span key={part}>{part}</span>
        ))}
      </pre>
    </>
  )
}
