import { logSumExp } from '../tensor/log-sum-exp.ts'
import { purpose, key as seedKey, stream } from '../tensor/random.ts'
import { logTilt } from './log-weights.ts'
import type { Tree } from './tree.ts'
import type { Settings } from './tree-settings.ts'
import { ChildSums } from './tree-sums.ts'

/** For each leaf `log sum g` over the iterations that ended in it, in the order of the leaves. */
export class LeafGains {
  #logs: Float64Array
  #count: number

  constructor(saved: Float64Array = new Float64Array(0)) {
    this.#logs = Float64Array.from(saved)
    this.#count = saved.length
  }

  /** Counts one more iteration that ended in a leaf, known or new (`leaf` = how many there were). */
  add(leaf: number, logGain: number): void {
    if (leaf === this.#count) {
      if (this.#count === this.#logs.length) {
        const grown = new Float64Array(Math.max(64, 2 * this.#count))
        grown.set(this.#logs)
        this.#logs = grown
      }
      this.#logs[this.#count++] = logGain
      return
    }
    const [a, b] = [Math.max(this.#logs[leaf], logGain), Math.min(this.#logs[leaf], logGain)]
    this.#logs[leaf] = a + Math.log1p(Math.exp(b - a))
  }

  save(): Float64Array {
    return this.#logs.slice(0, this.#count)
  }
}

/** A tree with what its read-outs need. */
export interface ReadableTree {
  readonly tree: Tree<unknown>
  readonly settings: Settings
  /** Of each leaf; empty unless the tree was grown for the read-out `weighted`. */
  readonly gains: Float64Array
  readonly iterations: number
}

/**
 * `log sum g exp(lambda r)` of each leaf: its weight in the exact read-out. @throws if the tree was not grown for that
 */
export function leafLogWeights({ tree, settings, gains }: ReadableTree): Float64Array {
  if (settings.readOut !== 'weighted') {
    throw new Error(
      `this tree was grown for the read-out '${settings.readOut}' and has no exact weights; grow one with readOut 'weighted'`,
    )
  }
  return gains.map((logGain, i) => logGain + logTilt(settings.lambda, tree.value(tree.leaves[i])))
}

/**
 * The tree's estimate of `log E_p[exp(lambda r)]`: over its iterations where they have weights, else the root's value.
 */
export function logZOf(readable: ReadableTree): number | undefined {
  const { tree, settings, iterations } = readable
  if (settings.readOut === 'weighted') return logSumExp(leafLogWeights(readable)) - Math.log(iterations)
  return settings.backup === 'soft' ? logTilt(settings.lambda, tree.value(0)) : undefined
}

/**
 * Draws from a tree's read-out law, with replacement; no model is called.
 * @param logWeights of the leaves; default: from the root, child ~ softmax(lambda v)
 * @returns numbers of leaves, in the order found @throws if there is no leaf
 */
export function drawLeaves(tree: Tree<unknown>, count: number, seed: number, logWeights?: ArrayLike<number>): number[] {
  if (tree.leaves.length === 0) throw new Error('the tree has no leaf yet, so nothing can be drawn from it')
  const draws = stream(purpose(seedKey(seed), 'read-out'))
  if (!logWeights) return Array.from({ length: count }, () => tree.leafIndex(tree.drawLeaf(draws)))
  const sums = new ChildSums(1, logWeights.length)
  for (let i = 0; i < logWeights.length; i++) sums.set(i, logWeights[i])
  return Array.from({ length: count }, () => sums.draw(draws.uniform()))
}
