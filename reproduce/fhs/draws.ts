/** The closed form of float32 draws, as a chain that can be run at any number of steps. */

import { categorical, fold, purpose, stream } from 'espalier/tensor'
import { type GumbelNoise, maskOf, type TokenSolver, type TokenState } from 'espalier/text'

/**
 * What bad noise leaves of the chance `p` of a rare value, beside one that is likely. With `x = c (1 / p - 1)`: `e^-x` where Gumbels
 * are cut at `-log c` (the closed form of Zheng et al. 2024, to first order in p), `x / (e^x - 1)` on a grid of uniforms with the step c,
 * which puts what is cut on its last point (see `gumbelDraw`).
 */
export function keptShare(p: number, noise: GumbelNoise): number {
  const x = ('bits' in noise ? 2 ** -noise.bits : Math.exp(-noise.largest)) * (1 / p - 1)
  if ('largest' in noise) return Math.exp(-x)
  return x < 1e-8 ? 1 : x / Math.expm1(x)
}

/**
 * The ancestral sampler with Gumbels of bad noise, without a single Gumbel: what they do to a step is a closed form, and steps at which nothing moves are walked by their chances alone. One network call and V numbers a
 * position for every change, whatever the number of steps.
 */
export function predictedGumbels(steps: number, noise: GumbelNoise): TokenSolver {
  return ({ process, prompt }) => {
    const { vocabulary, schedule } = process
    if (process.kind !== 'masked') throw new Error('the closed form is of masked processes')
    const mask = maskOf(process)
    const free = prompt.filter((token) => token === mask).length
    /** Chance that a mask is lifted at a step, if draws are exact. */
    const lift = (j: number) => 1 - schedule.noised(1 - (j + 1) / steps) / schedule.noised(1 - j / steps)
    /** Steps that are behind, which `time` would round. */
    const walked = new WeakMap<TokenState, number>()
    return {
      name: 'predicted-gumbels',
      steps: free,
      cost: () => 1,
      time: (state) => state.time,
      noised: (step) => (free - step) / free,
      asksHere: () => true,
      remembers: true,
      start: (keys) => keys.map(() => ({ tokens: prompt.slice(), time: 1 })),
      async step(states, step, keys, ask) {
        const open = [...states.keys()].filter((i) => states[i].tokens.includes(mask))
        const asked = open.map((i) => states[i])
        const answers =
          open.length > 0
            ? await ask(
                asked,
                asked.map(({ time }) => time),
              )
            : []
        const next = [...states]
        open.forEach((i, k) => {
          const draws = stream(fold(purpose(keys[i], 'closed form'), step))
          const masks = masksOf(states[i].tokens, mask, answers[k], vocabulary, noise)
          const { at, moved } = walk(masks, walked.get(states[i]) ?? 0, lift, draws.uniform)
          const tokens = states[i].tokens.slice()
          for (const { position, drawnAt } of moved) {
            tokens[position] = categorical(draws.uniform(), drawnAt(lift(at)))
          }
          next[i] = { tokens, time: Math.max(0, 1 - (at + 1) / steps) }
          walked.set(next[i], at + 1)
        })
        return next
      },
    }
  }
}

interface Mask {
  readonly position: number
  /** Chance that it is lifted over what it should be, where that is `2^(node / 2)`; remembered. */
  share(node: number): number
  /** Weights of its values where it is lifted. */
  drawnAt(lift: number): Float64Array
}

function masksOf(
  tokens: Int32Array,
  mask: number,
  logits: Float32Array,
  vocabulary: number,
  noise: GumbelNoise,
): Mask[] {
  return [...tokens.keys()]
    .filter((p) => tokens[p] === mask)
    .map((position) => {
      const clean = softmax(logits.subarray(position * vocabulary, (position + 1) * vocabulary))
      const drawnAt = (lift: number) => clean.map((p) => p * keptShare(lift * p, noise))
      const known = new Map<number, number>()
      const share = (node: number) => {
        const value = known.get(node) ?? sum(drawnAt(2 ** (node / 2)))
        known.set(node, value)
        return value
      }
      return { position, share, drawnAt }
    })
}

/** The step at which something moves next, and what; from step `from` on. */
function walk(
  masks: readonly Mask[],
  from: number,
  lift: (step: number) => number,
  draw: () => number,
): { readonly at: number; readonly moved: readonly Mask[] } {
  // Shares are smooth in the logarithm of the chance: straight between powers of the root of 2.
  const [here, above, chances] = [0, 1, 2].map(() => new Float64Array(masks.length))
  let node = Number.NaN
  let left = -Math.log(draw())
  for (let at = from; ; at++) {
    const chance = lift(at)
    const place = 2 * Math.log2(chance)
    if (Math.floor(place) !== node) {
      node = Math.floor(place)
      masks.forEach((mask, m) => {
        here[m] = mask.share(node)
        above[m] = mask.share(Math.min(0, node + 1))
      })
    }
    let hazard = 0
    for (let m = 0; m < masks.length; m++) {
      // At the last step every mask goes.
      chances[m] = chance >= 1 ? 1 : chance * (here[m] + (place - node) * (above[m] - here[m]))
      hazard -= Math.log1p(-chances[m])
    }
    left -= hazard
    if (left > 0) continue
    // Given that something moves: the first one to, and each behind it on its own.
    const moved: Mask[] = []
    let rest = hazard
    for (let m = 0; m < masks.length; m++) {
      const own = moved.length > 0 ? chances[m] : chances[m] / -Math.expm1(-rest)
      rest += Math.log1p(-chances[m])
      if (draw() < own || (moved.length === 0 && m === masks.length - 1)) moved.push(masks[m])
    }
    return { at, moved }
  }
}

export function softmax(logits: Float32Array): Float64Array {
  let max = -Infinity
  for (let v = 0; v < logits.length; v++) if (logits[v] > max) max = logits[v]
  const out = Float64Array.from(logits, (logit) => Math.exp(logit - max))
  const total = sum(out)
  return out.map((p) => p / total)
}

function sum(values: Float64Array): number {
  let total = 0
  for (let v = 0; v < values.length; v++) total += values[v]
  return total
}
