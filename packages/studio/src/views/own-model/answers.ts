/** What the file of a network does not say, and the card that follows from it. */

import type { Inspection } from '../../engine/inspect.ts'

export const processes = ['vp-linear', 'vp-scaled-linear', 'vp-cosine', 'sub-vp', 've', 'edm', 'flow']
export const predictions = ['noise', 'data', 'velocity', 'score', 'flow']

/** All texts, so that what is being typed stays as it is. */
export interface Answers {
  readonly name: string
  readonly state: string
  readonly time: string
  readonly output: string
  readonly event: string
  readonly process: string
  readonly prediction: string
  readonly scale: string
}

/** The likeliest answers: the largest input is the state, one that is called t or time the time. */
export function guess(name: string, { inputs, outputs }: Inspection): Answers {
  const state = [...inputs].sort((a, b) => b.shape.length - a.shape.length)[0]
  const time =
    inputs.find((port) => port !== state && /^t|time|sigma/i.test(port.name)) ?? inputs.find((port) => port !== state)
  const sizes = (state?.shape ?? []).slice(1)
  return {
    name,
    ...{ state: state?.name ?? '', time: time?.name ?? '', output: outputs[0]?.name ?? '' },
    event: sizes.every((size) => typeof size === 'number') ? sizes.join(', ') : '',
    ...{ process: 'vp-linear', prediction: 'noise', scale: '1' },
  }
}

/** Which of the ports must be asked about: those of which there are several. */
export function unclear({ inputs, outputs }: Inspection): { readonly inputs: boolean; readonly output: boolean } {
  return { inputs: inputs.length > 2, output: outputs.length > 1 }
}

/** @throws one line for the first answer that cannot be: the question, what was given, what was expected */
export function cardOf(answers: Answers, { inputs }: Inspection): unknown {
  const { name, state, time, output, event, process, prediction, scale } = answers
  const sizes = event
    .split(/[,\s×x]+/)
    .filter(Boolean)
    .map(Number)
  if (sizes.length === 0 || !sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new Error(`sizes of one state: expected whole numbers such as 1, 28, 28, got "${event}"`)
  }
  if (!(Number(scale) > 0)) throw new Error(`the end of its time: expected a number such as 1 or 1000, got "${scale}"`)
  if (!/^[\w-]+$/.test(name)) {
    throw new Error(`its name: expected letters, digits, - and _, got "${name}"`)
  }
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
    event: sizes,
    label: { type: 'linear', scale: Number(scale), offset: 0 },
  }
}
