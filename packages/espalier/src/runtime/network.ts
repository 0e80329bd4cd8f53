import type { Condition } from '../process/denoiser.ts'
import { coefficientsAt, type EdmPreconditioning, inputScale, type NetworkOutput } from '../process/prediction.ts'
import type { Prediction, Process } from '../process/process.ts'
import { firstNotFinite } from '../tensor/finite.ts'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import type { ConditionCard, TimeLabel } from './card.ts'
import { cast, conditionFeed } from './condition.ts'
import type { RuntimeTensor, Session, ValueMetadata } from './runtime.ts'

/** How a graph's values are to be read: the part of a {@link NetworkCard} that prediction needs. */
export interface NetworkConfig {
  readonly process: Process
  readonly prediction: Prediction
  /** Shape of one state. */
  readonly event: readonly number[]
  /** Names of the state and time inputs. Default `x`, `t`. */
  readonly inputs?: { readonly state: string; readonly time: string }
  /** Name of the output. Default `y`. */
  readonly output?: string
  /** The time label that the network sees. Default: the process time itself; `log(rho) / 4` with preconditioning. */
  readonly label?: TimeLabel
  /** What the raw output is, where it is no `prediction` yet. */
  readonly preconditioning?: EdmPreconditioning
  /**
   * Name of the condition that the process reverts to: states are residuals, the network sees `x = residual + mean`.
   */
  readonly mean?: string
  /** Its further inputs, by name. */
  readonly conditions?: Readonly<Record<string, ConditionCard>>
}

/** What a graph is fed for the rows of a call. */
export interface NetworkCall {
  readonly feeds: Readonly<Record<string, RuntimeTensor>>
  /** The mean of each row, where the process has one. */
  readonly mean?: Float32Array
  /**
   * Throws at the first value that is not finite, naming row, time, label and noise level.
   * @param what such as "network gave"
   */
  checkFinite(data: Float32Array, what: string): void
}

/** A graph and how its values are read: what prediction and gradient have in common. */
export interface BoundNetwork {
  readonly config: NetworkConfig
  /** What the graph's output is. */
  readonly kind: NetworkOutput
  readonly names: { readonly state: string; readonly output: string }
  call(x: Tensor, t: Float64Array, condition: Condition | undefined): NetworkCall
}

/** @throws Error where the graph's inputs and output do not fit the configuration */
export function bindNetwork(session: Session, config: NetworkConfig): BoundNetwork {
  const { process, event, conditions = {}, mean } = config
  const kind = config.preconditioning ?? config.prediction
  const { state, time } = config.inputs ?? { state: 'x', time: 't' }
  const output = config.output ?? 'y'
  const label = timeLabel(config)
  const size = sizeOf(event)
  const stateInput = find(session.inputs, state, 'input')
  const timeInput = find(session.inputs, time, 'input')
  find(session.outputs, output, 'output')
  if (stateInput.type !== 'float32') throw new Error(`Input "${state}" is ${stateInput.type}; states are float32.`)
  const timeRank = timeInput.shape.length
  const timeTail = timeInput.shape.slice(1)
  if (timeRank < 1 || timeTail.some((dimension) => dimension !== 1)) {
    throw new Error(
      `Input "${time}" is declared [${timeInput.shape.join(', ')}]; rows have their own times, so it must be [n] or [n, 1].`,
    )
  }
  for (const { name } of session.inputs) {
    if (name !== state && name !== time && !Object.hasOwn(conditions, name)) {
      throw new Error(`The graph has an input "${name}" that the model card does not describe under "conditions".`)
    }
  }
  for (const name of Object.keys(conditions)) find(session.inputs, name, 'input')
  if (mean !== undefined) checkMean(session, mean, conditions[mean], event)

  /** States as the network sees them: of unit variance, or with the mean, where it was trained so. */
  const shown = (x: Tensor, t: Float64Array, mu: Float32Array | undefined) => {
    if (!mu && typeof kind === 'string') return x.data
    const data = new Float32Array(x.data.length)
    for (let row = 0; row < t.length; row++) {
      const scale = inputScale(kind, coefficientsAt(process, t[row]))
      for (let i = row * size; i < (row + 1) * size; i++) data[i] = scale * x.data[i] + (mu ? mu[i] : 0)
    }
    return data
  }

  return {
    config,
    kind,
    names: { state, output },
    call(x, t, condition) {
      const n = t.length
      const labels = new Float64Array(n)
      for (let row = 0; row < n; row++) labels[row] = label(t[row])
      const feeds: Record<string, RuntimeTensor> = {
        [time]: { type: timeInput.type, shape: [n, ...timeTail.map(() => 1)], data: cast(timeInput.type, labels) },
      }
      for (const name in conditions) {
        const input = session.inputs.find((candidate) => candidate.name === name)!
        feeds[name] = conditionFeed(input, conditions[name], condition?.[name], n)
      }
      for (const name in condition) {
        if (!Object.hasOwn(conditions, name)) {
          const known = Object.keys(conditions).join(', ') || 'none'
          throw new Error(`This model has no condition "${name}"; it has: ${known}.`)
        }
      }
      const mu = mean === undefined ? undefined : (feeds[mean].data as Float32Array)
      feeds[state] = { type: 'float32', shape: x.shape, data: shown(x, t, mu) }
      return {
        feeds,
        mean: mu,
        checkFinite(data, what) {
          const i = firstNotFinite(data)
          if (i < 0) return
          const row = Math.floor(i / size)
          const where = `row ${row} of ${n}, process time t = ${t[row]}, time label ${labels[row]}`
          throw new Error(
            `The ${what} ${data[i]} at value ${i % size} of ${where}, noise level s = ${process.s(t[row])}.`,
          )
        },
      }
    },
  }
}

function find(values: readonly ValueMetadata[], name: string, kind: string): ValueMetadata {
  const found = values.find((value) => value.name === name)
  if (found) return found
  const names = values.map((value) => value.name).join(', ')
  throw new Error(`The graph has no ${kind} "${name}" (it has: ${names}); correct the names in the model card.`)
}

function checkMean(session: Session, mean: string, card: ConditionCard | undefined, event: readonly number[]): void {
  if (!card) throw new Error(`The mean "${mean}" is not one of the conditions in the model card.`)
  const { type } = find(session.inputs, mean, 'input')
  const { shape = [] } = card
  if (type !== 'float32' || shape.join() !== event.join()) {
    const [given, expected] = [`${type} [${shape.join(', ')}]`, `float32 [${event.join(', ')}]`]
    throw new Error(`The condition "${mean}" is ${given}; as the mean of the states it must be ${expected}.`)
  }
}

const TIME: TimeLabel = { type: 'linear', scale: 1, offset: 0 }
/** `c_noise = log(rho) / 4` (Karras et al. 2022, table 1). */
const EDM: TimeLabel = { type: 'log-snr', scale: -0.25, offset: 0 }

/** What a network is told of a process time. @throws (at a time) where that is not finite */
export function timeLabel({
  process,
  preconditioning,
  label,
}: Pick<NetworkConfig, 'process' | 'preconditioning' | 'label'>): (t: number) => number {
  const { type, scale, offset } = label ?? (preconditioning ? EDM : TIME)
  const coordinate = type === 'linear' ? (t: number) => t : process.logSnr
  return (t) => {
    const value = scale * coordinate(t) + offset
    if (!Number.isFinite(value)) throw new Error(`The ${type} time label at process time t = ${t} is ${value}.`)
    return value
  }
}
