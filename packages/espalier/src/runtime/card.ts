import { z } from 'zod/mini'
import { type ProcessSpecification, parseProcess } from '../process/parse-process.ts'
import { parseWith } from '../tensor/parse.ts'
import { sizeOf } from '../tensor/tensor.ts'

const dimensions = z.array(z.int().check(z.positive()))

const condition = z.strictObject({
  /** Shape of one row, without the batch axis; `[]` is one number a row, such as a class label. */
  shape: z._default(dimensions, []),
  /** Values of one row that are fed where the caller gives none. */
  default: z.optional(z.array(z.number())),
  /** Values of one row that mean "no condition" to a network trained with classifier-free dropout. */
  unconditional: z.optional(z.array(z.number())),
  /** For class labels: how many values the network knows, 0 to `values - 1`, the unconditional one included. */
  values: z.optional(z.int().check(z.positive())),
})

const label = z.discriminatedUnion('type', [
  /** `scale t + offset`; a table of n steps wants scale n, offset -1. */
  z.strictObject({ type: z.literal('linear'), scale: z._default(z.number(), 1), offset: z._default(z.number(), 0) }),
  /** `scale lambda(t) + offset` with the half log-SNR lambda; EDM's `log(sigma) / 4` is scale -0.25. */
  z.strictObject({ type: z.literal('log-snr'), scale: z._default(z.number(), 1), offset: z._default(z.number(), 0) }),
])

const network = z.strictObject({
  type: z.literal('network'),
  name: z.string(),
  process: z.looseObject({ type: z.string() }),
  prediction: z.enum(['noise', 'data', 'velocity', 'score', 'flow']),
  /** Shape of one state. */
  event: dimensions.check(z.minLength(1)),
  /** Smallest and largest value of clean data. Default [-1, 1]. */
  valueRange: z._default(z.tuple([z.number(), z.number()]), [-1, 1]),
  /** Names of the graph's state and time inputs and of its output. */
  inputs: z._default(z.strictObject({ state: z.string(), time: z.string() }), { state: 'x', time: 't' }),
  output: z._default(z.string(), 'y'),
  /** Default: the time itself, or `log(rho) / 4` with `preconditioning`. */
  label: z.optional(label),
  /** The raw output is that of EDM's preconditioning, and `data` is what comes of it. */
  preconditioning: z.optional(z.strictObject({ type: z.literal('edm'), sigmaData: z.number().check(z.positive()) })),
  /** The graph's further inputs, by name. */
  conditions: z._default(z.record(z.string(), condition), {}),
  /**
   * Name of the condition that the process reverts to, of the shape of a state: the process is then that of the
   * residual `x - mean`. States are residuals, the network sees `x`, and its clean data is one; who decodes adds the
   * mean back.
   */
  mean: z.optional(z.string()),
  /** Names of the classes, where the data has some. */
  classes: z.optional(z.array(z.string())),
  /** How it was trained: recipe command, data, steps, seed, time, metrics. */
  training: z.optional(z.record(z.string(), z.unknown())),
})

const classifier = z.strictObject({
  type: z.literal('classifier'),
  name: z.string(),
  /** Shape of one sample. */
  event: dimensions.check(z.minLength(1)),
  valueRange: z._default(z.tuple([z.number(), z.number()]), [-1, 1]),
  input: z._default(z.string(), 'x'),
  /** Names of the graph's outputs: `[n, classes]` logits and, where given, `[n, d]` features. */
  outputs: z._default(z.strictObject({ logits: z.string(), features: z.optional(z.string()) }), { logits: 'logits' }),
  /** A classifier of noisy states: the process that it was trained on, its time input, and what that is fed. */
  noisy: z.optional(
    z.strictObject({
      process: z.looseObject({ type: z.string() }),
      time: z._default(z.string(), 't'),
      /** Default: the time itself. */
      label: z.optional(label),
    }),
  ),
  classes: z.array(z.string()).check(z.minLength(2)),
  training: z.optional(z.record(z.string(), z.unknown())),
})

/** A diffusion network: everything that a sampler must know and that the ONNX file does not say. */
export type NetworkCard = Omit<z.infer<typeof network>, 'process'> & { readonly process: ProcessSpecification }
/** A classifier: a reward (class probability) and a feature network (FID), or, of noisy states, a guide. */
export type ClassifierCard = Omit<z.infer<typeof classifier>, 'noisy'> & {
  readonly noisy?: Omit<NonNullable<z.infer<typeof classifier>['noisy']>, 'process'> & {
    readonly process: ProcessSpecification
  }
}
/** An analytic world, a model without a network; its other fields are those of the world itself. */
export type WorldCard = { readonly type: 'gaussian-mixture' } & Readonly<Record<string, unknown>>

/** The `card.json` beside a `model.onnx`, or a world file. Plain JSON. */
export type ModelCard = NetworkCard | ClassifierCard | WorldCard
export type TimeLabel = z.infer<typeof label>
export type ConditionCard = z.input<typeof condition>

/**
 * Validates a model card and fills in its defaults.
 *
 * @param json parsed `card.json`
 * @param what how errors name it, such as the file's path
 * @throws one line: the field, and what was expected there
 */
export function parseModelCard(json: unknown, what = 'model card'): ModelCard {
  const { type } = parseWith(z.looseObject({ type: z.enum(['network', 'classifier', 'gaussian-mixture']) }), json, what)
  if (type === 'gaussian-mixture') return json as WorldCard
  if (type === 'classifier') {
    const card = parseWith(classifier, json, what) as ClassifierCard
    if (card.noisy) parseProcess(card.noisy.process)
    return card
  }
  const card = parseWith(network, json, what) as NetworkCard
  parseProcess(card.process)
  if (card.preconditioning && card.prediction !== 'data') {
    throw new Error(
      `${what}.prediction: preconditioning turns the output into data; expected "data", got "${card.prediction}"`,
    )
  }
  if (card.preconditioning && card.mean !== undefined) {
    throw new Error(`${what}.mean: preconditioning is of states around 0 and does not go with a mean`)
  }
  if (card.mean !== undefined && !Object.hasOwn(card.conditions, card.mean)) {
    throw new Error(`${what}.mean: "${card.mean}" is not described under "conditions"`)
  }
  for (const [name, given] of Object.entries(card.conditions)) {
    const size = sizeOf(given.shape)
    for (const key of ['default', 'unconditional'] as const) {
      const row = given[key]
      if (row && row.length !== size) {
        throw new Error(
          `${what}.conditions.${name}.${key}: ${row.length} values, a row of shape [${given.shape}] has ${size}`,
        )
      }
    }
  }
  return card
}
