/** How well the tree knows its own values: against the closed form, beside what other methods would use instead. */

import { dts } from 'espalier/search'
import { fold, key, purpose } from 'espalier/tensor'
import { type ReproductionRow, row } from '../result.ts'
import { branchAt, process, type World } from './worlds.ts'

export const estimates = ['DTS', 'one-step look-ahead', 'one rollout'] as const

/**
 * Which nodes are judged. `sampled`: those on the paths of samples, each by the probability that a sample comes through
 * it; these values decide the samples (and were themselves chosen for being large). `passed`: those that iterations went
 * through, each as often; most of these are new branches with a single rollout below them.
 */
export const weightings = { sampled: 'on the paths of samples', passed: 'on the paths of iterations' } as const

/** The metric's name; the figure and the verdict look rows up by it. */
export const valueMetric = (left: number, nodes: keyof typeof weightings, of: 'bias' | 'root mean square error') =>
  `values at ${left} steps left, nodes ${weightings[nodes]}: ${of}`

/**
 * One DTS tree per seed (paper setting). At each branch level the error of three estimates of `V_t(x_t)`: the node's
 * value in the tree, the reward of the one-step look-ahead `r(x0_hat)`, and the reward of one fresh rollout.
 */
export async function valueErrors(world: World, seeds: readonly number[], budget: number): Promise<ReproductionRow[]> {
  const levels = branchAt.slice(1)
  const spent: { nfe: number; rewardEvaluations: number }[] = []
  /** Values per seed, by method and metric. */
  const found = new Map<string, { method: (typeof estimates)[number]; metric: string; values: number[] }>()

  for (const seed of seeds) {
    const { tree, ...result } = await dts({ chain: world.chain, reward: world.reward, seed, budget })
    spent.push(result)
    const throughput = new Float64Array(tree.size)
    tree.leafProbabilities().forEach((p, i) => {
      for (const node of tree.path(tree.leaves[i])) throughput[node] += p
    })
    const sums = new Map<string, { weight: number; error: number; square: number }>()
    for (let node = 1; node < tree.size; node++) {
      if (tree.isLeaf(node)) continue
      const level = tree.depth(node)
      const left = levels[level - 1]
      const state = tree.state(node)
      const truth = world.tilted.value(process, state, left / 100)
      const [lookahead] = await world.chain.lookahead([state], level)
      let rolled = state
      const fresh = purpose(fold(key(seed), node), 'fresh rollout')
      for (let l = level; l < world.chain.depth; l++) [rolled] = await world.chain.step([rolled], l, [fresh])
      const values = [tree.value(node), world.rewardAt(lookahead.data), world.rewardAt(rolled)]
      const weights = { sampled: throughput[node], passed: tree.visits(node) - 1 }
      for (const nodes of ['sampled', 'passed'] as const) {
        values.forEach((value, i) => {
          const slot = `${left} ${nodes} ${i}`
          const sum = sums.get(slot) ?? { weight: 0, error: 0, square: 0 }
          sum.weight += weights[nodes]
          sum.error += weights[nodes] * (value - truth)
          sum.square += weights[nodes] * (value - truth) ** 2
          sums.set(slot, sum)
        })
      }
    }
    for (const nodes of ['sampled', 'passed'] as const) {
      for (const left of levels) {
        estimates.forEach((method, i) => {
          const { weight, error, square } = sums.get(`${left} ${nodes} ${i}`)!
          for (const [of, value] of [
            ['bias', error / weight],
            ['root mean square error', Math.sqrt(square / weight)],
          ] as const) {
            const metric = valueMetric(left, nodes, of)
            const slot = `${metric} ${i}`
            if (!found.has(slot)) found.set(slot, { method, metric, values: [] })
            found.get(slot)!.values.push(value)
          }
        })
      }
    }
  }
  return [...found.values()].map(({ method, metric, values }) =>
    row({ method, setting: method === 'DTS' ? 'C=2, alpha=0.8' : 'at the same nodes', metric }, spent, values),
  )
}
