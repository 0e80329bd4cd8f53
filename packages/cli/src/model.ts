/** `--model`: a zoo name, a folder with a card, or a world file; opened, checked, and asked once. */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { classifierFree } from 'espalier/guide'
import { type Condition, type Denoiser, type GaussianMixture, parseGaussianMixture } from 'espalier/process'
import {
  type ClassifierCard,
  type ConditionCard,
  loadDenoiser,
  type ModelCard,
  type NetworkCard,
  type Runtime,
} from 'espalier/runtime'
import { readNpy, type Tensor, tensor } from 'espalier/tensor'
import { type AnyCard, isTextCard, readCard } from './card.ts'
import { asUserError, messageOf, UserError } from './errors.ts'
import { isImageShape } from './report/contact-sheet.ts'
import { zooModels } from './zoo.ts'

/** A model on the disk: its card and, for a network, its graph. */
export interface ModelFiles {
  /** As it was asked for. */
  readonly name: string
  readonly card: AnyCard
  /** Where its other files lie. */
  readonly folder: string
  /** Bytes of the ONNX file; none for a world. */
  readonly graph?: Uint8Array
  /** SHA-256 of the graph, or of the world's text: names what ran. */
  readonly sha256: string
}

/** A diffusion model that is ready to be asked. */
export interface DiffusionModel {
  readonly name: string
  readonly card: Exclude<ModelCard, ClassifierCard>
  readonly sha256: string
  readonly denoiser: Denoiser
  /** The mixture of a world, which is a model of any process. */
  readonly world?: GaussianMixture
  readonly event: readonly number[]
  /** Values of black and white, where states are images. */
  readonly range?: readonly [number, number]
}

/**
 * Finds and reads a model.
 *
 * @param option how errors name the option, such as `--model`
 * @throws UserError if there is none, or its files are damaged
 */
export function readModelFiles(name: string, option = '--model'): ModelFiles {
  const file = cardFile(name, option)
  const card = readModelCard(name, option)
  const folder = dirname(file)
  if (card.type === 'gaussian-mixture') return { name, card, folder, sha256: sha256(readFileSync(file)) }
  const graphFile = join(folder, 'model.onnx')
  if (!existsSync(graphFile))
    throw new UserError(`${option} ${name}: ${graphFile} is missing; the card needs its network`)
  const graph = new Uint8Array(readFileSync(graphFile))
  return { name, card, folder, graph, sha256: sha256(graph) }
}

/** The card of a model alone. @throws UserError if there is none of this name, or it is damaged */
export function readModelCard(name: string, option = '--model'): AnyCard {
  return readCard(cardFile(name, option), `${option} ${name}`)
}

function cardFile(name: string, option: string): string {
  const place = find(name, option)
  return place.endsWith('.json') ? place : join(place, 'card.json')
}

function find(name: string, option: string): string {
  const zoo = zooModels()
  const known = zoo.find((model) => model.name === name)
  if (known) return known.folder
  const names = zoo.map((model) => model.name).join(', ')
  if (!existsSync(name)) {
    throw new UserError(
      `${option} ${name}: no such model; give a zoo name (${names || 'none is installed'}), a folder with a card.json, or a world.json`,
    )
  }
  if (name.endsWith('.onnx')) {
    throw new UserError(
      `${option} ${name}: a bare network says nothing of its process; give its folder with a card.json`,
    )
  }
  if (!statSync(name).isDirectory()) return name
  if (existsSync(join(name, 'card.json'))) return name
  const holds = readdirSync(name).slice(0, 5).join(', ') || 'nothing'
  throw new UserError(`${option} ${name}: the folder has no card.json (it holds ${holds})`)
}

/**
 * Loads a diffusion model and asks it for one row, so that a damaged or unfitting network is told before work begins.
 *
 * @throws UserError where files, card and graph do not fit together
 */
export async function openModel(runtime: Runtime, name: string): Promise<DiffusionModel> {
  const { card, graph, sha256 } = readModelFiles(name)
  return asUserError(`--model ${name}`, async () => {
    if (isTextCard(card)) {
      throw new UserError(
        `--model ${name} is a text model; espalier sample, espalier steer and espalier compare --methods take it`,
      )
    }
    if (card.type === 'classifier') {
      throw new UserError(`--model ${name} is a classifier, not a diffusion model; it can serve as a reward`)
    }
    const denoiser = await loadDenoiser(runtime, graph, card, { gradient: true })
    const { event } = denoiser
    const size = event.reduce((product, n) => product * n, 1)
    const x = { shape: [1, ...event], data: new Float32Array(size) }
    await denoiser.predict(x, Float64Array.of(0.5), 'data', blankConditions(card))
    const range = card.type === 'network' ? (card as NetworkCard).valueRange : ([-1, 1] as const)
    const world = card.type === 'gaussian-mixture' ? mixtureOf(card) : undefined
    return { name, card, sha256, denoiser, world, event, range: isImageShape(event) ? range : undefined }
  })
}

/** The mixture of a world's card, without the process that is named beside it. */
function mixtureOf({ process: _, ...world }: Readonly<Record<string, unknown>>): GaussianMixture {
  return parseGaussianMixture(world)
}

/** One row of zeros for each condition that the model must be given: enough to see that it runs. */
export function blankConditions(card: ModelCard): Condition {
  const given = card.type === 'network' ? (card as NetworkCard).conditions : {}
  const needed = Object.entries(given).filter(([, condition]) => !condition.default)
  return Object.fromEntries(needed.map(([name, { shape = [] }]) => [name, tensor([1, ...shape])]))
}

/**
 * Conditions from `.npy` files, `name=file.npy` each: `[rows, ...shape]`, all with the same number of rows.
 * @throws UserError where a name or a shape does not fit the model, or the model needs one more
 */
export function readConditions({ card, name: model }: DiffusionModel, given: readonly string[]): Condition | undefined {
  const known = card.type === 'network' ? (card as NetworkCard).conditions : {}
  const condition: Record<string, Tensor> = {}
  for (const text of given) {
    const [name, file] = [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]
    const option = `--condition ${text}`
    if (!Object.hasOwn(known, name)) {
      const names = Object.keys(known).join(', ') || 'none'
      throw new UserError(`${option}: the model ${model} has no condition "${name}"; it has ${names}`)
    }
    let rows: Tensor
    try {
      rows = readNpy(new Uint8Array(readFileSync(file)), file)
    } catch (error) {
      throw new UserError(`${option}: ${messageOf(error)}`)
    }
    const wanted = known[name].shape ?? []
    if (rows.shape[0] < 1 || `${rows.shape.slice(1)}` !== `${wanted}`) {
      throw new UserError(
        `${option}: the shape is [${rows.shape}]; ${model} takes [n${wanted.map((n) => `, ${n}`).join('')}]`,
      )
    }
    condition[name] = rows
  }
  const missing = Object.keys(known).find((name) => !known[name].default && !condition[name])
  if (missing !== undefined) {
    throw new UserError(
      `the model ${model} needs the condition "${missing}"; give it with --condition ${missing}=rows.npy`,
    )
  }
  const counts = new Set(Object.values(condition).map(({ shape }) => shape[0]))
  if (counts.size > 1)
    throw new UserError(`--condition files have ${[...counts].join(' and ')} rows; give the same number`)
  return counts.size === 0 ? undefined : condition
}

/** How a model is asked: with guidance in it, and the condition rows that samples draw theirs from, if any. */
export interface Conditioning {
  readonly denoiser: Denoiser
  readonly condition?: Condition
}

/** Classifier-free guidance as options have it. */
export interface Guiding {
  /** The weight `w` of `u + w (c - u)`; 1 is none. */
  readonly guidance: number
  readonly guidanceRescale?: number
  readonly guidanceInterval?: readonly [number, number]
}

/**
 * The model with its class and classifier-free guidance.
 *
 * @param label a class name of the card; `none` for no condition; left out, every sample draws its own class, all
 *   equally often, where the model knows any
 * @param denoiser the model's, or a wrapper of it such as the batching evaluator
 * @throws UserError if the model knows no such class, or was not trained for guidance
 */
export function conditionedOn(
  model: DiffusionModel,
  label: string | undefined,
  { guidance, guidanceRescale = 0, guidanceInterval }: Guiding,
  denoiser: Denoiser = model.denoiser,
): Conditioning {
  const { card, name } = model
  const network = card.type === 'network' ? (card as NetworkCard) : undefined
  const classes = network?.classes ?? []
  if (guidance === 1 && (guidanceRescale > 0 || guidanceInterval)) {
    throw new UserError('--guidance-rescale and --guidance-interval change guidance; give a --guidance other than 1')
  }
  const entry = Object.entries(network?.conditions ?? {}).find(([, given]) => takesClass(given, classes.length))
  if (label === 'none' || (label === undefined && !entry)) {
    if (guidance !== 1) throw new UserError(`--guidance ${guidance} strengthens a class, and there is none here`)
    return { denoiser }
  }
  if (!entry) throw new UserError(`--class ${label}: the model ${name} takes no class`)
  const [input, given] = entry
  const wanted = label === undefined ? classes : [label]
  if (label !== undefined && !classes.includes(label)) {
    throw new UserError(`--class ${label}: the model ${name} knows ${classes.join(', ')} and none`)
  }
  const rows = (values: readonly (readonly number[])[]): Condition => ({
    [input]: { shape: [values.length, ...(given.shape ?? [])], data: Float32Array.from(values.flat()) },
  })
  const row = (of: string) =>
    given.shape?.length ? classes.map((other) => (other === of ? 1 : 0)) : [classes.indexOf(of)]
  const condition = rows(wanted.map(row))
  if (guidance === 1) return { denoiser, condition }
  if (!given.unconditional) {
    throw new UserError(`--guidance ${guidance}: the model ${name} was not trained without its class; leave it at 1`)
  }
  const options = {
    scale: guidance,
    unconditional: rows([given.unconditional]),
    ...(guidanceRescale > 0 && { rescale: { phi: guidanceRescale } }),
    ...(guidanceInterval && { interval: { low: guidanceInterval[0], high: guidanceInterval[1] } }),
  }
  return { denoiser: classifierFree(denoiser, options), condition }
}

/** A class enters a network as its number, or as a row with a one at its place. */
function takesClass({ shape = [], values }: ConditionCard, classes: number): boolean {
  return shape.length === 0 ? values !== undefined : shape.length === 1 && shape[0] === classes
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
