import type { RunState } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { download } from '../../download.ts'
import { dropped } from '../../dropped.ts'
import type { Inspection, Port } from '../../engine/inspect.ts'
import { messageOf, whole } from '../../format.ts'
import { address, go } from '../../route.ts'
import { Words } from '../../run/picture.tsx'
import { engineAt } from '../../studio.ts'
import { theme } from '../../theme.ts'
import { pictureOf } from '../../tree/picture.ts'
import { type Answers, cardOf, guess, predictions, processes, unclear } from './answers.ts'
import { Brought } from './brought.tsx'
import { type ReadModel, readModelFiles } from './read-model.ts'

/** Where along the noise a model is tried. */
const moments = ['at much noise', 'at half', 'at little'] as const

/** A network of the person's own: read from its files, asked about, tried, and then a model like any other. */
export function OwnModel() {
  const model = useSignal<ReadModel | undefined>(undefined)
  const answers = useSignal<Answers | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const tried = useSignal<readonly RunState[] | undefined>(undefined)
  const busy = useSignal<string | undefined>(undefined)

  const take = async (files: readonly File[]) => {
    error.value = undefined
    model.value = undefined
    tried.value = undefined
    busy.value = 'Reading the files…'
    try {
      const read = await readModelFiles(files)
      answers.value = guess(read.key, read.inspection)
      model.value = read
    } catch (cause) {
      error.value = messageOf(cause)
    }
    busy.value = undefined
  }
  useEffect(() => {
    if (dropped.value.length === 0) return
    const files = dropped.value
    dropped.value = []
    void take(files)
  }, [dropped.value])

  const read = model.value
  const given = answers.value
  /** @throws one line for an answer that cannot be */
  const cardNow = () => read?.card ?? (read && given && cardOf(given, read.inspection))
  const keyNow = read?.card === undefined ? (given?.name ?? '') : read.key
  const attempt = async (event: Event) => {
    event.preventDefault()
    if (!read || busy.value) return
    busy.value = 'Trying it…'
    error.value = undefined
    tried.value = undefined
    try {
      const page = engineAt('page')
      await page.addModel({ key: keyNow, card: cardNow(), graph: read.graph, tokenizer: read.tokenizer })
      tried.value = await page.trial(keyNow)
    } catch (cause) {
      error.value = messageOf(cause)
    }
    busy.value = undefined
  }
  const save = () => {
    try {
      download('card.json', JSON.stringify(cardNow(), null, 2))
    } catch (cause) {
      error.value = messageOf(cause)
    }
  }
  return (
    <>
      <h1 tabIndex={-1}>A model of your own</h1>
      <section class="panel" aria-labelledby="file">
        <h2 id="file">The network</h2>
        <label for="model-file">
          An .onnx file, with its .data, card.json and tokenizer.json if it has such. Dropping them on the page does the
          same. Nothing is sent anywhere.
        </label>
        <input
          id="model-file"
          type="file"
          multiple
          accept=".onnx,.json,.data"
          onInput={(event) => {
            const files = [...(event.currentTarget.files ?? [])]
            if (files.length > 0) void take(files)
          }}
        />
        <p class="found" role="status">
          {read ? <Found inspection={read.inspection} /> : busy.value}
        </p>
      </section>
      {error.value && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {read && given && (
        <form class="panel questions" onSubmit={attempt}>
          <h2>What the file does not say</h2>
          {read.card ? (
            <p>It came with a card, which says all that is needed.</p>
          ) : (
            <Questions
              inspection={read.inspection}
              given={given}
              set={(changes) => {
                answers.value = { ...given, ...changes }
                tried.value = undefined
              }}
            />
          )}
          <div class="bar">
            <button type="submit" class="primary">
              {busy.value ?? 'Try it'}
            </button>
            <button type="button" onClick={save}>
              Download card.json
            </button>
          </div>
        </form>
      )}
      {tried.value && (
        <section class="panel questions" aria-labelledby="tried">
          <h2 id="tried">One sample on its way</h2>
          <ol class="row trials">
            {tried.value.map((state, i) => (
              <li key={moments[i]}>
                <Shown state={state} />
                {moments[i]}
              </li>
            ))}
          </ol>
          <p class="quiet">
            What the network takes the sample for. Clean data, ever sharper, means that the answers fit; flat or wild
            pictures mean that they do not.
          </p>
          <button type="button" class="primary" onClick={() => go(address(['new'], { model: keyNow }))}>
            Use it in a new run
          </button>
        </section>
      )}
      <Brought after={tried.value} />
    </>
  )
}

function Found({ inspection }: { inspection: Inspection }) {
  const { opset, nodes, parameters, inputs, outputs } = inspection
  return (
    <>
      ONNX operator set {opset}, {whole(nodes)} operations, {whole(parameters)} parameters. Takes{' '}
      {inputs.map(inWords).join('; ')}. Gives {outputs.map(inWords).join('; ')}.
    </>
  )
}

interface QuestionsProps {
  readonly inspection: Inspection
  readonly given: Answers
  set(changes: Partial<Answers>): void
}

function Questions({ inspection, given, set }: QuestionsProps) {
  const choice = (name: keyof Answers, label: string, options: readonly string[]) => (
    <div>
      <label for={`answer-${name}`}>{label}</label>
      <select id={`answer-${name}`} value={given[name]} onInput={(event) => set({ [name]: event.currentTarget.value })}>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </div>
  )
  const text = (name: keyof Answers, label: string) => (
    <div>
      <label for={`answer-${name}`}>{label}</label>
      <input
        id={`answer-${name}`}
        value={given[name]}
        spellcheck={false}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      />
    </div>
  )
  const inputs = inspection.inputs.map(({ name }) => name)
  const ask = unclear(inspection)
  return (
    <div class="grid">
      {choice('prediction', 'What it predicts', predictions)}
      {choice('process', 'The process it was trained on', processes)}
      {text('scale', 'Its time ends at (1, or 1000)')}
      {text('event', 'Sizes of one state, such as 1, 28, 28')}
      {ask.inputs && choice('state', 'Its input of states', inputs)}
      {ask.inputs && choice('time', 'Its input of times', inputs)}
      {ask.output &&
        choice(
          'output',
          'Its output',
          inspection.outputs.map(({ name }) => name),
        )}
      {text('name', 'Its name here')}
    </div>
  )
}

function inWords({ name, type, shape }: Port): string {
  return `${name}, ${type} [${shape.join(', ')}]`
}

function Shown({ state }: { state: RunState }) {
  const place = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const canvas = place.current
    if (!canvas) return
    const picture = pictureOf(state, theme.peek() === 'dark')
    canvas.width = picture.width
    canvas.height = picture.height
    canvas.getContext('2d')?.drawImage(picture, 0, 0)
  }, [state])
  if (state.text !== undefined) return <Words text={state.text} large />
  return <canvas ref={place} class="picture" />
}
