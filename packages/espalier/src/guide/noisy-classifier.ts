import { type Expr, reduce } from '@espalier/graph'
import { GaussianMixture } from '../process/gaussian-mixture.ts'
import { parseProcess } from '../process/parse-process.ts'
import type { Process } from '../process/process.ts'
import { valueGradient } from '../reward/value-gradient.ts'
import { valueGradientNames } from '../reward/value-gradient-names.ts'
import type { ClassifierCard } from '../runtime/card.ts'
import { cast } from '../runtime/condition.ts'
import { timeLabel } from '../runtime/network.ts'
import type { Runtime, RuntimeTensor, SessionOptions } from '../runtime/runtime.ts'
import { row, type Tensor } from '../tensor/tensor.ts'

/** Knows the class of the data behind a noisy state: `p(c | x_t, t)`. */
export interface NoisyClassifier {
  readonly process: Process
  /** Shape of one state. */
  readonly event: readonly number[]
  /** Names of the classes. */
  readonly classes: readonly string[]
  /**
   * `log p(c in labels | x, t)` of each row and its gradient in x: a classifier forward and backward.
   *
   * @param x states `[n, ...event]`
   * @param t one process time per row
   * @param labels numbers of classes
   */
  differentiate(
    x: Tensor,
    t: Float64Array,
    labels: readonly number[],
  ): Promise<{ readonly values: Float64Array; readonly gradient: Tensor }>
}

/** A noisy classifier that owns its session. */
export interface LoadedNoisyClassifier extends NoisyClassifier {
  release(): Promise<void>
}

/** What classes outside of the labels have added to their logits: as good as minus infinity, but finite in sums. */
const never = -1e30

/**
 * A network as a noisy classifier: an ONNX graph from states and times to logits `[n, classes]`, whose card says what
 * it was trained on (`noisy`). Its rows must not depend on one another.
 *
 * @throws Error where the card is of a classifier of clean samples, or graph and card do not fit
 */
export async function noisyClassifier(
  runtime: Runtime,
  model: Uint8Array,
  card: ClassifierCard,
  options: SessionOptions = {},
): Promise<LoadedNoisyClassifier> {
  const { event, classes, input, noisy, name } = card
  const output = card.outputs.logits
  if (!noisy) throw new Error(`"${name}" classifies clean samples: its card names no time input and process ("noisy").`)
  const process = parseProcess(noisy.process)
  const label = timeLabel({ process, label: noisy.label })
  const graph = valueGradient(model, { input, output }, (logits, width) => {
    if (width !== classes.length) {
      throw new Error(`"${name}" has ${classes.length} classes in its card and ${width} logits in its graph.`)
    }
    const wanted = logits.b.input(WANTED, [width])
    return logSumExp(logits.add(wanted)).sub(logSumExp(logits))
  })
  // States stay the caller's.
  const session = await runtime.load(graph, { ...options, transfer: false })
  const time = session.inputs.find((value) => value.name === noisy.time)
  if (!time) {
    await session.release()
    throw new Error(`"${name}" has no input "${noisy.time}" for the time; correct the names in its card.`)
  }
  const names = [valueGradientNames.value, valueGradientNames.gradient(input)]
  return {
    process,
    event,
    classes,
    async differentiate(x, t, labels) {
      const shape = [t.length, ...time.shape.slice(1).map(() => 1)]
      const feeds: Record<string, Tensor | RuntimeTensor> = {
        [input]: x,
        [time.name]: { type: time.type, shape, data: cast(time.type, Float64Array.from(t, label)) },
        [WANTED]: {
          shape: [classes.length],
          data: Float32Array.from(classes, (_, c) => (labels.includes(c) ? 0 : never)),
        },
      }
      const result = await session.run(feeds, names)
      const [values, slopes] = names.map((output) => result[output].data as Float32Array)
      return { values: Float64Array.from(values), gradient: { shape: x.shape, data: slopes } }
    },
    release: () => session.release(),
  }
}

const WANTED = 'espalier_wanted'
const logSumExp = (logits: Expr) => reduce(logits, 'ReduceLogSumExp', [1], false, 18)

/**
 * The exact noisy classifier of a mixture, class c being the components in `groups[c]`: `log p(c | x)` is the log sum
 * of their responsibilities, and its gradient the score of the class less that of the mixture.
 *
 * @throws Error where a group is empty, or names a component that does not exist or is in another group
 */
export function mixtureClassifier(
  mixture: GaussianMixture,
  process: Process,
  groups: readonly (readonly number[])[],
): NoisyClassifier {
  const { means, stds, weights, event, dimension } = mixture
  const members = groups.flat()
  const wrong = members.find((k, i) => !(k in means) || members.indexOf(k) !== i)
  if (wrong !== undefined || groups.some((group) => group.length === 0)) {
    const given = JSON.stringify(groups)
    throw new Error(`The classes of a mixture of ${means.length} are sets of components, each in one; got ${given}.`)
  }
  const part = (components: readonly number[]) =>
    new GaussianMixture({
      means: components.map((k) => means[k]),
      stds: components.map((k) => stds[k]),
      weights: components.map((k) => weights[k]),
      event: [...event],
    })
  const scratch = [new Float64Array(dimension), new Float64Array(dimension)]
  return {
    process,
    event,
    classes: groups.map((_, c) => `${c}`),
    async differentiate(x, t, labels) {
      const wanted = [...new Set(labels)].flatMap((c) => [...groups[c]])
      const inside = part(wanted)
      const share = Math.log(wanted.reduce((sum, k) => sum + weights[k], 0))
      const values = new Float64Array(t.length)
      const data = new Float32Array(x.data.length)
      for (let i = 0; i < t.length; i++) {
        const [a, s] = [process.a(t[i]), process.s(t[i])]
        const state = row(x, i)
        values[i] = share + inside.logDensity(state, a, s) - mixture.logDensity(state, a, s)
        const own = inside.predict(state, a, s, 'noise', scratch[0])
        const all = mixture.predict(state, a, s, 'noise', scratch[1])
        for (let j = 0; j < dimension; j++) data[i * dimension + j] = (all[j] - own[j]) / s
      }
      return { values, gradient: { shape: x.shape, data } }
    },
  }
}
