export interface AdamWOptions {
  /** Learning rate at a step. See {@link warmupCosine}. */
  readonly rate: (step: number) => number
  /** Decay of the first and second moment. Default 0.9, 0.99. */
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  /** Decoupled weight decay per unit of learning rate. Default 0.01. */
  readonly decay?: number
  /** Largest global norm of the gradient; a longer one is scaled down. Default 1. */
  readonly clip?: number
}

/**
 * Linear warm-up to `peak` over the first `warmup` steps, then `peak` until the share `hold` of all steps is done, then
 * half a cosine down to `last * peak` at the final step. With `hold` above 0 a run's early part does not depend on its
 * length: it can be stopped, and resumed with more steps than were planned.
 */
export function warmupCosine(
  peak: number,
  steps: number,
  warmup: number,
  options: { readonly hold?: number; readonly last?: number } = {},
): (step: number) => number {
  const { hold = 0, last = 0.01 } = options
  const from = Math.max(warmup, hold * steps)
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup
    const progress = Math.min(1, Math.max(0, (step - from) / Math.max(1, steps - 1 - from)))
    return peak * (last + (1 - last) * 0.5 * (1 + Math.cos(Math.PI * progress)))
  }
}

/** Named tensors that lie one after another in one array. */
export interface Layout {
  readonly size: number
  readonly slots: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly at: number
    readonly size: number
  }[]
}

export function layoutOf(parameters: Iterable<readonly [string, readonly number[]]>): Layout {
  let at = 0
  const slots = [...parameters].map(([name, shape]) => {
    const size = shape.reduce((a, d) => a * d, 1)
    const slot = { name, shape, at, size }
    at += size
    return slot
  })
  return { size: at, slots }
}

/**
 * AdamW (Loshchilov and Hutter 2019) on one flat array of weights, with clipping by the global norm. Vectors and
 * scalars (biases, normalisation scales) are not decayed.
 */
export class AdamW {
  /** First and second moments, in the layout of the weights. */
  readonly first: Float32Array
  readonly second: Float32Array
  readonly #layout: Layout
  readonly #options: Required<AdamWOptions>

  constructor(layout: Layout, options: AdamWOptions) {
    this.#layout = layout
    this.#options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.01, clip: 1, ...options }
    this.first = new Float32Array(layout.size)
    this.second = new Float32Array(layout.size)
  }

  /**
   * One update of the weights, in place.
   * @param step counted from 0
   * @param gradients one array per slot of the layout
   * @returns the norm of the gradient before clipping
   */
  update(step: number, weights: Float32Array, gradients: readonly Float32Array[]): number {
    const { beta1, beta2, epsilon, clip } = this.#options
    const norm = Math.sqrt(gradients.reduce((sum, g) => sum + sumOfSquares(g), 0))
    const scale = norm > clip ? clip / norm : 1
    const rate = this.#options.rate(step)
    const stepSize = rate / (1 - beta1 ** (step + 1))
    const root2 = Math.sqrt(1 - beta2 ** (step + 1))
    const { first, second } = this
    this.#layout.slots.forEach(({ at, size, shape }, k) => {
      const g = gradients[k]
      const keep = squareish(shape) ? 1 - rate * this.#options.decay : 1
      for (let i = 0, j = at; i < size; i++, j++) {
        const gi = g[i] * scale
        const m = beta1 * first[j] + (1 - beta1) * gi
        const v = beta2 * second[j] + (1 - beta2) * gi * gi
        first[j] = m
        second[j] = v
        weights[j] = keep * weights[j] - (stepSize * m) / (Math.sqrt(v) / root2 + epsilon)
      }
    })
    return norm
  }
}

/** Whether a parameter has two or more axes longer than 1: a matrix or a kernel, not a bias or a scale. */
const squareish = (shape: readonly number[]) => shape.filter((d) => d > 1).length >= 2

function sumOfSquares(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i]
  return sum
}
