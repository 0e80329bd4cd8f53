import type { RunState } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { dropped } from '../dropped.ts'
import type { Inspection, Port } from '../engine/inspect.ts'
import { messageOf, whole } from '../format.ts'
import { address, go } from '../route.ts'
import { engineAt, workshop } from '../studio.ts'
import { theme } from '../theme.ts'
import { pictureOf } from '../tree/picture.ts'

const processes = ['vp-linear', 'vp-scaled-linear', 'vp-cosine', 'sub-vp', 've', 'edm', 'flow']
const predictions = ['noise', 'data', 'velocity', 'score', 'flow']

/** What the file does not say. */
interface Answers {
  readonly name: string
  readonly state: string
  readonly time: string
  readonly output: string
  readonly event: string
  readonly process: string
  readonly prediction: string
  readonly scale: string
}

/** A network of the person's own: read from a file, asked about, tried, and then a model like any other. */
export function OwnModel() {
  const graph = useSignal<Uint8Array | undefined>(undefined)
  const found = useSignal<Inspection | undefined>(undefined)
  const answers = useSignal<Answers | undefined>(undefined)
  const card = useSignal<unknown>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const tried = useSignal<readonly RunState[] | undefined>(undefined)
  const busy = useSignal(false)

  const take = async (files: readonly File[]) => {
    error.value = undefined
    found.value = undefined
    tried.value = undefined
    card.value = undefined
    const network = files.find(({ name }) => name.endsWith('.onnx'))
    const json = files.find(({ name }) => name.endsWith('.json'))
    if (!network) {
      error.value = `${files.map(({ name }) => name).join(', ')}: a file that ends in .onnx is needed, with its card.json if it has one`
      return
    }
    try {
      const bytes = new Uint8Array(await network.arrayBuffer())
      const inspection = await workshop.inspect(bytes)
      graph.value = bytes
      if (json) card.value = JSON.parse(await json.text())
      answers.value = guess(network.name.replace(/\.onnx$/, ''), inspection)
      found.value = inspection
    } catch (cause) {
      error.value = `${network.name}: ${messageOf(cause)}`
    }
  }
  useEffect(() => {
    if (dropped.value.length === 0) return
    const files = dropped.value
    dropped.value = []
    void take(files)
  }, [dropped.value])

  const attempt = async (event: Event) => {
    event.preventDefault()
    if (!found.value || !answers.value || !graph.value || busy.value) return
    busy.value = true
    error.value = undefined
    tried.value = undefined
    try {
      const { name } = answers.value
      const page = engineAt('page')
      await page.addModel({ key: name, card: card.value ?? cardOf(answers.value, found.value), graph: graph.value })
      tried.value = await page.trial(name)
    } catch (cause) {
      error.value = messageOf(cause)
    }
    busy.value = false
  }
  const inspection = found.value
  const given = answers.value
  return (
    <>
      <h1 tabIndex={-1}>A model of your own</h1>
      <section class="panel" aria-labelledby="file">
        <h2 id="file">The network</h2>
        <label for="model-file">
          An .onnx file, with its card.json if it has one. Dropping them on the page does the same.
        </label>
        <input
          id="model-file"
          type="file"
          multiple
          accept=".onnx,.json"
          onInput={(event) => {
            const files = [...(event.currentTarget.files ?? [])]
            if (files.length > 0) void take(files)
          }}
        />
        {inspection && (
          <p>
            ONNX operator set {inspection.opset}, {whole(inspection.nodes)} operations, {whole(inspection.parameters)}{' '}
            parameters. Takes {inspection.inputs.map(inWords).join('; ')}. Gives{' '}
            {inspection.outputs.map(inWords).join('; ')}.
          </p>
        )}
      </section>
      {error.value && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {inspection && given && (
        <form class="panel questions" onSubmit={attempt}>
          <h2>What the file does not say</h2>
          {card.value ? (
            <p>It came with a card, which says all that is needed.</p>
          ) : (
            <Questions
              inspection={inspection}
              given={given}
              set={(changes) => (answers.value = { ...given, ...changes })}
            />
          )}
          <button type="submit" class="primary">
            {busy.value ? 'Trying it…' : 'Try it'}
          </button>
        </form>
      )}
      {tried.value && given && (
        <section class="panel" aria-labelledby="tried">
          <h2 id="tried">What it makes of noise: at much, at half, and at little of it</h2>
          <ol class="row">
            {tried.value.map((state, i) => (
              <li key={['much', 'half', 'little'][i]}>
                <Shown state={state} />
              </li>
            ))}
          </ol>
          <p class="quiet">
            Clean data, blurred at much noise, means that the answers fit; flat or wild pictures mean that they do not.
          </p>
          <button type="button" class="primary" onClick={() => go(address(['new'], { model: given.name }))}>
            Use it in a new run
          </button>
        </section>
      )}
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
    <>
      <label for={`answer-${name}`}>{label}</label>
      <select id={`answer-${name}`} value={given[name]} onInput={(event) => set({ [name]: event.currentTarget.value })}>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </>
  )
  const text = (name: keyof Answers, label: string) => (
    <>
      <label for={`answer-${name}`}>{label}</label>
      <input
        id={`answer-${name}`}
        value={given[name]}
        spellcheck={false}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      />
    </>
  )
  const inputs = inspection.inputs.map(({ name }) => name)
  return (
    <>
      {text('name', 'Its name here')}
      {choice('prediction', 'What it predicts', predictions)}
      {choice('process', 'The process it was trained on', processes)}
      {text('scale', 'Its time input runs from 0 to (1, or 1000 for a table of 1000 steps)')}
      {choice('state', 'Its input of states', inputs)}
      {choice('time', 'Its input of times', inputs)}
      {choice(
        'output',
        'Its output',
        inspection.outputs.map(({ name }) => name),
      )}
      {text('event', 'Sizes of one state, such as 1, 28, 28')}
    </>
  )
}

function inWords({ name, type, shape }: Port): string {
  return `${name}, ${type} [${shape.join(', ')}]`
}

/** The likeliest answers: the largest input is the state, one that is called t or time the time. */
function guess(name: string, { inputs, outputs }: Inspection): Answers {
  const state = [...inputs].sort((a, b) => b.shape.length - a.shape.length)[0]
  const time =
    inputs.find((port) => port !== state && /^t|time|sigma/i.test(port.name)) ?? inputs.find((port) => port !== state)
  const sizes = (state?.shape ?? []).slice(1)
  return {
    name: name.replace(/[^\w.-]/g, '-') || 'model',
    ...{ state: state?.name ?? '', time: time?.name ?? '', output: outputs[0]?.name ?? '' },
    event: sizes.every((size) => typeof size === 'number') ? sizes.join(', ') : '',
    ...{ process: 'vp-linear', prediction: 'noise', scale: '1' },
  }
}

function cardOf(answers: Answers, { inputs }: Inspection): unknown {
  const { name, state, time, output, event, process, prediction, scale } = answers
  const others = inputs.filter((port) => port.name !== state && port.name !== time)
  // Inputs that nobody was asked about are fed zeros.
  const conditions = Object.fromEntries(
    others.map((port) => {
      const shape = port.shape.slice(1).map((size) => (typeof size === 'number' ? size : 1))
      return [port.name, { shape, default: new Array(shape.reduce((a, b) => a * b, 1)).fill(0) }]
    }),
  )
  return {
    ...{ type: 'network', name, prediction, output, conditions, inputs: { state, time } },
    process: { type: process },
    event: event
      .split(/[,\s×x]+/)
      .filter(Boolean)
      .map(Number),
    label: { type: 'linear', scale: Number(scale), offset: 0 },
  }
}

function Shown({ state }: { state: RunState }) {
  const place = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const picture = pictureOf(state, theme.peek() === 'dark')
    const canvas = place.current as HTMLCanvasElement
    canvas.width = picture.width
    canvas.height = picture.height
    canvas.getContext('2d')?.drawImage(picture, 0, 0)
  }, [state])
  return <canvas ref={place} class="picture" />
}
